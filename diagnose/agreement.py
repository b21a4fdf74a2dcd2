"""Where predictions and labels agree: per class, and between the columns of regressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .findings import Task
from .skill import classes_of, decide

#: A table of more classes says little to a reader and is mostly empty at the sizes of held-out samples.
MAX_CLASSES = 50
#: Columns of predictions and targets that are compared with each other.
MAX_COLUMNS = 16
#: Decisions that a table is counted from; sequences and segmentations have one per place.
MAX_DECISIONS = 1_000_000


def agreement_facts(
    tasks: Sequence[Task], labels: Sequence[np.ndarray], outputs: Sequence[np.ndarray], logits: Sequence[bool]
) -> dict[str, Any]:
    """What a single score hides, as JSON-able facts.

    Returns:
        ``classes``, ``confusion`` (rows true, columns predicted), ``predicted_shares`` and ``recalls``, each in the
        order of ``classes``, for the first output that is a classification of at most 50 classes;
        ``cross_correlation`` (rows predicted, columns true; all regression outputs side by side, at most 16 columns)
        and ``correlation`` (mean of its diagonal) for regressions. A name is missing where it has no meaning.

    Example:
        >>> task = Task("binary", 2, "zero_one", 1.0)
        >>> agreement_facts([task], [np.array([0, 1, 1])], [np.array([[0.1], [0.9], [0.2]])], [False])["confusion"]
        [[1, 0], [1, 1]]
    """
    facts: dict[str, Any] = {}
    columns: list[tuple[np.ndarray, np.ndarray]] = []
    for task, truth, predicted, from_logits in zip(tasks, labels, outputs, logits, strict=False):
        if len(truth) != len(predicted) or np.asarray(truth).dtype.kind not in "biuf":
            continue
        if task.kind in ("binary", "multiclass") and "confusion" not in facts:
            facts |= confusion_facts(task, truth, predicted, from_logits)
        elif task.kind == "regression":
            columns.append((_table(truth), _table(predicted)))
    fitting = [pair for pair in columns if pair[0].shape == pair[1].shape]
    if fitting and len(fitting) == len(columns) and sum(pair[0].shape[1] for pair in fitting) <= MAX_COLUMNS:
        truth, predicted = (np.concatenate([pair[side] for pair in fitting], axis=1) for side in (0, 1))
        facts |= correlation_facts(truth, predicted)
    return facts


def _table(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=float).reshape(len(values), -1)


def confusion_facts(task: Task, truth: np.ndarray, predicted: np.ndarray, from_logits: bool) -> dict[str, Any]:
    """The table of true against decided classes; empty when they do not match one to one."""
    if not np.isfinite(np.asarray(predicted, dtype=float)).all():
        return {}
    finite = np.isfinite(np.asarray(truth, dtype=float).reshape(len(truth), -1)).all(axis=1)
    true = classes_of(task, np.asarray(truth)[finite]).ravel()
    decided = np.asarray(decide(task, truth, predicted, from_logits))[finite].ravel()
    if true.shape != decided.shape or not true.size or true.size > MAX_DECISIONS:
        return {}
    classes = np.unique(np.concatenate([true, decided]))
    if len(classes) > MAX_CLASSES:
        return {}
    size = len(classes)
    pairs = np.searchsorted(classes, true) * size + np.searchsorted(classes, decided)
    table = np.bincount(pairs, minlength=size * size).reshape(size, size)
    rows = table.sum(axis=1)
    return {
        "classes": [float(value) for value in classes],
        "confusion": table.tolist(),
        "predicted_shares": (table.sum(axis=0) / table.sum()).tolist(),
        "recalls": [float(table[i, i] / rows[i]) if rows[i] else None for i in range(size)],
    }


def correlation_facts(truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Pearson correlations of every predicted with every true column; None where one of them does not vary."""
    if len(truth) < 3 or not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
        return {}
    left, right = _standardized(predicted), _standardized(truth)
    table = left.T @ right / len(truth)
    known = np.outer(left.any(axis=0), right.any(axis=0))
    diagonal = np.diagonal(table)[np.diagonal(known)]
    return {
        "cross_correlation": [
            [float(value) if there else None for value, there in zip(*rows, strict=True)]
            for rows in zip(table, known, strict=True)
        ],
        "correlation": float(diagonal.mean()) if diagonal.size else None,
    }


def _standardized(table: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1; zeros where a column varies by no more than rounding."""
    centred = table - table.mean(axis=0)
    deviation = centred.std(axis=0)
    varies = deviation > 1e-9 * np.maximum(np.abs(table).max(axis=0), 1e-300)
    result: np.ndarray = np.where(varies, centred / np.where(varies, deviation, 1.0), 0.0)
    return result
