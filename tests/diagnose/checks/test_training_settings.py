"""Loss, weights and metrics that work against the training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from check_traces import GENERATOR, IDS, MULTI_HOT, ONE_HOT, REAL, dense, firing, layered, on, run, silent
from dlfix.diagnose.task import array_facts
from dlfix.diagnose.trace import FitTrace, LossFacts
from traces import fit_trace, statistics

EVEN = np.arange(120) % 2
RARE = (np.arange(120) < 10).astype(int)
RARE_CLASS = on(RARE, (1, "sigmoid"), "binary_crossentropy")
RARE_COLUMN = on(np.eye(2)[RARE], (2, "softmax"), "categorical_crossentropy")


def smoothed(value: float) -> FitTrace:
    fit = on(ONE_HOT, (3, "softmax"), "categorical_crossentropy")
    loss = LossFacts("categorical_crossentropy", config={"label_smoothing": value})
    return replace(fit, compile=replace(fit.compile, losses=(loss,)))


def by_class(weights: dict[str, float], fit: FitTrace = RARE_CLASS) -> FitTrace:
    return replace(fit, data=replace(fit.data, has_class_weight=True, class_weights=weights))


def by_sample(weights: Any) -> FitTrace:
    fit = fit_trace()
    return replace(
        fit, data=replace(fit.data, has_sample_weight=True, sample_weights=array_facts("sample_weight", weights))
    )


def penalized(
    factor: float, *, share: float | None, losses: tuple[float, ...] = (0.9, 0.8, 0.75, 0.74, 0.74)
) -> FitTrace:
    regularizer = {"class_name": "L2", "config": {"l2": factor}}
    fit = layered(dense(16, config={"kernel_regularizer": regularizer}), dense(1, "sigmoid"))
    penalty = np.full(6, np.nan) if share is None else np.full(6, 2.0 * share)
    series = statistics(2, series={"penalty": penalty.tolist(), "loss_before": 2.0})
    return replace(fit, statistics=series, epoch_metrics={"loss": losses})


def crushed(weights: float) -> FitTrace:
    """The penalty filled the loss at the start, and the penalized weights end with this share of their size."""
    fit = penalized(1.0, share=0.0)
    sizes = {0: {"weight_norm": [1.0, 0.8, 0.5, weights, weights, weights]}}
    series = {"penalty": [1.8, 1.6, 1.0, 0.1, 0.0, 0.0], "loss_before": 2.0}
    return replace(fit, statistics=statistics(2, per_layer=sizes, series=series))


TABLE = [
    ("excessive-label-smoothing", [smoothed(0.5), smoothed(1.0)], [smoothed(0.1), smoothed(0.0)]),
    (
        "inverted-class-weights",
        [
            by_class({"0": 5.5, "1": 0.5}),
            by_class({"0": 5.5, "1": 0.5}, RARE_COLUMN),
            by_class({"0": 1.0, "1": 0.0}),
            by_class({"0": 1.0, "1": 2000.0}),
            by_class({"0": 100.0, "1": 1.0}, on(EVEN, (1, "sigmoid"), "binary_crossentropy")),
        ],
        [
            by_class({"0": 0.55, "1": 6.0}),
            by_class({"0": 0.55, "1": 6.0}, RARE_COLUMN),
            by_class({"0": 1.0, "1": 1.0}),
            by_class({"0": 3.0, "1": 1.0}, on(EVEN, (1, "sigmoid"), "binary_crossentropy")),
        ],
    ),
    (
        "zero-sample-weights",
        [by_sample(np.zeros(200)), by_sample(-np.ones(200)), by_sample((np.arange(200) < 5).astype(float))],
        [
            by_sample(np.ones(200)),
            by_sample(GENERATOR.random(200)),
            by_sample((np.arange(200) < 150).astype(float)),
            by_sample((np.arange(2000).reshape(200, 10) % 50 == 0).astype(float)),  # a mask over time steps
        ],
    ),
    (
        "unsuitable-metric",
        [on(REAL, (1, "linear"), "mean_squared_error")],
        [
            on(IDS, (3, "softmax"), "sparse_categorical_crossentropy"),
            on(MULTI_HOT, (3, "sigmoid"), "binary_crossentropy"),
            on(REAL, (1, "linear"), "mean_squared_error", metrics=("mae",)),
        ],
    ),
    (
        "excessive-regularization",
        [penalized(0.01, share=0.8), penalized(1.0, share=None), penalized(0.1, share=None), crushed(0.01)],
        [
            penalized(0.01, share=0.2),
            penalized(0.01, share=None),
            penalized(1.0, share=0.1),  # what is measured counts
            penalized(0.01, share=0.8, losses=(0.9, 0.5, 0.2, 0.1, 0.05)),  # nothing else is left of the loss
            penalized(0.01, share=0.0),
            crushed(0.5),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)
