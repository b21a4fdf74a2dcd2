"""What a trial writes in the child process and the runner reads back: one JSON file and two ``.npz`` files, no pickle.

- ``rows.npz``, written when the watched ``fit`` begins, before any training: labels as they reached ``fit``, which rows
  were clean, and which are scored.
- ``predictions.npz``, written after it: predictions on the scored rows.
- ``trial.json``: everything else.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ...diagnose.whole_files import replacing, write_atomically

ROWS, PREDICTIONS, REPORT = "rows.npz", "predictions.npz", "trial.json"
#: Labels of all rows are kept up to this many entries (32 MB as doubles); of larger targets only the scored rows.
MAX_LABEL_ENTRIES = 4_000_000


@dataclass(frozen=True)
class CapturedRows:
    """Labels that reached the watched ``fit``.

    Attributes:
        labels: Per output, the labels of all training rows before any split; empty arrays when too large to keep.
        scored_labels: Per output, the labels of the scored rows.
        scored: Indices of the scored rows among the training rows; empty when validation data or batches are scored.
        clean: For each training row, whether its inputs and labels are finite.
        split: ``validation``, ``holdout``, ``training``, or ``test`` for rows that the script evaluates on afterwards.
    """

    labels: tuple[np.ndarray, ...]
    scored_labels: tuple[np.ndarray, ...]
    scored: np.ndarray
    clean: np.ndarray
    split: str

    @property
    def rows(self) -> int:
        return len(self.clean)


@dataclass(frozen=True)
class TrialReport:
    """What the child says of the watched ``fit``.

    Attributes:
        state: ``completed``, ``raised`` (``error`` has the message) or ``no fit``. Of a completed one, ``error`` says
            what the script raised behind its training.
        epochs: Finished epochs. ``own_epochs``: What the script asked for.
        from_logits: Per output, whether its predictions are logits.
        fit_seconds: Of the watched fit. ``compile_seconds``: What of that its first epoch took beyond the others.
        loss_finite: False when training was stopped because the loss was NaN or infinite.
        notes: What could not be done, for the user.
    """

    state: str
    epochs: int = 0
    own_epochs: int = 0
    fits: int = 0
    metrics: dict[str, list[float]] = field(default_factory=dict)
    from_logits: list[bool] = field(default_factory=list)
    loss_finite: bool = True
    fit_seconds: float = 0.0
    compile_seconds: float = 0.0
    error: str = ""
    notes: list[str] = field(default_factory=list)


def write_rows(folder: Path, rows: CapturedRows) -> None:
    keep = sum(label.size for label in rows.labels) <= MAX_LABEL_ENTRIES
    arrays: dict[str, np.ndarray] = {"scored": rows.scored, "clean": rows.clean, "split": np.array(rows.split)}
    for index, label in enumerate(rows.labels):
        arrays[f"labels_{index}"] = label if keep else label[:0]
    for index, label in enumerate(rows.scored_labels):
        arrays[f"scored_labels_{index}"] = label
    _save(folder / ROWS, arrays)


def read_rows(folder: Path) -> CapturedRows | None:
    """None when the trial never reached the watched ``fit``."""
    arrays = _load(folder / ROWS)
    if arrays is None:
        return None
    return CapturedRows(
        labels=_numbered(arrays, "labels_"),
        scored_labels=_numbered(arrays, "scored_labels_"),
        scored=arrays["scored"],
        clean=arrays["clean"],
        split=str(arrays["split"]),
    )


def write_predictions(folder: Path, predictions: list[np.ndarray]) -> None:
    _save(folder / PREDICTIONS, {f"predictions_{index}": array for index, array in enumerate(predictions)})


def read_predictions(folder: Path) -> tuple[np.ndarray, ...] | None:
    arrays = _load(folder / PREDICTIONS)
    return None if arrays is None else _numbered(arrays, "predictions_")


def write_report(folder: Path, report: TrialReport) -> None:
    write_atomically(folder / REPORT, json.dumps(asdict(report)).encode())


def read_report(folder: Path) -> TrialReport | None:
    """None when the child died before it could write one."""
    try:
        document: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return TrialReport(**document)
    except (OSError, ValueError, TypeError):
        return None


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def _load(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None


def _numbered(arrays: dict[str, np.ndarray], prefix: str) -> tuple[np.ndarray, ...]:
    count = sum(name.startswith(prefix) for name in arrays)
    return tuple(arrays[f"{prefix}{index}"] for index in range(count))
