"""The schedule and the callbacks that ``fit`` was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..source import CallSite
from ..trace import CallbackFacts, FitFacts
from .data_capture import data_kind


def fit_facts(given: dict[str, Any], site: CallSite | None) -> FitFacts:
    """The schedule that ``fit`` was asked for."""
    batch_size = given.get("batch_size")
    if batch_size is None:
        batch_size = _batch_size_of(given.get("x"))
    steps = given.get("steps_per_epoch")
    return FitFacts(
        epochs=int(given.get("epochs") or 1),
        batch_size=batch_size,
        steps_per_epoch=int(steps) if steps else None,
        shuffle=bool(given.get("shuffle", True)),
        validation_split=float(given.get("validation_split") or 0.0),
        initial_epoch=int(given.get("initial_epoch") or 0),
        site=site,
        callbacks=callback_facts(given.get("callbacks")),
    )


def callback_facts(callbacks: Any) -> tuple[CallbackFacts, ...]:
    """Keras's own callbacks among these, and those derived from them."""
    import keras

    given = getattr(callbacks, "callbacks", callbacks)
    facts = []
    for callback in given if isinstance(given, list | tuple) else [given]:
        own = next((c for c in type(callback).__mro__ if c.__module__.startswith("keras.src.callbacks.")), None)
        if own not in (None, keras.callbacks.Callback):
            settings = {
                name: value
                for name, value in vars(callback).items()
                if not name.startswith("_") and isinstance(value, bool | int | float | str)
            }
            facts.append(CallbackFacts(own.__name__, settings))
    return tuple(facts)


def _batch_size_of(x: Any) -> int | None:
    import tensorflow as tf

    kind = data_kind(x)
    if kind == "arrays":
        return 32  # Keras's default
    if kind == "tf.data":
        for leaf in tf.nest.flatten(x.element_spec):
            if getattr(leaf, "shape", None) is not None and leaf.shape.rank:
                size = leaf.shape[0]
                if size is not None:
                    return int(size)
        size = getattr(x, "_batch_size", None)
        return int(size) if size is not None and np.ndim(size) == 0 else None
    size = getattr(x, "batch_size", None)
    return int(size) if isinstance(size, int) else None
