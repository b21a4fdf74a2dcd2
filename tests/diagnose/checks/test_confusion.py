"""Predictions against labels, class by class and column by column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import GENERATOR, IDS, REAL, firing, on, run, silent
from dlfix.diagnose.agreement import agreement_facts
from dlfix.diagnose.findings import Task
from dlfix.diagnose.trace import FitTrace

CLASSES = on(IDS, (3, "softmax"), "sparse_categorical_crossentropy")
RARE = on((np.arange(600) < 20).astype(int), (1, "sigmoid"), "binary_crossentropy", np.ones((600, 4), np.float32))
REGRESSION = on(REAL, (1, "linear"), "mean_squared_error")
TARGETS = GENERATOR.normal(size=(100, 3))


def judged(table: list[list[int]], fit: FitTrace = CLASSES) -> FitTrace:
    """A fit whose predictions fall into this table, through the very code that makes it."""
    size = len(table)
    pairs = [(true, made) for true in range(size) for made in range(size) for _ in range(table[true][made])]
    truth, decided = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    task = Task("multiclass", size, "integer", 1.0)
    facts = agreement_facts([task], [truth], [np.eye(size)[decided]], [False])
    return replace(fit, evaluation={**fit.evaluation, **facts, "rows": len(truth)})


def regressed(predicted: np.ndarray, truth: np.ndarray) -> FitTrace:
    facts = agreement_facts([Task("regression", None, "real", 1.0)], [truth], [predicted], [False])
    return replace(REGRESSION, evaluation={**REGRESSION.evaluation, **facts, "rows": len(truth)})


TABLE = [
    (
        "unpredicted-class",
        [judged([[40, 0, 0], [20, 20, 0], [20, 20, 0]])],
        [
            judged([[40, 0, 0], [0, 40, 0], [5, 34, 1]]),
            judged([[40, 0, 0], [0, 40, 0], [2, 1, 0]]),  # three rows say nothing
            judged([[40, 0, 0], [40, 0, 0], [40, 0, 0]]),  # constant-prediction
        ],
    ),
    (
        "permuted-classes",
        [
            judged([[2, 38, 0], [37, 3, 0], [0, 0, 40]]),
            judged([[0, 40, 0], [0, 0, 40], [40, 0, 0]]),
            judged([[5, 45], [44, 6]]),
        ],
        [
            judged([[40, 0, 0], [0, 40, 0], [0, 0, 40]]),
            judged([[20, 20, 0], [20, 20, 0], [0, 0, 40]]),  # cannot tell two classes apart
            judged([[0, 40, 0], [0, 40, 0], [0, 0, 40]]),  # one class taken for another, not in turn
            judged([[14, 13, 13], [13, 13, 14], [13, 14, 13]]),
            judged([[1, 4], [4, 1]]),
        ],
    ),
    (
        "neglected-class",
        [judged([[580, 0], [18, 2]], RARE)],
        [judged([[570, 10], [8, 12]], RARE), judged([[40, 0], [30, 10]], RARE), judged([[400, 180], [18, 2]], RARE)],
    ),
    (
        "inverted-prediction",
        [regressed(-TARGETS[:, 0] + 0.3, TARGETS[:, 0])],
        [
            regressed(TARGETS[:, 0], TARGETS[:, 0]),
            regressed(GENERATOR.normal(size=100), TARGETS[:, 0]),
            regressed(-TARGETS[:5, 0], TARGETS[:5, 0]),
        ],
    ),
    (
        "permuted-target-columns",
        [regressed(TARGETS[:, [1, 0, 2]], TARGETS), regressed(TARGETS[:, [1, 2, 0]] + 0.1, TARGETS)],
        [
            regressed(TARGETS, TARGETS),
            regressed(GENERATOR.normal(size=(100, 3)), TARGETS),
            regressed(TARGETS[:, [0, 0, 0]], TARGETS[:, [0, 0, 0]] + 0.01 * TARGETS),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)
