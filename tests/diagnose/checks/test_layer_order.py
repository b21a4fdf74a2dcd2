"""Layers that undo each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import IDS, ONE_HOT, X, dense, firing, layered, on, other, run, silent
from dlfix.diagnose.trace import FitTrace, LayerFacts
from traces import fit_trace


def act(name: str, units: int = 16) -> LayerFacts:
    return other("Activation", units, activation=name)


def drop(rate: float = 0.4, units: int = 16) -> LayerFacts:
    return other("Dropout", units, config={"rate": rate})


def conv(activation: str, use_bias: bool = True) -> LayerFacts:
    return other("Conv2D", activation=activation, parameters=9, config={"use_bias": use_bias})


def chain(*layers: LayerFacts) -> FitTrace:
    return layered(*layers, x=X, y=IDS % 2)


def tagger(shape: tuple[int | None, ...], times: int, places: int = 30) -> FitTrace:
    """A recurrent layer of this output shape, its state repeated so often, and a label per place."""
    words = np.ones((120, 30), dtype=int)
    recurrent = other("GRU", 8, output_shape=shape, parameters=9)
    repeated = other("RepeatVector", 8, config={"n": times}, output_shape=(None, times, 8))
    return layered(recurrent, repeated, dense(3, "softmax", inputs=8), x=words, y=np.ones((120, places), dtype=int))


BN = other("BatchNormalization")
TABLE = [
    (
        "doubled-output-activation",
        [
            chain(dense(16), dense(3, "softmax"), act("softmax", 3)),
            chain(dense(16), dense(1, "relu"), act("sigmoid", 1)),
            chain(dense(16), dense(3, "sigmoid"), other("Softmax", 3)),
        ],
        [
            chain(dense(16), dense(3, "linear"), act("softmax", 3)),
            chain(dense(16), dense(3, "softmax"), act("linear", 3)),
            chain(dense(16), dense(1, "relu"), act("relu", 1)),
            chain(dense(16, "relu"), dense(3, "softmax")),
        ],
    ),
    (
        "stacked-activations",
        [
            chain(dense(16, "sigmoid"), act("relu"), dense(1, "sigmoid")),
            chain(dense(16, "relu"), act("tanh"), dense(1, "sigmoid")),
            chain(dense(16, "linear"), act("tanh"), act("sigmoid"), dense(1, "sigmoid")),
        ],
        [
            chain(dense(16, "relu"), act("relu"), dense(1, "sigmoid")),
            chain(dense(16, "linear"), act("relu"), dense(1, "sigmoid")),
            chain(dense(16, "relu"), BN, act("relu"), dense(1, "sigmoid")),
            chain(dense(16), dense(3, "softmax"), act("softmax", 3)),
        ],
    ),
    (
        "repeated-state",
        [tagger((None, 8), 30)],
        [tagger((None, 30, 8), 30), tagger((None, 8), 12, places=12), tagger((None, 8), 12)],
    ),
    (
        "hidden-softmax",
        [chain(dense(16, "softmax"), dense(1, "sigmoid")), chain(dense(16, "linear"), act("softmax"), dense(1))],
        [
            chain(dense(16), dense(3, "softmax")),
            chain(dense(16, "softmax"), other("Multiply"), dense(1, "sigmoid")),
            chain(dense(16, "softmax"), other("Dot"), dense(1, "sigmoid")),
        ],
    ),
    (
        "misplaced-activation",
        [chain(act("relu", 4), dense(16), dense(1, "sigmoid")), chain(act("softmax", 4), dense(1, "sigmoid"))],
        [
            layered(act("relu", 4), dense(16), dense(1, "sigmoid"), x=np.abs(X), y=IDS % 2),
            chain(act("linear", 4), dense(16), dense(1, "sigmoid")),
            chain(dense(16, "linear"), act("relu"), dense(1, "sigmoid")),
        ],
    ),
    (
        "dropout-at-output",
        [
            chain(dense(16), dense(1, "sigmoid"), drop(units=1)),
            chain(dense(16), dense(1, "linear"), drop(units=1), act("sigmoid", 1)),
        ],
        [
            chain(dense(16), drop(), dense(1, "sigmoid")),
            chain(dense(16), dense(1, "sigmoid"), drop(0.0, 1)),
            fit_trace(),
        ],
    ),
    (
        "bias-before-normalization",
        [chain(dense(16, "linear"), BN, act("relu"), dense(1, "sigmoid")), chain(conv("linear"), BN, dense(1))],
        [
            chain(conv("linear", use_bias=False), BN, dense(1, "sigmoid")),
            chain(dense(16, "relu"), BN, dense(1, "sigmoid")),
            fit_trace(),
        ],
    ),
    (
        "dropout-before-normalization",
        [
            chain(dense(16), drop(), BN, dense(1, "sigmoid")),
            chain(dense(16, "linear"), drop(), act("relu"), BN, dense(1)),
        ],
        [chain(dense(16), BN, drop(), dense(1, "sigmoid")), chain(dense(16), drop(), dense(1, "sigmoid"))],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def test_a_right_head_shows_nothing_structural() -> None:
    """UMLAUT blames softmax in the last layer twice; DeepDiagnosis answers any head with softmax."""
    for fit in (
        on(ONE_HOT, (3, "softmax"), "categorical_crossentropy"),
        on(IDS % 2, (1, "sigmoid"), "binary_crossentropy"),
        on(X @ np.ones(4), (1, "linear"), "mean_squared_error"),
    ):
        shown = set(run(replace(fit, fit=replace(fit.fit, validation_split=0.2))))
        assert shown <= {"unconverged-loss", "too-few-updates", "unsuitable-metric"}
