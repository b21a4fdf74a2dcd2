"""What a child writes is what the runner reads, also when the child died halfway."""

from __future__ import annotations

import numpy as np
from dlfix.repair.trials import files


def test_rows_and_predictions_round_trip(tmp_path):
    rows = files.CapturedRows(
        (np.arange(6), np.eye(6)), (np.arange(2), np.eye(6)[:2]), np.array([0, 1]), np.ones(6, bool), "holdout"
    )
    files.write_rows(tmp_path, rows)
    files.write_predictions(tmp_path, [np.zeros((2, 1)), np.ones((2, 6))])
    read = files.read_rows(tmp_path)
    assert read is not None
    assert read.split == "holdout"
    assert read.rows == 6
    assert all(np.array_equal(one, other) for one, other in zip(read.labels, rows.labels, strict=True))
    predictions = files.read_predictions(tmp_path)
    assert predictions is not None
    assert [array.shape for array in predictions] == [(2, 1), (2, 6)]


def test_report_round_trip(tmp_path):
    report = files.TrialReport("completed", epochs=3, metrics={"loss": [1.0, float("nan")]}, from_logits=[True])
    files.write_report(tmp_path, report)
    read = files.read_report(tmp_path)
    assert read is not None
    assert (read.epochs, read.from_logits) == (3, [True])


def test_nothing_and_half_a_file_are_nothing(tmp_path):
    assert files.read_rows(tmp_path) is None
    assert files.read_report(tmp_path) is None
    (tmp_path / files.ROWS).write_bytes(b"PK\x03\x04 half")
    (tmp_path / files.REPORT).write_text("{")
    assert files.read_rows(tmp_path) is None
    assert files.read_report(tmp_path) is None


def test_no_pickle_is_read(tmp_path):
    with (tmp_path / files.PREDICTIONS).open("wb") as stream:
        np.savez(stream, predictions_0=np.array([{"a": 1}], dtype=object))
    assert files.read_predictions(tmp_path) is None


def test_labels_too_large_to_keep_leave_the_scored_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LABEL_ENTRIES", 10)
    rows = files.CapturedRows((np.zeros((20, 3)),), (np.ones((5, 3)),), np.arange(5), np.ones(20, bool), "holdout")
    files.write_rows(tmp_path, rows)
    read = files.read_rows(tmp_path)
    assert read is not None
    assert read.labels[0].shape == (0, 3)
    assert read.scored_labels[0].shape == (5, 3)
