"""Programs that break by themselves, the way users' programs do: nothing in them waits for its step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L


@dataclass(frozen=True)
class Natural:
    """A program, and what must be named: direction and operation (any of those given)."""

    name: str
    model: Any
    x: Any
    y: np.ndarray
    direction: str
    operations: tuple[str, ...]
    cause: str = "operation"


ROWS = 192
PROGRAMS: dict[str, Callable[[int], Natural]] = {}


def program(make: Callable[[int], Natural]) -> Callable[[int], Natural]:
    PROGRAMS[make.__name__] = make
    return make


def table(seed: int, columns: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(ROWS, columns)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def chain(*parts: Any, loss: Any = "mse", optimizer: Any = None) -> Any:
    model = keras.Sequential([keras.Input((6,)), *parts])
    model.compile(optimizer or keras.optimizers.Adam(1e-3), loss)
    return model


@program
def nan_labels(seed: int) -> Natural:
    x, y = table(seed)
    y[seed * 17 % ROWS] = np.nan
    model = chain(L.Dense(8, "relu"), L.Dense(1))
    return Natural("labels hold NaN", model, x, y, "loss", ("loss",), "data")


@program
def nan_inputs(seed: int) -> Natural:
    x, y = table(seed)
    x[seed * 29 % ROWS, 2] = np.nan
    model = chain(L.Dense(8, "relu", name="first"), L.Dense(1))
    return Natural("inputs hold NaN", model, x, y, "forward", ("first",), "data")


@program
def huge_inputs(seed: int) -> Natural:
    x, y = table(seed)
    x[seed * 31 % ROWS] = 3e38
    # All ones: with random signs the sum of six such numbers may just fit, and the loss is the first that overflows.
    model = chain(L.Dense(64, kernel_initializer="ones", name="first"), L.Dense(1))
    return Natural("one row of 3e38", model, x, y, "forward", ("first",))


@program
def squares_of_large_errors(seed: int) -> Natural:
    x, y = table(seed)
    y[seed * 13 % ROWS] = 1e25
    model = chain(L.Dense(8, "relu"), L.Dense(1))
    return Natural("a label of 1e25, squared", model, x, y, "loss", ("loss",))


@program
def logarithm_of_zero(seed: int) -> Natural:
    x, y = table(seed)
    x[seed * 7 % ROWS, 0] = 0.0
    model = chain(L.Lambda(lambda t: tf.math.log(tf.abs(t)), name="log"), L.Dense(1))
    return Natural("log(0) of an input", model, x, y, "forward", ("log",))


@program
def division_by_a_spread_of_zero(seed: int) -> Natural:
    x, y = table(seed)
    x[seed * 11 % ROWS] = 0.0

    def scale(t: Any) -> Any:
        return (t - tf.reduce_mean(t, -1, keepdims=True)) / tf.math.reduce_std(t, -1, keepdims=True)

    model = chain(L.Lambda(scale, name="scale"), L.Dense(1))
    return Natural("0/0 in a scaling", model, x, y, "forward", ("scale",))


@program
def root_of_zero(seed: int) -> Natural:
    x, y = table(seed)
    x[seed * 5 % ROWS] = 0.0
    parts = [L.Dense(8, use_bias=False, name="first"), L.Lambda(lambda t: tf.sqrt(tf.abs(t)), name="root")]
    return Natural("derivative of sqrt at 0", chain(*parts, L.Dense(1)), x, y, "backward", ("root",))


@program
def norm_of_zero(seed: int) -> Natural:
    x, y = table(seed)
    x[seed * 3 % ROWS] = 0.0
    parts = [L.Dense(8, use_bias=False), L.Lambda(lambda t: tf.norm(t, axis=-1, keepdims=True), name="norm")]
    return Natural("derivative of a norm at 0", chain(*parts, L.Dense(1)), x, y, "backward", ("norm",))


@program
def exploding_exponential(seed: int) -> Natural:
    x, y = table(seed)
    parts = [L.Dense(8, "exponential", name="first"), L.Dense(1, "exponential", name="second")]
    x[seed * 19 % ROWS] *= 200.0
    return Natural("exp of 100 and more", chain(*parts), x, y, "forward", ("first", "second"))


@program
def huge_learning_rate(seed: int) -> Natural:
    x, y = table(seed)
    model = chain(L.Dense(8, name="first"), L.Dense(1, name="second"), optimizer=keras.optimizers.SGD(1e38))
    return Natural("learning rate 1e38", model, x * 100, y, "update", ("first", "second"))


@program
def rate_that_leaps(seed: int) -> Natural:
    class Leaping(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return tf.where(tf.cast(step, tf.float32) >= float(seed % 30), np.inf, 1e-3)

        def get_config(self) -> dict[str, Any]:
            return {}

    x, y = table(seed)
    model = chain(L.Dense(8, name="first"), L.Dense(1, name="second"), optimizer=keras.optimizers.SGD(Leaping()))
    return Natural("a schedule that divides by 0", model, x, y, "update", ("first", "second"))


@program
def weights_set_to_nan(seed: int) -> Natural:
    x, y = table(seed)
    model = chain(L.Dense(8, "tanh", name="first"), L.Dense(1, name="second"))
    kernel = model.layers[1].kernel
    kernel.assign(np.full(kernel.shape, np.nan, dtype="float32"))
    return Natural("a kernel of NaN at the start", model, x, y, "forward", ("second",), "weights")


@program
def weights_set_too_large(seed: int) -> Natural:
    x, y = table(seed)
    model = chain(L.Dense(8, name="first"), L.Dense(8, name="second"), L.Dense(1, name="third"))
    kernel = model.layers[1].kernel
    kernel.assign(np.full(kernel.shape, 2e38, dtype="float32"))
    return Natural("a kernel of 2e38", model, x, y, "forward", ("second",))


@program
def crossentropy_by_hand(seed: int) -> Natural:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return -tf.reduce_mean(y_true * tf.math.log(y_pred) + (1 - y_true) * tf.math.log(1 - y_pred), axis=-1)

    x, y = table(seed)
    x[seed * 23 % ROWS] *= 1000.0
    model = chain(L.Dense(1, "sigmoid", name="only"), loss=loss)
    return Natural("log(0) in a loss by hand", model, x, (y > 0).astype("float32"), "loss", ("loss",))


@program
def code_between_layers(seed: int) -> Natural:
    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = L.Dense(6, name="first"), L.Dense(1, name="second")

        def call(self, t: Any) -> Any:
            return self.second(1.0 / (self.first(t) * t))

    x, y = table(seed)
    x[seed * 37 % ROWS, 1] = 0.0
    model = Net()
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return Natural("1/0 in a call of the user's", model, x, y, "forward", ("before second",))


@program
def half_precision(seed: int) -> Natural:
    policy = keras.mixed_precision.DTypePolicy("mixed_float16")
    x, y = table(seed)
    x[seed * 41 % ROWS] = 60000.0
    model = chain(L.Dense(8, dtype=policy, name="first"), L.Dense(1, name="second"))
    model.get_layer("first").kernel.assign(np.full((6, 8), 0.5, dtype="float32"))
    return Natural("60000 in float16", model, x, y, "forward", ("first",))
