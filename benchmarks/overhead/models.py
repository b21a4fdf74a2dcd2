"""The trainings that are measured: small ones, where every microsecond per step shows, and larger ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers


@dataclass(frozen=True)
class Training:
    """A model and its data.

    Attributes:
        make: Builds and compiles the model.
        shapes: Of one row of each input.
        targets: ``classes``, or ``inputs`` for a model that reproduces its first input.
        pipeline: The data come as a ``tf.data`` pipeline that shuffles.
    """

    name: str
    make: Callable[[], Any]
    shapes: tuple[tuple[int, ...], ...]
    rows: int
    batch_size: int
    targets: str = "classes"
    pipeline: bool = False

    def arrays(self) -> tuple[Any, np.ndarray]:
        generator = np.random.default_rng(0)
        inputs = [generator.normal(size=(self.rows, *shape)).astype("float32") for shape in self.shapes]
        if self.targets == "inputs":
            return inputs[0], inputs[0]
        score = sum(x.reshape(self.rows, -1)[:, :5].sum(1) for x in inputs)
        y = (score + generator.normal(size=self.rows) > 0).astype("float32")
        return inputs[0] if len(inputs) == 1 else inputs, y

    def arguments(self) -> dict[str, Any]:
        """What ``fit`` is called with."""
        x, y = self.arrays()
        if not self.pipeline:
            return {"x": x, "y": y, "batch_size": self.batch_size}
        data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(self.rows, seed=1)
        return {"x": data.batch(self.batch_size).prefetch(2)}

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.rows // self.batch_size)


def mlp() -> Any:
    return _compiled(keras.Sequential([layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(1, "sigmoid")]))


def cnn() -> Any:
    parts = [layers.Conv2D(16, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling2D()]
    head = [layers.Conv2D(32, 3, activation="relu"), layers.Flatten(), layers.Dropout(0.3), layers.Dense(1, "sigmoid")]
    return _compiled(keras.Sequential([*parts, *head]))


def lstm() -> Any:
    return _compiled(keras.Sequential([layers.LSTM(32, dropout=0.1), layers.Dense(1, "sigmoid")]))


def transformer() -> Any:
    inputs = keras.Input((16, 32))
    attended = layers.MultiHeadAttention(4, 8, dropout=0.1)(inputs, inputs)
    hidden = layers.LayerNormalization()(layers.add([inputs, attended]))
    wide = layers.Dense(32)(layers.Dense(64, "gelu")(hidden))
    hidden = layers.LayerNormalization()(layers.add([hidden, wide]))
    outputs = layers.Dense(1, "sigmoid")(layers.GlobalAveragePooling1D()(hidden))
    return _compiled(keras.Model(inputs, outputs))


def autoencoder() -> Any:
    parts = [layers.Dense(64, "relu"), layers.Dense(16, "relu"), layers.Dense(64, "relu"), layers.Dense(100)]
    model = keras.Sequential(parts)
    model.compile("adam", "mse")
    return model


def several_inputs() -> Any:
    picture, table = keras.Input((16, 16, 1)), keras.Input((12,))
    seen = layers.GlobalAveragePooling2D()(layers.Conv2D(16, 3, activation="relu")(picture))
    read = layers.Dense(32, "relu")(table)
    hidden = layers.Dense(32, "relu")(layers.concatenate([seen, read]))
    return _compiled(keras.Model([picture, table], layers.Dense(1, "sigmoid")(hidden)))


class Residual(keras.Model):  # type: ignore[misc]
    """A subclassed model whose ``call`` adds around its blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(48, "relu")
        self.blocks = [layers.Dense(48, "relu") for _ in range(3)]
        self.dropout = layers.Dropout(0.2)
        self.head = layers.Dense(1, "sigmoid")

    def call(self, x: Any, training: bool = False) -> Any:
        hidden = self.first(x)
        for block in self.blocks:
            hidden = hidden + self.dropout(block(hidden), training=training)
        return self.head(hidden)


def subclassed() -> Any:
    return _compiled(Residual())


def large() -> Any:
    parts = [layers.Dense(4000, "relu"), layers.Dense(4000, "relu"), layers.Dense(1, "sigmoid")]
    return _compiled(keras.Sequential([keras.Input((1000,)), *parts]))


def _compiled(model: Any) -> Any:
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


TRAININGS = (
    Training("MLP, batches of 8", mlp, ((20,),), 1600, 8),
    Training("CNN", cnn, ((20, 20, 3),), 1280, 32),
    Training("LSTM", lstm, ((20, 8),), 1280, 32),
    Training("transformer block", transformer, ((16, 32),), 1280, 32),
    Training("autoencoder", autoencoder, ((100,),), 3200, 32, targets="inputs"),
    Training("two inputs", several_inputs, ((16, 16, 1), (12,)), 1280, 32),
    Training("subclassed, tf.data", subclassed, ((20,),), 3200, 32, pipeline=True),
    Training("20 million weights", large, ((1000,),), 256, 64),
)
