"""The trainings that are measured: small ones, where every microsecond per step shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers


@dataclass(frozen=True)
class Training:
    """A model and its data. ``epochs`` and ``warm_up`` are epochs of the timed run."""

    name: str
    make: Callable[[], Any]
    shape: tuple[int, ...]
    batch_size: int
    epochs: int
    warm_up: int

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(0)
        return generator.normal(size=self.shape).astype("float32"), generator.integers(0, 2, self.shape[0])


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


def _compiled(model: Any) -> Any:
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


TRAININGS = (
    Training("MLP, batches of 8", mlp, (1600, 20), 8, 40, 15),
    Training("CNN", cnn, (640, 20, 20, 3), 32, 40, 15),
    Training("LSTM", lstm, (960, 20, 8), 32, 40, 15),
    Training("transformer block", transformer, (640, 16, 32), 32, 40, 15),
)
