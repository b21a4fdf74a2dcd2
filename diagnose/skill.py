"""Skill: how much better than trivial predictions are, on a scale that no patch can move.

Skill = (m - m0) / (1 - m0), with m the accuracy (balanced where classes are uneven; mean per label for multilabel
tasks) or R², and m0 what the trivial predictor gets (the most frequent class; the mean). 0 is trivial, 1 perfect, and
nothing is below -1. Predictions are judged as decisions: rows of one-hot labels by their largest entry, never entry by
entry, so that a loss that treats the entries as independent gains nothing by it. Shapes are matched row by row, never
broadcast across rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .findings import Task

FLOOR = -1.0
#: From this ratio of the largest to the smallest class on, accuracy is balanced. KEEL, the collection most used in
#: the study of imbalance, calls data imbalanced from 1.5 on (Alcalá-Fdez et al. 2011); for two classes that is a
#: majority above 60 %.
UNEVEN_RATIO = 1.5
#: Targets with more columns than this, or more than two axes, are one quantity in many places (pixels, time steps):
#: R² is then taken over all entries at once, as single columns may hardly vary (the border of an image). 8 x 8 is the
#: smallest image in use.
POOLED_COLUMNS = 63


@dataclass(frozen=True)
class Score:
    """How good predictions are.

    Attributes:
        skill: 0 trivial, 1 perfect, at least -1; None when the labels do not allow a score (``reason`` says why).
        metric: ``accuracy``, ``balanced_accuracy``, ``label_accuracy`` or ``r2``.
        score: The metric's value, None when not computable.
        trivial: What the trivial predictor gets on the same rows.
        rows: Number of rows scored.
        diverged: The predictions hold NaN or infinity.
        reason: Why there is no score, or what was odd about it; empty otherwise.
    """

    skill: float | None
    metric: str
    score: float | None
    trivial: float | None
    rows: int
    diverged: bool = False
    reason: str = ""


def score(task: Task, labels: np.ndarray, predictions: np.ndarray, from_logits: bool = False) -> Score:
    """Compare predictions with labels of the same rows.

    Args:
        task: The task of this output, inferred from these labels' encoding.
        labels: As they reached ``fit``, rows first. Rows with a NaN label are left out.
        predictions: Of the model, rows first.
        from_logits: The predictions of a classifier are logits, so 0 divides the classes, not the midpoint of the
            labels.

    Example:
        >>> task = Task("binary", 2, "zero_one", 1.0)
        >>> score(task, np.array([0, 1, 0, 1]), np.array([[0.2], [0.9], [0.4], [0.6]])).skill
        1.0
    """
    labels, predictions = _as_rows(labels), _as_rows(predictions)
    metric = metric_name(task)
    if len(labels) != len(predictions):
        return _unscored(metric, f"{len(predictions)} predictions for {len(labels)} rows of labels.")
    kept = np.isfinite(labels).reshape(len(labels), -1).all(axis=1)
    labels, predictions = labels[kept], predictions[kept]
    if len(labels) == 0:
        return _unscored(metric, "No row has finite labels.")
    if not np.isfinite(predictions).all():
        return Score(FLOOR, metric, None, None, len(labels), True, "The predictions hold NaN or infinity.")
    if task.kind == "regression":
        return _score_regression(labels, predictions)
    if task.kind == "multilabel":
        return _score_labels(labels, predictions, from_logits)
    if task.kind in ("binary", "multiclass"):
        truth = classes_of(task, labels)
        return score_decisions(truth, decide(task, labels, predictions, from_logits))
    return _unscored(metric, task.text or "It is unknown what is to be learned.")


def combine(scores: Sequence[Score]) -> Score:
    """The score of a model with several outputs: the mean of their skills, over those that can be scored."""
    scored = [one for one in scores if one.skill is not None]
    if len(scores) == 1 or not scored:
        return scores[0] if scores else _unscored("accuracy", "The model has no outputs with labels.")
    skill = float(np.mean([one.skill for one in scored if one.skill is not None]))
    diverged = any(one.diverged for one in scored)
    reason = next((one.reason for one in scores if one.reason), "")
    values = [one.score for one in scored if one.score is not None]
    trivial = [one.trivial for one in scored if one.trivial is not None]
    return Score(
        skill=FLOOR if diverged else skill,
        metric=scored[0].metric if len({one.metric for one in scored}) == 1 else "mean",
        score=float(np.mean(values)) if values and not diverged else None,
        trivial=float(np.mean(trivial)) if trivial else None,
        rows=max(one.rows for one in scored),
        diverged=diverged,
        reason=reason,
    )


def metric_name(task: Task) -> str:
    """The metric a task is scored by, before the balance of its classes is known."""
    return {"regression": "r2", "multilabel": "label_accuracy"}.get(task.kind, "accuracy")


def skill_of(value: float, trivial: float) -> float:
    """(m - m0) / (1 - m0), not below the floor."""
    return max(FLOOR, (value - trivial) / (1 - trivial))


def classes_of(task: Task, labels: np.ndarray) -> np.ndarray:
    """Class of each row as one number: column index for one-hot rows, else the label value itself.

    Sequence labels keep their middle axes; a trailing axis of size 1 goes.
    """
    labels = _as_rows(labels)
    if is_one_hot(task, labels):
        return np.asarray(labels.argmax(axis=-1), dtype=float)
    return _drop_single_axes(labels)


def is_one_hot(task: Task, labels: np.ndarray) -> bool:
    """Whether a class is spelled as a row of entries (plain, signed, smoothed or scaled) instead of one number."""
    if task.kind == "multiclass" and task.encoding == "one_hot":
        return True
    wide = labels.ndim >= 2 and labels.shape[-1] > 1
    return wide and task.kind == "multiclass" and task.encoding in ("signed", "scaled_integer")


def decide(task: Task, labels: np.ndarray, predictions: np.ndarray, from_logits: bool = False) -> np.ndarray:
    """The class that each prediction says, in the same numbers as :func:`classes_of`.

    - Rows of one-hot labels, and several columns for one label: the largest column. Column i means class id i if the
      ids fit the columns, else the i-th of the sorted class values.
    - One column for two classes: the upper class above the midpoint of the two label values, on logits above 0.
    - One column for more classes: the nearest class value.

    A prediction with further axes (a forgotten ``Flatten``) yields several decisions per row. The labels only tell the
    class values; they need not be of the same rows as the predictions.
    """
    labels, predictions = _as_rows(labels), _as_rows(predictions)
    if is_one_hot(task, labels):
        return _decide_one_hot(labels, predictions)
    truth = _drop_single_axes(labels)
    values = np.unique(truth[np.isfinite(truth)])
    if predictions.shape[-1] == 1 or _drop_single_axes(predictions).shape[1:] == truth.shape[1:]:
        return _nearest(values, _drop_single_axes(predictions), task, from_logits)
    columns = predictions.shape[-1]
    chosen = predictions.argmax(axis=-1)
    integers = bool(np.all(values == np.floor(values)))
    as_ids = integers and values[0] >= 0 and columns > values[-1]
    if as_ids or columns != len(values):
        return np.asarray(chosen, dtype=float)
    return np.asarray(values[chosen])


def _decide_one_hot(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    if predictions.ndim == labels.ndim and predictions.shape[-1] == labels.shape[-1]:
        return np.asarray(predictions.argmax(axis=-1), dtype=float)
    if predictions.ndim > labels.ndim:  # a forgotten Flatten: one decision per place
        return np.asarray(predictions.argmax(axis=-1), dtype=float)
    if _size(predictions) == _size(labels):
        return np.asarray(predictions.reshape(len(predictions), *labels.shape[1:]).argmax(axis=-1), dtype=float)
    # Fewer columns than classes can only ever name the first of them, and one column names none but the first.
    return np.asarray(predictions.reshape(len(predictions), -1).argmax(axis=-1), dtype=float)


def _nearest(values: np.ndarray, predictions: np.ndarray, task: Task, from_logits: bool) -> np.ndarray:
    if len(values) == 1 and task.encoding in ("zero_one", "signed"):
        values = np.array([0.0, 1.0]) if task.encoding == "zero_one" else np.array([-1.0, 1.0])
    midpoints = (values[1:] + values[:-1]) / 2
    if from_logits and len(values) == 2:
        midpoints = np.zeros(1)
    return np.asarray(values[np.searchsorted(midpoints, predictions, side="left")])


def score_decisions(truth: np.ndarray, decided: np.ndarray) -> Score:
    """Accuracy, or balanced accuracy from ``UNEVEN_RATIO`` on, of decided classes against true ones."""
    truth, decided = _match_rows(truth, decided)
    classes, counts = np.unique(truth, return_counts=True)
    rows = len(truth)
    if len(classes) < 2:
        return _unscored("accuracy", "All rows to score have the same class.", rows)
    right = truth == decided
    if counts.max() / counts.min() >= UNEVEN_RATIO:
        value = float(np.mean([right[truth == one].mean() for one in classes]))
        trivial, metric = 1 / len(classes), "balanced_accuracy"
    else:
        value, trivial, metric = float(right.mean()), float(counts.max() / counts.sum()), "accuracy"
    return Score(skill_of(value, trivial), metric, value, trivial, rows)


def _score_labels(labels: np.ndarray, predictions: np.ndarray, from_logits: bool) -> Score:
    """Each label on its own, as (balanced) accuracy; the mean over labels of metric and trivial value."""
    truth, given = _match_rows(labels, predictions)
    truth, given = truth.reshape(len(truth), -1), given.reshape(len(given), -1)
    if truth.shape != given.shape:
        return Score(FLOOR, "label_accuracy", None, None, len(truth), False, _shape_text(labels, predictions))
    low, high = float(truth.min()), float(truth.max())
    decided = np.where(given > (0.0 if from_logits else (low + high) / 2), high, low)
    single = [score_decisions(truth[:, column], decided[:, column]) for column in range(truth.shape[1])]
    pairs = [(one.score, one.trivial) for one in single if one.score is not None and one.trivial is not None]
    if not pairs:
        return _unscored("label_accuracy", "No label varies among the rows to score.", len(truth))
    value, trivial = (float(part) for part in np.mean(pairs, axis=0))
    return Score(skill_of(value, trivial), "label_accuracy", value, trivial, len(truth))


def _score_regression(labels: np.ndarray, predictions: np.ndarray) -> Score:
    rows = len(labels)
    truth, given = _match_rows(labels, predictions)
    truth, given = truth.reshape(rows, -1).astype(float), given.reshape(rows, -1).astype(float)
    if truth.shape != given.shape:
        return Score(FLOOR, "r2", None, 0.0, rows, False, _shape_text(labels, predictions))
    residual = ((truth - given) ** 2).sum(axis=0)
    total = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    varying = total > 1e-12 * np.maximum(1e-300, (truth**2).sum(axis=0))  # rounding of a constant column is no variance
    if not varying.any():
        return _unscored("r2", "The targets do not vary among the rows to score.", rows)
    if labels.ndim > 2 or truth.shape[1] > POOLED_COLUMNS:
        value = 1 - float(residual[varying].sum() / total[varying].sum())
    else:
        value = float(np.mean(1 - residual[varying] / total[varying]))
    return Score(skill_of(value, 0.0), "r2", value, 0.0, rows)


def _match_rows(truth: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring both to one shape, row by row: (n, 1) is (n,), and a single value per row stands against each of several.

    That is what element-wise losses do within a row. Rows never meet other rows.
    """
    if truth.shape == given.shape:
        return truth, given
    rows = len(truth)
    flat_truth, flat_given = truth.reshape(rows, -1), given.reshape(rows, -1)
    widths = flat_truth.shape[1], flat_given.shape[1]
    if widths[0] == widths[1]:
        return truth, given.reshape(truth.shape)
    if widths[0] == 1:
        return np.repeat(flat_truth, widths[1], axis=1), flat_given
    if widths[1] == 1:
        return flat_truth, np.repeat(flat_given, widths[0], axis=1)
    return truth, given


def _as_rows(values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        array = array.astype(float)
    if array.dtype.kind == "b":
        array = array.astype(float)
    return array.reshape(1) if array.ndim == 0 else array


def _drop_single_axes(values: np.ndarray) -> np.ndarray:
    shape = [values.shape[0], *(size for size in values.shape[1:] if size != 1)]
    return values.reshape(shape).astype(float)


def _size(values: np.ndarray) -> int:
    return int(np.prod(values.shape[1:]))


def _shape_text(labels: np.ndarray, predictions: np.ndarray) -> str:
    return f"Predictions of shape {predictions.shape[1:]} do not fit labels of shape {labels.shape[1:]} per row."


def _unscored(metric: str, reason: str, rows: int = 0) -> Score:
    return Score(None, metric, None, None, rows, False, reason)
