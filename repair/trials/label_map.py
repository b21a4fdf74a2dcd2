"""Brings what a patched run predicts back to the labels of the unpatched one, so that both are scored against the same.

A patch may encode labels anew (one-hot, 0/1 for ±1), number them otherwise or scale them. What it did is read off the
labels themselves: the same rows in the same order reached ``fit`` in both runs, so each row is a pair (label before,
label now). If no consistent transformation explains the pairs, the runs did not learn the same thing and no score is
given; a patch must not win by changing the task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...diagnose.findings import Task
from ...diagnose.skill import POOLED_COLUMNS, Score, classes_of, decide, score, score_decisions
from ...diagnose.task import array_facts, infer_task
from .files import CapturedRows

#: Largest deviation from an affine map, in standard deviations of the original labels: float32 rounding of standardized
#: values with an offset of a thousand standard deviations is 1e-4, and half-precision is not used for labels.
TOLERANCE = 1e-3


class LabelMismatch(Exception):
    """The labels of two runs do not belong to the same rows, or say different things about them."""


@dataclass(frozen=True)
class RowPairs:
    """Labels of the same rows before and after the patch, for one output.

    Attributes:
        before, after: All rows that both runs saw; what the map is read off.
        scored_before, scored_after: The rows that predictions are of.
    """

    before: np.ndarray
    after: np.ndarray
    scored_before: np.ndarray
    scored_after: np.ndarray


def pair_rows(baseline: CapturedRows, trial: CapturedRows) -> tuple[RowPairs, ...]:
    """Match the rows of a patched run with the baseline's.

    Raises:
        LabelMismatch: There is no such matching.
    """
    if len(baseline.scored_labels) != len(trial.scored_labels):
        counts = f"{len(trial.scored_labels)} targets instead of {len(baseline.scored_labels)}"
        raise LabelMismatch(f"The patched run has {counts}.")
    if baseline.split != trial.split:
        raise LabelMismatch(
            f"The patched run would be scored on {trial.split} rows, the baseline on {baseline.split} rows."
        )
    pairs = []
    for index in range(len(trial.scored_labels)):
        pairs.append(_pair_output(baseline, trial, index))
    return tuple(pairs)


def _pair_output(baseline: CapturedRows, trial: CapturedRows, index: int) -> RowPairs:
    before, after = baseline.labels[index], trial.labels[index]
    scored_before, scored_after = baseline.scored_labels[index], trial.scored_labels[index]
    if len(before) > len(after) and int(np.count_nonzero(baseline.clean)) == len(after):
        before = before[baseline.clean]  # the patch dropped the rows with NaN
        if len(scored_before) > len(scored_after) and len(baseline.scored) == len(scored_before):
            scored_before = scored_before[baseline.clean[baseline.scored]]
    same_rows = len(before) != len(baseline.clean) or np.array_equal(baseline.scored, trial.scored)
    if len(scored_before) == len(scored_after) and len(before) == len(after) and same_rows:
        all_before = np.concatenate([before, scored_before])
        all_after = np.concatenate([after, scored_after])
        return RowPairs(all_before, all_after, scored_before, scored_after)
    if (
        len(after) < len(before)
        and _is_part_of(after, before)
        and _is_part_of(scored_after, np.concatenate([before, scored_before]))
    ):
        # Rows were dropped before the script drew its own split, so they cannot be matched one by one. The label values
        # are the same numbers as before, so nothing was encoded anew, and the trial is scored on its own rows.
        return RowPairs(scored_after, scored_after, scored_after, scored_after)
    raise LabelMismatch(
        f"The patched run trained on {len(after)} rows and is scored on {len(scored_after)}, the baseline on "
        f"{len(before)} and {len(scored_before)}; the rows cannot be matched."
    )


def pair_reordered(baseline: CapturedRows, trial: CapturedRows) -> tuple[RowPairs, ...]:
    """The rows of a run that puts the same rows into another order, so that others are held out: scored by themselves.

    Raises:
        LabelMismatch: They are not the same labels.
    """
    if not baseline.clean.all():
        raise LabelMismatch("Rows that hold NaN cannot be told from others once their order has changed.")
    pairs = []
    for before, after, scored in zip(baseline.labels, trial.labels, trial.scored_labels, strict=True):
        if len(before) != len(after) or not _is_part_of(after, before):
            raise LabelMismatch("The patched run does not have the same labels in another order.")
        pairs.append(RowPairs(scored, scored, scored, scored))
    return tuple(pairs)


def _is_part_of(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether each label occurs in the whole at least as often as in the part."""
    if part.shape[1:] != whole.shape[1:] or len(part) == 0:
        return False
    rows, counts = np.unique(part.reshape(len(part), -1), axis=0, return_counts=True)
    all_rows, all_counts = np.unique(whole.reshape(len(whole), -1), axis=0, return_counts=True)
    have = {row.tobytes(): count for row, count in zip(all_rows, all_counts, strict=True)}
    return all(have.get(row.tobytes(), 0) >= count for row, count in zip(rows, counts, strict=True))


