"""Traces a model's forward pass as a graph without computing anything."""

from __future__ import annotations

from typing import Any


def trace_forward(model: Any, spec: Any, with_loss: bool = False) -> Any:
    """The concrete function of ``model(x, training=True)`` for batches of this element spec.

    A model that builds itself at its first call is built by that, the way its training function would build it.
    """
    import keras
    import tensorflow as tf

    def forward(batch: Any) -> Any:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        predicted = model(x, training=True) if getattr(model, "_call_has_training_arg", True) else model(x)
        if not with_loss:
            return predicted
        return model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=sample_weight)

    return tf.function(forward, autograph=False, input_signature=[spec]).get_concrete_function()
