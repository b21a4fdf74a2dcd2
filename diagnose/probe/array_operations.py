"""Python functions on arrays as operations of a graph, and arrays that look at tensors without copying them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_NAME = "dlfix_measure"


def numbers(measure: Callable[..., Any], tensors: list[Any], count: int) -> Any:
    """The ``count`` numbers that ``measure`` returns for the values of ``tensors``, as a float64 vector.

    The operation is one node of the graph; the arrays are those of the tensors, not copies. ``measure`` must depend on
    nothing else: TensorFlow may run it once for constants.
    """
    import tensorflow as tf

    def measured(*arrays: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # the user may have made warnings of NumPy errors
            return np.atleast_1d(np.asarray(measure(*arrays), np.float64))

    if tf.executing_eagerly():
        return tf.constant(measured(*(view(tensor) for tensor in tensors)))
    result = tf.numpy_function(measured, tensors, tf.float64, stateful=False, name=_NAME)
    result.set_shape([count])
    return result


def is_ours(name: str) -> bool:
    """Whether a node of a graph was made by :func:`numbers`."""
    return _NAME in name


def view(tensor: Any) -> np.ndarray:
    """The values of an eager tensor or variable, without a copy where it lies in the memory of the process."""
    if hasattr(tensor, "read_value"):
        tensor = tensor.read_value()
    try:
        return np.asarray(memoryview(tensor))
    except (TypeError, ValueError, BufferError):  # half precision has no buffer format; another device has no buffer
        return np.asarray(tensor.numpy())