def score_against(task: Task, pairs: RowPairs, predictions: np.ndarray, from_logits: bool = False) -> Score:
    """Score predictions of a patched run against the original labels of the same rows.

    Args:
        task: The task of the baseline's labels.
        pairs: Of this output.
        predictions: Of the scored rows, in the space of the patched run's labels.
        from_logits: Whether they are logits.

    Raises:
        LabelMismatch: No map from the labels now to the labels before explains the rows.
    """
    predictions = np.asarray(predictions)
    if len(predictions) != len(pairs.scored_before):
        raise LabelMismatch(f"{len(predictions)} predictions for {len(pairs.scored_before)} rows.")
    if _same(pairs.before, pairs.after):
        if task.kind in ("binary", "multiclass"):
            return _score_classes(task, task, pairs, predictions, from_logits)
        return score(task, pairs.scored_before, predictions, from_logits)
    if not np.isfinite(predictions).all():
        return score(task, pairs.scored_before, predictions, from_logits)
    if task.kind in ("binary", "multiclass"):
        return _score_classes(task, _class_spelling(pairs), pairs, predictions, from_logits)
    if task.kind == "multilabel":
        return _score_labels(task, pairs, predictions, from_logits)
    if task.kind == "regression":
        return score(task, pairs.scored_before, _to_original_numbers(pairs, predictions))
    return score(task, pairs.scored_before, predictions, from_logits)


def _same(before: np.ndarray, after: np.ndarray) -> bool:
    if before.shape == after.shape:
        return bool(np.array_equal(before, after, equal_nan=before.dtype.kind == "f" and after.dtype.kind == "f"))
    return before.size == after.size and len(before) == len(after) and _same(before.reshape(-1), after.reshape(-1))


def _class_spelling(pairs: RowPairs) -> Task:
    """How the patched run spells classes: rows of entries, or one number."""
    after, before = pairs.after, pairs.before
    wide = after.ndim >= 2 and after.shape[-1] > 1
    if wide and not (before.ndim == after.ndim and before.shape == after.shape and _holds_ids(after)):
        return Task("multiclass", after.shape[-1], "one_hot", 1.0)
    found = infer_task(array_facts("labels", after))
    kind = "binary" if len(np.unique(after[np.isfinite(after)])) == 2 else "multiclass"
    return Task(kind, found.classes, found.encoding if found.kind == kind else "other_integer", 1.0)


def _holds_ids(after: np.ndarray) -> bool:
    """Rows of class ids (one per time step), not one-hot rows."""
    sums = after.sum(axis=-1)
    return bool(np.any(sums != sums.reshape(-1)[0]))


def _score_classes(task: Task, spelling: Task, pairs: RowPairs, predictions: np.ndarray, from_logits: bool) -> Score:
    if not np.isfinite(predictions).all():
        return score(task, pairs.scored_before, predictions, from_logits)
    before, after = classes_of(task, pairs.before), classes_of(spelling, pairs.after)
    decided = decide(spelling, pairs.after, predictions, from_logits)
    original = _relabelling(before, after)
    renamed = np.array([original.get(value, np.nan) for value in decided.reshape(-1).tolist()]).reshape(decided.shape)
    truth = classes_of(task, pairs.scored_before)
    kept = np.isfinite(truth).reshape(len(truth), -1).all(axis=1)
    return score_decisions(truth[kept], renamed[kept])


def _relabelling(before: np.ndarray, after: np.ndarray) -> dict[float, float]:
    """Class now -> class before, one to one."""
    if before.shape != after.shape:
        shapes = f"{after.shape[1:]} per row do not spell classes of shape {before.shape[1:]}"
        raise LabelMismatch(f"Labels of shape {shapes}.")
    known = np.isfinite(before.reshape(-1)) & np.isfinite(after.reshape(-1))
    found = np.unique(np.stack([after.reshape(-1)[known], before.reshape(-1)[known]], axis=1), axis=0)
    original = {float(now): float(then) for now, then in found}
    if len(original) != len(found) or len(set(original.values())) != len(found):
        raise LabelMismatch("The labels of the patched run do not correspond to the original ones row by row.")
    return original


