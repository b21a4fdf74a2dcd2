"""A class for each place: the tag of a word in its sentence, the object that a pixel belongs to.

Trees that see a place and those around it learn from places of all rows at once. They see no more than a network can:
of a sequence only what came before, since a network may be causal on purpose (and the next word may be the label).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .findings import Task
from .skill import Score, classes_of, score_decisions

#: Places before each one of a sequence, and pixels around each one of a picture, that are looked at.
BEFORE, AROUND = 3, 1
#: Places that are learned from, and places that are predicted: a second of time.
MAX_TRAINED, MAX_TESTED = 6_000, 10_000
#: Rows that end in zeros from which on a sequence counts as padded. What a network says there is nobody's concern, and
#: its skill is not comparable.
PADDED = 0.02
TREES = 50


def score_places(
    task: Task,
    trained: tuple[Sequence[np.ndarray], np.ndarray],
    tested: tuple[Sequence[np.ndarray], np.ndarray],
) -> Score | None:
    """Skill of randomized trees on windows.

    Args:
        trained: Inputs and target that are learned from, rows first.
        tested: Those that are predicted; other rows.

    Returns:
        None where labels have no places, no input has the same ones, or sequences are padded.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    labels, truth = (classes_of(task, target) for _, target in (trained, tested))
    axes = labels.ndim - 1
    number = _input_with(labels.shape[1:], trained[0]) if axes in (1, 2) else None
    if number is None or (axes == 1 and _is_padded(np.asarray(trained[0][number]))):
        return None
    generator = np.random.default_rng(0)
    places = int(np.prod(labels.shape[1:]))
    chosen = generator.permutation(len(labels) * places)[:MAX_TRAINED]
    kept = max(1, min(len(truth), MAX_TESTED // places))
    windows = _windows(np.asarray(trained[0][number]), axes)[chosen]
    learner = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=0)
    learner.fit(windows, labels.reshape(-1)[chosen])
    decided = learner.predict(_windows(np.asarray(tested[0][number])[:kept], axes))
    return score_decisions(truth[:kept], decided.reshape(truth[:kept].shape))


def _input_with(places: tuple[int, ...], inputs: Sequence[np.ndarray]) -> int | None:
    for number, part in enumerate(inputs):
        array = np.asarray(part)
        if array.dtype.kind in "biuf" and array.shape[1 : 1 + len(places)] == places and array.ndim <= len(places) + 2:
            return number
    return None


def _is_padded(sequences: np.ndarray) -> bool:
    ends = sequences[:, -1].reshape(len(sequences), -1)
    return bool((ends == 0).all(axis=1).mean() > PADDED)


def _windows(values: np.ndarray, axes: int) -> np.ndarray:
    """For each place of each row the values around it, shape ``(rows * places, columns)``."""
    padding = [(0, 0), (BEFORE, 0)] if axes == 1 else [(0, 0), (AROUND, AROUND), (AROUND, AROUND)]
    size = (BEFORE + 1,) if axes == 1 else (2 * AROUND + 1,) * 2
    deep = values.reshape(*values.shape[: axes + 1], -1).astype(np.float32)
    finite = np.nan_to_num(deep, posinf=0.0, neginf=0.0)
    padded = np.pad(finite, [*padding, (0, 0)], constant_values=float(finite.min()) - 1)
    seen = sliding_window_view(padded, size, axis=tuple(range(1, axes + 1)))
    return np.asarray(seen.reshape(int(np.prod(values.shape[: axes + 1])), -1))
