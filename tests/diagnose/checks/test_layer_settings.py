"""Settings that disable single layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from check_traces import GENERATOR, dense, firing, layered, other, run, silent
from dlfix.diagnose.trace import FitTrace, LayerFacts
from traces import compiled, dense_layers, fit_trace, statistics


def biased(value: float, activation: str = "relu", index: int = 0, constant: float | None = None) -> FitTrace:
    layers = list(dense_layers((16, activation), (16, activation), (1, "sigmoid")))
    initializer = {"class_name": "Constant", "config": {"value": value if constant is None else constant}}
    layers[index] = replace(
        layers[index],
        initial={**layers[index].initial, "bias_max": value},
        config={**layers[index].config, "bias_initializer": initializer},
    )
    return fit_trace(layers)


def window(name: str, side: int, around: int | None, **config: Any) -> FitTrace:
    shape = (None, around, around, 3)
    sizes = {"kernel_size": [side, side]} if "Conv" in name else {"pool_size": [side, side]}
    layer = replace(other(name, config={**sizes, "padding": "same", **config}), input_shape=shape)
    return layered(layer, dense(1, "sigmoid"))


def tokens(table: np.ndarray, recurrent: str = "LSTM", **config: Any) -> FitTrace:
    layers = [other("Embedding", parameters=10, config=config), other(recurrent, parameters=10), dense(1, "sigmoid")]
    return layered(*layers, x=table, y=np.arange(len(table)) % 2)


def typed(dtype: str, *layers: LayerFacts) -> FitTrace:
    fit = layered(*layers, dense(1, "sigmoid"))
    return replace(fit, data=replace(fit.data, inputs=(replace(fit.data.inputs[0], dtype=dtype),)))


def pictures(*shape: int, **config: Any) -> FitTrace:
    layer = replace(other("Conv2D", 8, parameters=9, config=config), input_shape=(None, *shape))
    return layered(layer, other("Flatten"), dense(1, "sigmoid"))


def constrained(name: str, **config: Any) -> FitTrace:
    layers = list(dense_layers((16, "relu"), (16, "relu"), (1, "sigmoid")))
    constraint = {"class_name": name, "config": config}
    layers[0] = replace(layers[0], config={**layers[0].config, "kernel_constraint": constraint})
    return fit_trace(layers)


def widths(*units: int, classes: int = 2, inputs: int = 20) -> FitTrace:
    x, y = GENERATOR.normal(size=(200, inputs)).astype(np.float32), np.arange(200) % classes
    layers = dense_layers(*[(width, "relu") for width in units], (classes, "softmax"), inputs=inputs)
    return fit_trace(layers, compiled("sparse_categorical_crossentropy"), x, y, statistics=statistics(len(units) + 1))


def scores() -> FitTrace:
    """One number per element, softmax over the elements, and what they weigh."""
    layers = [dense(16), dense(1, "linear"), other("Softmax", 1), other("Multiply"), dense(1, "sigmoid")]
    return layered(*layers, x=GENERATOR.normal(size=(60, 20)), y=np.arange(60) % 2)


def autoencoder() -> FitTrace:
    x = GENERATOR.normal(size=(200, 20)).astype(np.float32)
    layers = dense_layers((16, "relu"), (2, "linear"), (16, "relu"), (20, "linear"), inputs=20)
    return fit_trace(layers, compiled("mean_squared_error"), x, x, statistics=statistics(4))


TEXT = GENERATOR.integers(1, 50, (60, 20))
BEHIND, BEFORE = TEXT.copy(), TEXT.copy()
BEHIND[:, 6:], BEFORE[:, :14] = 0, 0


def normalized(momentum: float, updates: int, **changes: Any) -> FitTrace:
    fit = layered(dense(16), other("BatchNormalization", config={"momentum": momentum}, **changes), dense(1, "sigmoid"))
    return replace(fit, updates=updates)


def in_training_mode(times: float, *, trainable: bool = True, samples: int = 6) -> FitTrace:
    """A run whose recomputed losses in training mode are this many times smaller than the reported ones."""
    fit = normalized(0.99, 400, trainable=trainable)
    steps = (0, 1, 2, 4, 8, 16)[:samples]
    losses = np.linspace(0.7, 0.2, 17)
    series = {"loss_before": [losses[step] / times for step in steps]}
    return replace(fit, statistics=statistics(3, steps, loss=losses, series=series))


TABLE = [
    (
        "inference-mode-steps",
        [in_training_mode(40.0), in_training_mode(0.5)],
        [
            *(in_training_mode(1.0), in_training_mode(1.2), in_training_mode(40.0, trainable=False)),
            in_training_mode(40.0, samples=4),
            fit_trace(statistics=statistics(3, series={"loss_before": 9.0})),  # nothing to normalise
        ],
    ),
    (
        "stale-moving-statistics",
        [normalized(0.9999, 400), normalized(0.999, 1000)],
        [
            *(normalized(0.99, 50), normalized(0.9999, 20_000), normalized(0.1, 5), normalized(0.995, 300)),
            normalized(0.9999, 400, trainable=False),
        ],
    ),
    (
        "unsuitable-initial-bias",
        [biased(10.0, constant=-10.0), biased(30.0, "sigmoid"), biased(20.0, "tanh", index=1)],
        [
            biased(0.0),
            biased(0.1),
            biased(1.0),  # small positive ones for relu are common advice
            biased(5.0),
            biased(22.0, index=2),  # the output at the targets' level
        ],
    ),
    (
        "excessive-weight-constraint",
        [constrained("MaxNorm", max_value=0.05, axis=0), constrained("MinMaxNorm", min_value=0.0, max_value=0.01)],
        [
            constrained("MaxNorm", max_value=2.0, axis=0),
            constrained("UnitNorm", axis=0),
            constrained("NonNeg"),
            fit_trace(),
        ],
    ),
    (
        "narrow-layer",
        [widths(32, 1, 32), widths(2), widths(2, inputs=6), widths(1, inputs=3), widths(32, 4, classes=20)],
        [
            widths(32, 16),
            widths(8, classes=20),
            widths(2, inputs=4),
            widths(1, inputs=2),
            autoencoder(),
            scores(),
            fit_trace(),
        ],
    ),
    (
        "oversized-kernel",
        [window("Conv2D", 7, 4), window("MaxPooling2D", 4, 2)],
        [
            window("Conv2D", 3, 4),
            window("MaxPooling2D", 2, 2),
            window("Conv2D", 7, None),
            window("Conv2DTranspose", 5, 4),
            window("Conv1D", 7, 4, padding="causal"),
        ],
    ),
    (
        "padded-sequences",
        [tokens(BEHIND), tokens(BEHIND, "GRU")],
        [
            tokens(TEXT),
            tokens(BEFORE),
            tokens(BEHIND, mask_zero=True),
            tokens(BEHIND, "GlobalAveragePooling1D"),
            tokens(BEHIND, "Bidirectional"),
        ],
    ),
    (
        "non-numeric-inputs",
        [typed("object", dense(16)), typed("<U12", dense(16))],
        [
            typed("float32", dense(16)),
            typed("uint8", dense(16)),
            typed("bool", dense(16)),
            typed("<U12", other("TextVectorization"), other("Embedding"), dense(16)),
        ],
    ),
    (
        "swapped-image-axes",
        [pictures(3, 32, 32), pictures(1, 28, 28)],
        [
            pictures(32, 32, 3),
            pictures(28, 28, 1),
            pictures(3, 32, 32, data_format="channels_first"),
            pictures(3, 64, 1),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)
