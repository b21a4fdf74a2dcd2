"""A stand-in for Keras that trains nothing and records what reaches the model, to execute patched scripts in tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

import numpy as np


class Layer:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.adapted: Any = None

    def adapt(self, data: Any) -> None:
        self.adapted = np.asarray(data)


class Model:
    """Records the arrays of every call, and predicts the sum of the columns."""

    log: ClassVar[list[tuple[str, np.ndarray, np.ndarray | None]]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.named: dict[str, Layer] = {}

    def add(self, *args: Any, **kwargs: Any) -> None: ...

    def compile(self, *args: Any, **kwargs: Any) -> None: ...

    def get_layer(self, name: str) -> Layer:
        return self.named.setdefault(name, Layer())

    def _note(self, what: str, x: Any, y: Any = None) -> None:
        self.log.append((what, np.array(x, dtype=float), None if y is None else np.array(y, dtype=float)))

    def fit(
        self, x: Any, y: Any = None, batch_size: int = 1, epochs: int = 1, validation_data: Any = None, **_: Any
    ) -> None:
        self._note("fit", x, y)
        if validation_data is not None:
            self._note("validation", *validation_data)

    def evaluate(self, x: Any, y: Any = None, **_: Any) -> float:
        self._note("evaluate", x, y)
        return 0.0

    def predict(self, x: Any, **_: Any) -> np.ndarray:
        self._note("predict", x)
        return np.array(x, dtype=float).reshape(len(x), -1).sum(axis=1, keepdims=True)

    def __call__(self, x: Any) -> np.ndarray:
        return self.predict(x)


def to_categorical(y: Any, num_classes: int | None = None) -> np.ndarray:
    y = np.asarray(y).reshape(-1).astype(int)
    return np.eye(num_classes or int(y.max()) + 1)[y]


class _Anything(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Layer


@contextmanager
def stub_keras() -> Iterator[None]:
    """Put the stand-in where ``import keras`` and ``import tensorflow`` find it."""
    keras, layers, models, utils = (_Anything(f"keras{part}") for part in ("", ".layers", ".models", ".utils"))
    optimizers, losses, tensorflow = _Anything("keras.optimizers"), _Anything("keras.losses"), ModuleType("tensorflow")
    for module in (keras, models):
        module.Sequential = module.Model = Model
    utils.to_categorical = to_categorical
    keras.layers, keras.models, keras.utils, keras.optimizers, keras.losses = layers, models, utils, optimizers, losses
    tensorflow.keras = keras
    names = {
        "keras": keras,
        "keras.layers": layers,
        "keras.models": models,
        "keras.utils": utils,
        "tensorflow": tensorflow,
    }
    names |= {"keras.optimizers": optimizers, "keras.losses": losses}
    names |= {f"tensorflow.{name}": module for name, module in names.items() if name.startswith("keras")}
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def run(text: str) -> tuple[list[tuple[str, np.ndarray, np.ndarray | None]], dict[str, Any]]:
    """Execute a script; give what reached the model and the script's variables."""
    Model.log = []
    variables: dict[str, Any] = {"__name__": "__main__"}
    with stub_keras():
        exec(compile(text, "train.py", "exec"), variables)
    return Model.log, variables
