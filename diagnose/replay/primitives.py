"""Listens to TensorFlow's own operations while they run eagerly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .values import numpy_of, range_of

Listener = Callable[[str, tuple[Any, ...], tuple[Any, ...]], None]


@contextmanager
def listening(listener: Listener) -> Iterator[bool]:
    """Call ``listener(type, inputs, outputs)`` after every operation that runs in this block.

    Yields:
        Whether this TensorFlow can be listened to (by the interface behind ``tf.debugging.enable_check_numerics``).
    """
    try:
        from tensorflow.python.framework import op_callbacks
    except ImportError:
        yield False
        return

    def callback(  # noqa: PLR0917 - the signature is TensorFlow's
        op_type: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: Any = None
    ) -> None:
        if graph is None:
            name = op_type.decode() if isinstance(op_type, bytes) else str(op_type)
            listener(name, tuple(inputs), tuple(outputs))

    op_callbacks.add_op_callback(callback)
    try:
        yield True
    finally:
        op_callbacks.remove_op_callback(callback)


class FirstBreak:
    """A listener that keeps the first operation with finite inputs whose outputs are not finite.

    Attributes:
        found: ``"Exp of 93.4 … 101"``, None as long as nothing broke.
    """

    def __init__(self) -> None:
        self.found: str | None = None

    def __call__(self, kind: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        if self.found is not None or kind in _MAKERS:
            return
        if all(_is_finite(tensor) for tensor in outputs):
            return
        if not all(_is_finite(tensor) for tensor in inputs):
            return
        spans = [str(range_of(numpy_of(tensor))) for tensor in inputs if _is_float(tensor)]
        self.found = f"{kind} of {' and '.join(spans)}" if spans else kind


#: Operations that make a constant or look at one: an infinity there is meant (the bound of a clip, a mask).
_MAKERS = frozenset({"Const", "Fill", "ReadVariableOp", "Identity", "Cast", "VarHandleOp", "Pack", "IsFinite", "IsNan"})


def _is_float(tensor: Any) -> bool:
    dtype = getattr(tensor, "dtype", None)
    return bool(getattr(dtype, "is_floating", False))


def _is_finite(tensor: Any) -> bool:
    if not _is_float(tensor) or not hasattr(tensor, "numpy"):
        return True
    return range_of(numpy_of(tensor)).nonfinite == 0
