"""Depth, kernels, strides and widths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from check_traces import dense, firing, layered, other, run, silent
from dlfix.diagnose.trace import FitTrace, LayerFacts
from traces import dense_layers, fit_trace, statistics


def stack(depth: int, activation: str = "relu", every: str | None = None) -> FitTrace:
    """``depth`` dense layers, with a layer of class ``every`` behind each."""
    layers = []
    for _ in range(depth):
        layers += [dense(16, activation), *([other(every)] if every else [])]
    return layered(*layers, dense(1, "sigmoid"))


def residual(blocks: int) -> FitTrace:
    """Two layers and the sum with what went into them, many times."""
    layers, before = [replace(dense(16), index=0, inbound=(), outbound=(1, 3))], 0
    for _ in range(blocks):
        at = len(layers)
        layers += [
            replace(dense(16), index=at, inbound=(before,), outbound=(at + 1,)),
            replace(dense(16), index=at + 1, inbound=(at,), outbound=(at + 2,)),
            replace(other("Add"), index=at + 2, inbound=(before, at + 1), outbound=(at + 3, at + 5)),
        ]
        before = at + 2
    layers.append(replace(dense(1, "sigmoid"), index=len(layers), inbound=(before,)))
    return fit_trace(layers, statistics=statistics(len(layers)))


def convolution(filters: int = 8, kernel: int = 3, strides: int = 1, **changes: Any) -> LayerFacts:
    facts = {
        "config": {"kernel_size": [kernel, kernel], "strides": [strides, strides], "activation": "relu"},
        "weights": {"kernel": (kernel, kernel, 3, filters)},
        "parameters": kernel * kernel * 3 * filters,
    }
    return replace(other("Conv2D", filters, **facts), input_shape=(None, 16, 16, 3), activation="relu", **changes)


def network(*convolutions: LayerFacts) -> FitTrace:
    return layered(*convolutions, other("Flatten"), dense(1, "sigmoid"))


def multiplied(layer: LayerFacts) -> FitTrace:
    """A map of attention: the input times what the layer makes of it."""
    first = replace(convolution(), index=0, inbound=(), outbound=(1, 2))
    chosen = replace(layer, index=1, inbound=(0,), outbound=(2,))
    product = replace(other("Multiply"), index=2, inbound=(0, 1), outbound=(3,))
    last = replace(dense(1, "sigmoid"), index=3, inbound=(2,))
    return fit_trace([first, chosen, product, last], statistics=statistics(4))


TABLE = [
    (
        "deep-plain-stack",
        [stack(16), stack(30), stack(9, "sigmoid"), stack(16, every="Dropout")],
        [
            *(stack(8), stack(15), stack(6, "sigmoid"), stack(40, "selu"), stack(30, every="BatchNormalization")),
            *(residual(12), fit_trace(dense_layers((16, "relu"), (1, "sigmoid")), statistics=statistics(2))),
        ],
    ),
    (
        "sigmoid-stack",
        [stack(4, "sigmoid"), stack(7, "hard_sigmoid"), stack(5, "sigmoid", every="Dropout")],
        [stack(3, "sigmoid"), stack(6, "tanh"), stack(8, "sigmoid", every="BatchNormalization"), stack(8)],
    ),
    (
        "pointwise-kernels",
        [network(convolution(kernel=1)), network(convolution(kernel=1), convolution(kernel=1))],
        [
            network(convolution(kernel=1), convolution(kernel=3)),
            network(replace(convolution(kernel=1), input_shape=(None, 1, 1, 3))),
            layered(convolution(kernel=1), other("MultiHeadAttention"), dense(1, "sigmoid")),
            layered(convolution(kernel=1), other("LSTM"), dense(1, "sigmoid")),
            fit_trace(),
        ],
    ),
    (
        "skipping-strides",
        [network(convolution(kernel=3, strides=4)), network(convolution(), convolution(kernel=1, strides=2))],
        [
            network(convolution(kernel=4, strides=4)),
            network(convolution(kernel=3, strides=2)),
            network(convolution(kernel=1)),
            multiplied(convolution(kernel=1, strides=2)),
        ],
    ),
    (
        "narrow-convolution",
        [network(convolution(1)), network(convolution(), convolution(2), convolution())],
        [
            network(convolution(4)),
            network(convolution(1, kernel=1)),  # three numbers into one: grey from colours
            multiplied(convolution(1)),
            layered(convolution(), convolution(1)),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def test_the_layer_that_skips_is_named() -> None:
    symptom = run(network(convolution(), convolution(kernel=1, strides=2)))["skipping-strides"][0]
    assert symptom.layer is not None
    assert symptom.layer.index == 1
    assert "75%" in symptom.text


def test_frozen_weights_name_the_layer_that_holds_them_all() -> None:
    fits = {}
    for count in (1, 2):
        layers = dense_layers(*[(3, "softmax")] * count)
        fit = fit_trace(layers)
        fits[count] = run(replace(fit, model=replace(fit.model, trainable_parameters=0)))["frozen-weights"][0]
    assert fits[1].layer is not None
    assert fits[1].layer.name == "dense"
    assert fits[2].layer is None
