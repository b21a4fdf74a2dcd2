"""Layers of every kind that break numerically at a chosen step of training, in a chosen direction."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

NEVER, FORWARD, BACKWARD, LOSS, UPDATE, NAN_UPDATE = range(6)


@dataclass(frozen=True)
class Switch:
    """Says in the compiled step whether it is time: variables that the step itself counts and reads.

    Attributes:
        mode: Which fault is switched on.
        at: The step at which it strikes, from 0.
        count: Steps done, counted by the planted layer in its forward pass.
    """

    mode: Any
    at: Any
    count: Any

    def hit(self, mode: int) -> Any:
        """Whether the fault strikes in the present step (``count`` already includes it)."""
        now = tf.equal(read(self.count), read(self.at) + 1.0)
        return tf.logical_and(now, tf.equal(read(self.mode), float(mode)))


def read(variable: Any) -> Any:
    return tf.cast(tf.convert_to_tensor(variable.value), tf.float32)


def planted(kind: type, *args: Any, **options: Any) -> Any:
    """A layer of this class that has a switch, named ``planted``.

    Forward, its output is scaled beyond what a float32 holds; backward, the gradient through it is.
    """

    class Planted(kind):  # type: ignore[misc, valid-type]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._tracker.unlock()  # layers without weights count as built from the start

            def add(name: str) -> Any:
                return self.add_weight(shape=(), initializer="zeros", trainable=False, name=name, dtype="float32")

            self.switch = Switch(add("mode"), add("at"), add("count"))

        @functools.wraps(kind.call)  # Keras looks at the signature for ``training`` and ``mask``
        def call(self, *inputs: Any, **arguments: Any) -> Any:
            outputs = kind.call(self, *inputs, **arguments)
            self.switch.count.assign(self.switch.count.value + 1.0)
            return keras.tree.map_structure(self._break, outputs)

        def _break(self, tensor: Any) -> Any:
            forward, backward = self.switch.hit(FORWARD), self.switch.hit(BACKWARD)

            @tf.custom_gradient
            def through(value: Any) -> Any:
                def gradient(upstream: Any) -> Any:
                    huge = tf.where(backward, tf.constant(3e38, value.dtype), tf.constant(1.0, value.dtype))
                    return upstream * huge * huge

                return tf.identity(value), gradient

            big = tf.where(forward, tf.constant(1e30, tensor.dtype), tf.constant(1.0, tensor.dtype))
            shifted = tensor + tf.where(forward, tf.constant(1e-3, tensor.dtype), tf.constant(0.0, tensor.dtype))
            return through(tf.where(forward, shifted * big * big, tensor))

    Planted.__name__ = kind.__name__
    return Planted(*args, name="planted", **options)


class BreakingConstraint(keras.constraints.Constraint):  # type: ignore[misc]
    """A constraint on a weight, applied in the update, that overflows or gives NaN when the switch says so."""

    layer: Any = None

    def __call__(self, weight: Any) -> Any:
        if self.layer is None or not hasattr(self.layer, "switch"):
            return weight
        switch = self.layer.switch
        value = tf.convert_to_tensor(weight.value if hasattr(weight, "value") else weight)
        huge = tf.where(switch.hit(UPDATE), tf.constant(1e30, value.dtype), tf.constant(1.0, value.dtype))
        nan = tf.where(switch.hit(NAN_UPDATE), tf.constant(np.nan, value.dtype), tf.constant(0.0, value.dtype))
        return tf.where(switch.hit(UPDATE), (value + 1.0) * huge * huge, value + nan)


class SwitchedLoss(keras.losses.Loss):  # type: ignore[misc]
    """Mean squared error that overflows when the switch says so."""

    layer: Any = None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        value = tf.reduce_mean(tf.square(tf.cast(y_true, y_pred.dtype) - y_pred), axis=-1)
        if self.layer is None or not hasattr(self.layer, "switch"):
            return value
        big = tf.where(self.layer.switch.hit(LOSS), tf.constant(1e30, value.dtype), tf.constant(1.0, value.dtype))
        return value * big * big


@dataclass(frozen=True)
class Host:
    """A model with a planted layer, compiled once and trained again from the same weights for each fault."""

    kind: str
    model: Any
    x: np.ndarray
    y: np.ndarray
    has_weights: bool

    @property
    def layer(self) -> Any:
        return self.model.get_layer("planted")


def hosts() -> dict[str, Callable[[], Host]]:
    """One host per kind of layer."""
    table, steps, image = (6,), (5, 4), (8, 8, 2)
    made: dict[str, Callable[[], Host]] = {}

    def add(kind: type, shape: tuple[int, ...], *args: Any, weight: str | None = None, **options: Any) -> None:
        made[kind.__name__] = lambda: _host(kind, shape, args, options, weight)

    add(L.Dense, table, 6, "relu", weight="kernel_constraint")
    add(L.Conv1D, steps, 4, 2, weight="kernel_constraint")
    add(L.Conv2D, image, 3, 3, weight="kernel_constraint")
    add(L.Conv3D, (4, 4, 4, 1), 2, 2, weight="kernel_constraint")
    add(L.DepthwiseConv2D, image, 3, weight="depthwise_constraint")
    add(L.SeparableConv2D, image, 3, 3, weight="pointwise_constraint")
    add(L.Conv2DTranspose, image, 2, 3, weight="kernel_constraint")
    add(L.MaxPooling2D, image, 2)
    add(L.GlobalAveragePooling1D, steps)
    add(L.BatchNormalization, table, weight="gamma_constraint")
    add(L.LayerNormalization, table, weight="gamma_constraint")
    add(L.Dropout, table, 0.3)
    add(L.LSTM, steps, 4, weight="kernel_constraint")
    add(L.GRU, steps, 4, weight="recurrent_constraint")
    add(L.SimpleRNN, steps, 4, weight="kernel_constraint")
    add(L.PReLU, table, weight="alpha_constraint")
    add(L.LeakyReLU, table)
    add(L.Activation, table, "swish")
    add(L.Softmax, table)
    add(L.Rescaling, table, 0.5)
    add(L.Flatten, steps)
    made["Embedding"] = _embedding
    made["MultiHeadAttention"] = _attention
    made["Add"] = lambda: _merged(L.Add)
    made["Concatenate"] = lambda: _merged(L.Concatenate)
    return made


def _host(kind: type, shape: tuple[int, ...], args: tuple[Any, ...], options: dict[str, Any], weight: Any) -> Host:
    constraint = BreakingConstraint()
    layer = planted(kind, *args, **options, **({weight: constraint} if weight else {}))
    constraint.layer = layer
    inputs = keras.Input(shape)
    before = L.Dense(shape[-1], "tanh", name="before")(inputs)
    hidden = layer(before)
    hidden = L.Flatten(name="flat")(hidden) if len(hidden.shape) > 2 else hidden
    return _finished(kind.__name__, inputs, hidden, layer, _data(shape), bool(weight))


def _embedding() -> Host:
    constraint = BreakingConstraint()
    layer = planted(L.Embedding, 10, 4, embeddings_constraint=constraint)
    constraint.layer = layer
    inputs = keras.Input((5,))
    x = np.random.default_rng(0).integers(0, 10, (ROWS, 5))
    hidden = L.GlobalMaxPooling1D(name="flat")(layer(inputs))
    return _finished("Embedding", inputs, hidden, layer, x, True)


def _attention() -> Host:
    constraint = BreakingConstraint()
    layer = planted(L.MultiHeadAttention, 2, 3, kernel_constraint=constraint)
    constraint.layer = layer
    inputs = keras.Input((5, 4))
    before = L.Dense(4, name="before")(inputs)
    hidden = L.GlobalAveragePooling1D(name="flat")(layer(before, before))
    return _finished("MultiHeadAttention", inputs, hidden, layer, _data((5, 4)), True)


def _merged(kind: type) -> Host:
    layer = planted(kind)
    inputs = keras.Input((6,))
    hidden = layer([L.Dense(6, "tanh", name="before")(inputs), L.Dense(6, "relu", name="beside")(inputs)])
    return _finished(kind.__name__, inputs, hidden, layer, _data((6,)), False)


ROWS = 192
BATCH = 16


def _data(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, *shape)).astype("float32")


def _finished(  # noqa: PLR0917
    kind: str, inputs: Any, hidden: Any, layer: Any, x: np.ndarray, has_weights: bool
) -> Host:
    outputs = L.Dense(2, name="head")(L.Dense(5, "tanh", name="after")(hidden))
    model = keras.Model(inputs, outputs)
    loss = SwitchedLoss()
    loss.layer = layer
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    y = np.random.default_rng(1).normal(size=(ROWS, 2)).astype("float32")
    return Host(kind, model, x, y, has_weights)
