"""Predictions come back to the original labels, whatever a patch did to them, or are refused."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.diagnose.findings import Task
from dlfix.repair.trials.files import CapturedRows
from dlfix.repair.trials.label_map import LabelMismatch, RowPairs, pair_reordered, pair_rows, score_against

GENERATOR = np.random.default_rng(2)
DIGITS = GENERATOR.integers(0, 10, 400)
REALS = GENERATOR.uniform(10, 500, 400)
INTEGER = Task("multiclass", 10, "integer", 1.0)
ONE_HOT = Task("multiclass", 10, "one_hot", 1.0)
SCALED = Task("multiclass", 10, "scaled_integer", 1.0)
BINARY = Task("binary", 2, "zero_one", 1.0)
REAL = Task("regression", None, "real", 1.0)


def pairs(before, after, scored=slice(0, 100)):
    before, after = np.asarray(before), np.asarray(after)
    return RowPairs(before, after, before[scored], after[scored])


def test_integer_to_one_hot():
    here = pairs(DIGITS, np.eye(10)[DIGITS])
    assert score_against(INTEGER, here, here.scored_after).skill == 1.0


def test_one_hot_to_integer():
    here = pairs(np.eye(10)[DIGITS], DIGITS)
    assert score_against(ONE_HOT, here, np.eye(10)[here.scored_after]).skill == 1.0


def test_scaled_ids_to_ids():
    here = pairs(DIGITS / 255, DIGITS)
    assert score_against(SCALED, here, np.eye(10)[here.scored_after]).skill == 1.0


def test_ids_from_one_to_zero():
    here = pairs(DIGITS + 1, DIGITS)
    task = Task("multiclass", 10, "one_based", 1.0)
    assert score_against(task, here, np.eye(10)[here.scored_after]).skill == 1.0
    assert score_against(task, here, np.eye(10)[(here.scored_after + 1) % 10]).skill < 0


def test_signed_to_zero_one_moves_the_threshold():
    labels = DIGITS % 2
    here = pairs(labels * 2 - 1, labels)
    task = Task("binary", 2, "signed", 1.0)
    predictions = np.where(here.scored_after == 1, 0.6, 0.4)[:, None]  # above zero throughout
    assert score_against(task, here, predictions).skill == 1.0


def test_any_relabelling_one_to_one():
    shuffled = GENERATOR.permutation(10)
    here = pairs(DIGITS, shuffled[DIGITS])
    assert score_against(INTEGER, here, np.eye(10)[here.scored_after]).skill == 1.0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda y: (y - y.mean()) / y.std(), id="standardized"),
        pytest.param(lambda y: y / 1000, id="divided"),
        pytest.param(lambda y: ((y - y.mean()) / y.std()).astype("float32"), id="float32"),
        pytest.param(lambda y: -y, id="turned"),
        pytest.param(np.log, id="log"),
        pytest.param(np.log1p, id="log1p"),
        pytest.param(np.sqrt, id="root"),
        pytest.param(lambda y: np.argsort(np.argsort(y)) / len(y), id="ranks"),
    ],
)
def test_scaled_targets(change):
    here = pairs(REALS, change(REALS))
    assert score_against(REAL, here, here.scored_after[:, None]).skill == pytest.approx(1.0, abs=1e-3)
    constant = np.full((100, 1), np.median(here.scored_after))
    assert score_against(REAL, here, constant).skill <= 0.0


def test_scaling_targets_does_not_make_poor_predictions_good():
    """Errors a thousand times smaller in scaled units are the same errors."""
    noise = GENERATOR.normal(0, 100, 100)
    plain = score_against(REAL, pairs(REALS, REALS), REALS[:100] + noise)
    scaled = score_against(REAL, pairs(REALS, REALS / 1000), (REALS[:100] + noise) / 1000)
    assert scaled.skill == pytest.approx(plain.skill)


def test_each_column_has_its_own_scale():
    before = np.stack([REALS, -3 * REALS[::-1]], axis=1)
    after = (before - before.mean(axis=0)) / before.std(axis=0)
    here = pairs(before, after)
    assert score_against(REAL, here, here.scored_after).skill == pytest.approx(1.0)


def test_one_hot_with_sigmoid_and_binary_cross_entropy_gains_nothing():
    """Entry by entry a constant low output is 90 % right; as a decision it is trivial."""
    labels = np.eye(10)[DIGITS]
    here = pairs(labels, labels)
    entries_right = ((np.full((100, 10), 0.1) > 0.5) == (here.scored_before > 0.5)).mean()
    assert entries_right == pytest.approx(0.9)
    assert score_against(ONE_HOT, here, np.full((100, 10), 0.1)).skill == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("task", "before", "after"),
    [
        pytest.param(INTEGER, DIGITS, GENERATOR.permutation(DIGITS), id="shuffled classes"),
        pytest.param(INTEGER, DIGITS, DIGITS // 2, id="merged classes"),
        pytest.param(REAL, REALS, GENERATOR.permutation(REALS), id="shuffled numbers"),
        pytest.param(REAL, REALS, np.clip(REALS, 100, 200), id="clipped numbers"),
        pytest.param(REAL, REALS, np.ones_like(REALS), id="no numbers left"),
        pytest.param(REAL, np.stack([REALS, REALS**2], axis=1), REALS[:, None], id="fewer columns"),
    ],
)
def test_other_labels_are_refused(task, before, after):
    here = pairs(before, after)
    with pytest.raises(LabelMismatch):
        score_against(task, here, here.scored_after)


def test_diverged_whatever_the_encoding():
    here = pairs(REALS, REALS / 1000)
    assert score_against(REAL, here, np.full(100, np.nan)).diverged


def captured(labels, scored, clean=None, split="holdout"):
    labels = np.asarray(labels)
    clean = np.ones(len(labels), dtype=bool) if clean is None else clean
    return CapturedRows((labels,), (labels[scored],), np.asarray(scored), clean, split)


def test_rows_are_paired_by_place():
    (pair,) = pair_rows(captured(DIGITS, [1, 5]), captured(np.eye(10)[DIGITS], [1, 5]))
    assert np.array_equal(pair.scored_after.argmax(axis=1), pair.scored_before)


def test_dropped_dirty_rows_are_matched():
    labels = np.arange(100.0)
    clean = np.ones(100, dtype=bool)
    clean[[2, 40]] = False
    kept = labels[clean]
    scored = np.arange(0, 98, 4)
    baseline = captured(labels, np.flatnonzero(clean)[scored], clean)
    (pair,) = pair_rows(baseline, captured(kept / 10, scored))
    assert np.allclose(pair.scored_before, pair.scored_after * 10)
    assert np.allclose(pair.before, pair.after * 10)


def test_dropped_rows_before_the_scripts_own_split_keep_their_values():
    baseline = captured(np.arange(100.0), np.arange(0, 100, 4))
    trial = captured(np.arange(100.0)[::-1][:90], np.arange(0, 90, 4))
    (pair,) = pair_rows(baseline, trial)
    assert np.array_equal(pair.scored_before, pair.scored_after)


@pytest.mark.parametrize(
    ("baseline", "trial"),
    [
        pytest.param(captured(DIGITS, [1]), captured(DIGITS[:50] + 20, [1]), id="fewer rows of other values"),
        pytest.param(captured(DIGITS, [1]), captured(np.tile(DIGITS, 2), [1]), id="more rows"),
        pytest.param(captured(DIGITS, [1]), captured(DIGITS, [1], split="validation"), id="another split"),
        pytest.param(captured(DIGITS, [1, 2]), captured(DIGITS, [1, 3]), id="other scored rows"),
        pytest.param(
            captured(DIGITS, [1]), CapturedRows((), (), np.array([]), np.array([]), "holdout"), id="no targets"
        ),
    ],
)
def test_rows_that_cannot_be_matched_are_refused(baseline, trial):
    with pytest.raises(LabelMismatch):
        pair_rows(baseline, trial)


def test_rows_in_another_order_are_scored_by_themselves():
    order = GENERATOR.permutation(400)
    baseline, trial = captured(np.sort(DIGITS), range(320, 400)), captured(np.sort(DIGITS)[order], range(320, 400))
    (pair,) = pair_reordered(baseline, trial)
    assert np.array_equal(pair.scored_before, trial.scored_labels[0])
    assert score_against(INTEGER, pair, np.eye(10)[pair.scored_after]).skill == 1.0
    with pytest.raises(LabelMismatch):
        pair_reordered(baseline, captured(np.sort(DIGITS)[order] + 1, range(320, 400)))
    dirty = np.arange(400) > 0
    with pytest.raises(LabelMismatch):
        pair_reordered(captured(DIGITS, [1], dirty), captured(DIGITS[order], [1], dirty))