def _score_labels(task: Task, pairs: RowPairs, predictions: np.ndarray, from_logits: bool) -> Score:
    if pairs.before.shape != pairs.after.shape:
        raise LabelMismatch(f"Labels of shape {pairs.after.shape[1:]} per row instead of {pairs.before.shape[1:]}.")
    original = _relabelling(pairs.before.astype(float), pairs.after.astype(float))
    low, high = min(original), max(original)
    upper = predictions > (0.0 if from_logits else (low + high) / 2)
    return score(task, pairs.scored_before, np.where(upper, original[high], original[low]))


def _to_original_numbers(pairs: RowPairs, predictions: np.ndarray) -> np.ndarray:
    rows = len(predictions)
    before, after = _flat(pairs.before), _flat(pairs.after)
    if before.shape != after.shape:
        raise LabelMismatch(f"Targets of shape {pairs.after.shape[1:]} per row instead of {pairs.before.shape[1:]}.")
    known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    before, after = before[known], after[known]
    given = predictions.reshape(rows, -1).astype(float)
    if pairs.before.ndim > 2 or before.shape[1] > POOLED_COLUMNS:
        return _inverse(before.reshape(-1), after.reshape(-1))(given).reshape(predictions.shape)
    maps = [_inverse(before[:, column], after[:, column]) for column in range(before.shape[1])]
    if len(maps) == 1 or given.shape[1] == 1:
        mapped = np.concatenate([each(given) for each in maps], axis=1)
    elif given.shape[1] == len(maps):
        mapped = np.stack([each(given[:, column]) for column, each in enumerate(maps)], axis=1)
    else:
        return predictions
    return mapped.reshape(predictions.shape) if mapped.size == predictions.size else mapped


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).astype(float)


def _same_numbers(values: np.ndarray) -> np.ndarray:
    return values


#: Usual transformations of positive targets: what the patch applied, and its inverse.
_CURVES: tuple[tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]], ...] = (
    (_same_numbers, _same_numbers),
    (np.log, np.exp),
    (np.log1p, np.expm1),
    (np.sqrt, np.square),
    (np.cbrt, lambda values: values**3),
    (np.reciprocal, np.reciprocal),
    (np.exp, np.log),
    (np.square, np.sqrt),
)


def _inverse(before: np.ndarray, after: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The function that turns labels now into labels before."""
    if len(before) == 0:
        raise LabelMismatch("No row has finite labels in both runs.")
    if np.ptp(before) == 0:
        constant = before[0]
        return lambda values: np.full_like(values, constant)
    if np.ptp(after) == 0:
        raise LabelMismatch("The patched run's targets are all the same.")
    for forward, backward in _CURVES:
        mapped = _curve(before, after, forward, backward)
        if mapped is not None:
            return mapped
    return _monotone(before, after)


def _curve(
    before: np.ndarray,
    after: np.ndarray,
    forward: Callable[[np.ndarray], np.ndarray],
    backward: Callable[[np.ndarray], np.ndarray],
) -> Callable[[np.ndarray], np.ndarray] | None:
    """The map ``before = backward(slope * after + offset)``, if it holds for every row."""

    def mapped(values: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return backward(slope * values + offset)

    with np.errstate(all="ignore"):
        goal = forward(before)
    if not np.isfinite(goal).all() or np.ptp(goal) == 0:
        return None
    centred = after - after.mean()
    slope = float((centred * (goal - goal.mean())).sum() / (centred**2).sum())
    offset = float(goal.mean() - slope * after.mean())
    again = mapped(after)
    # Compared as original labels: on a steep curve one outlier may be all that counts.
    fits = bool(np.isfinite(again).all()) and np.abs(again - before).max() <= TOLERANCE * before.std()
    return mapped if fits else None


def _monotone(before: np.ndarray, after: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Any strictly monotone transformation, by interpolation; beyond the rows seen the outermost values hold."""
    order = np.lexsort((before, after))
    now, then = after[order], before[order]
    steps_now, steps_then = np.diff(now), np.diff(then)
    together = np.all((steps_now > 0) == (steps_then != 0)) and (np.all(steps_then >= 0) or np.all(steps_then <= 0))
    if len(now) < 5 or not together:  # four points in order are met by chance once in a dozen times
        raise LabelMismatch("The targets of the patched run do not correspond to the original ones row by row.")
    return lambda values: np.interp(values, now, then)
