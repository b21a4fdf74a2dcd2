"""Outputs that grow, fade or ignore the input, and weights that outgrew their start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import firing, run, silent, with_layer
from dlfix.diagnose.trace import FitTrace
from traces import dense_layers, fit_trace, statistics

NOTHING = {"skill": 0.0, "metric": "accuracy", "score": 0.5, "trivial": 0.5, "split": "training"}


def stuck(fit: FitTrace) -> FitTrace:
    return replace(fit, evaluation=NOTHING, epoch_metrics={"loss": (0.7,) * 5})


def spreads(*values: float, zero: int | None = None) -> FitTrace:
    """The spread over the examples behind each layer; the one numbered ``zero`` starts with weights of zero."""
    layers = list(dense_layers(*[(16, "tanh")] * (len(values) - 1), (1, "sigmoid")))
    if zero is not None:
        layers[zero] = replace(layers[zero], initial={"kernel_std": 0.0})
    table = {index: {"batch_std": value} for index, value in enumerate(values)}
    return fit_trace(layers, statistics=statistics(len(values), per_layer=table))


def recurrent(size: float, class_name: str = "SimpleRNN") -> FitTrace:
    """A recurrent layer that starts with outputs of this size."""
    fit = with_layer(0, {"activation_std": size})
    first, *rest = fit.model.layers
    return replace(fit, model=replace(fit.model, layers=(replace(first, class_name=class_name), *rest)))


TABLE = [
    ("exploding-recurrence", [recurrent(1e4)], [recurrent(1.0), recurrent(30.0), recurrent(1e4, "Dense")]),
    (
        "large-activation",
        [with_layer(0, {"activation_std": [60, 1, 1, 1, 1, 1]}), with_layer(1, {"activation_mean": -30.0})],
        [
            fit_trace(),
            with_layer(0, {"activation_std": [3, 60, 60, 60, 60, 60]}),  # what is learned may be large
            with_layer(2, {"activation_std": 500.0}),  # logits
        ],
    ),
    (
        "fading-activation",
        [spreads(0.5, 1e-2, 1e-4, 0.1)],
        [
            spreads(0.5, 0.1, 0.01, 1e-5),
            spreads(0.5, 0.4, 0.3, 0.2),
            spreads(np.nan, 0.1, 1e-9, 0.1),
            spreads(0.5, 0.0, 0.1, zero=1),
        ],
    ),
    (
        "input-blind-activation",
        [stuck(with_layer(1, {"batch_std": [0.5, 0.1, 1e-3, 0, 0, 0]}))],
        [
            with_layer(1, {"batch_std": [0.5, 0.1, 1e-3, 0, 0, 0]}),  # it learned all the same
            stuck(with_layer(1, {"batch_std": 1e-3})),
            stuck(with_layer(2, {"batch_std": 0.0})),  # the output is constant-prediction
        ],
    ),
    (
        "large-weight",
        [with_layer(0, {"weight_max": [0.9, 2, 5, 20, 30, 40]})],
        [with_layer(0, {"weight_max": 6.0}), with_layer(2, {"weight_max": 40.0}), fit_trace()],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)
