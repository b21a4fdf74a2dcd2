"""The learning rate that a training step uses, read without running any code of the user's outside of a graph."""

from __future__ import annotations

from typing import Any


def rate_source(optimizer: Any) -> Any:
    """What the rate of the coming step is computed from, as a tensor: the rate itself, or the count of a schedule.

    A rate that is a function of the user's is left alone (NaN): calling it once more could change the training.
    """
    import keras
    import tensorflow as tf

    optimizer = _inner(optimizer)
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return tf.identity(optimizer.iterations.value)
    if isinstance(rate, keras.Variable):
        return tf.identity(rate.value)
    return tf.constant(float("nan"))


def rate_from(optimizer: Any, source: Any) -> Any:
    """The rate as a float32 scalar, as operations of the graph being traced (a schedule becomes part of it, as it is
    part of the compiled training step)."""
    import keras
    import tensorflow as tf

    rate = getattr(_inner(optimizer), "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        source = rate(source)
    return tf.reshape(tf.cast(tf.convert_to_tensor(source), tf.float32), [])


def _inner(optimizer: Any) -> Any:
    """The optimizer inside of one that scales the loss for half precision."""
    return getattr(optimizer, "inner_optimizer", optimizer)
