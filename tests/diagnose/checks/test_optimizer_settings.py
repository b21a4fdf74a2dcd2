"""Settings of the optimizer far from any usual value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from check_traces import firing, run, silent
from dlfix.diagnose.trace import FitTrace
from traces import compiled, fit_trace


def optimizer(name: str = "SGD", rate: float = 0.01, **config: Any) -> FitTrace:
    facts = compiled(optimizer=name, learning_rate=rate)
    facts = replace(facts, optimizer=replace(facts.optimizer, config={"learning_rate": rate, **config}))
    return fit_trace(compile_facts=facts)


def clipped(norm: float, name: str = "SGD", **config: Any) -> FitTrace:
    fit = optimizer(name, **config)
    return replace(fit, statistics=replace(fit.statistics, gradient_norm=np.full(6, norm)))


def long(fit: FitTrace, epochs: int) -> FitTrace:
    return replace(fit, epoch_metrics={"loss": tuple(np.linspace(0.7, 0.2, epochs))})


TABLE = [
    (
        "unusual-learning-rate",
        [optimizer("SGD", 1.0), optimizer("Adam", 1e-6), optimizer("Adam", 0.1), optimizer("Adadelta", 0.001)],
        [
            optimizer("SGD", 0.1),
            optimizer("SGD", 0.01),
            optimizer("Adam", 0.01),
            optimizer("Adam", 1e-4),
            optimizer("Adadelta", 1.0),
            optimizer("Adam", 1e-7, learning_rate_schedule="CosineDecay"),  # warming up from nothing
        ],
    ),
    (
        "slow-default-optimizer",
        [optimizer("Adadelta", 0.001), optimizer("Adagrad", 0.001), optimizer("Ftrl", 0.001)],
        [optimizer("Adam", 0.001), optimizer("Adadelta", 1.0), optimizer("Adagrad", 0.01), optimizer("SGD", 0.001)],
    ),
    (
        "unusual-momentum",
        [
            optimizer(momentum=0.995),
            optimizer(momentum=1.5),
            optimizer(momentum=-0.9),
            optimizer("Adam", 0.001, beta_1=0.999, beta_2=0.9995),
            optimizer("Adam", 0.001, beta_1=0.9, beta_2=0.5),
        ],
        [
            optimizer(momentum=0.0),
            optimizer(momentum=0.9),
            optimizer("Adam", 0.001, beta_1=0.9, beta_2=0.999),
            optimizer("Lion", 0.0003, beta_1=0.9, beta_2=0.89),
        ],
    ),
    (
        "unusual-epsilon",
        [optimizer("Adam", 0.001, epsilon=1.0), optimizer("RMSprop", 0.001, epsilon=0.1)],
        [optimizer("Adam", 0.001, epsilon=1e-7), optimizer("Adam", 0.001, epsilon=1e-3), optimizer(epsilon=1.0)],
    ),
    (
        "excessive-clipping",
        [
            clipped(0.4, clipnorm=0.005),
            clipped(50.0, clipnorm=0.01),
            clipped(500.0, clipvalue=1e-3),
            clipped(500.0, "Adam", global_clipnorm=1.0),
        ],
        [
            clipped(15.0, clipnorm=1.0),
            clipped(5.0, clipvalue=0.5),
            clipped(500.0),
            clipped(0.5, "Adam", clipnorm=0.01),
        ],
    ),
    (
        "excessive-weight-decay",
        [long(optimizer("AdamW", 0.01, weight_decay=1.0), 100)],
        [
            long(optimizer("AdamW", 0.001, weight_decay=0.004), 100),
            long(optimizer("AdamW", 0.0001, weight_decay=0.1), 100),  # as large transformers have it
            optimizer("Adam", 0.001, weight_decay=None),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


@pytest.mark.parametrize(("rate", "direction"), [(1.0, "too high"), (1e-6, "too low")])
def test_the_direction_is_told(rate: float, direction: str) -> None:
    assert run(optimizer("Adam", rate))["unusual-learning-rate"][0].details["direction"] == direction
