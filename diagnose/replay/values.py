"""Tensors of a replayed step, with the range of their entries."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Range:
    """What a tensor's entries span.

    Attributes:
        minimum, maximum, mean: Over the finite entries; NaN where there are none.
        nan, infinite: Number of such entries.
        size: Number of all entries.
    """

    minimum: float
    maximum: float
    mean: float
    nan: int
    infinite: int
    size: int

    @property
    def nonfinite(self) -> int:
        """Number of entries that are NaN or infinite."""
        return self.nan + self.infinite

    @property
    def magnitude(self) -> float:
        """Largest finite absolute value; NaN where there is none."""
        return max(abs(self.minimum), abs(self.maximum))

    def __str__(self) -> str:
        if not self.size:
            return "empty"
        span = f"{self.minimum:.3g} … {self.maximum:.3g}" if math.isfinite(self.minimum) else "no finite entry"
        kinds = [f"{count} {name}" for count, name in ((self.nan, "NaN"), (self.infinite, "infinite")) if count]
        return f"{span}, {' and '.join(kinds)} of {self.size}" if kinds else span


def range_of(array: np.ndarray) -> Range:
    """The range of an array of any shape and numeric type."""
    numbers = np.asarray(array)
    if numbers.dtype.kind == "c":
        numbers = np.abs(numbers)
    # bfloat16 and its kin are no floats to NumPy; doubles keep what adds up from overflowing.
    numbers = numbers.astype(np.float64).reshape(-1)
    nan = int(np.isnan(numbers).sum())
    infinite = int(np.isinf(numbers).sum())
    finite = numbers[np.isfinite(numbers)] if nan or infinite else numbers
    if not finite.size:
        return Range(math.nan, math.nan, math.nan, nan, infinite, numbers.size)
    return Range(float(finite.min()), float(finite.max()), float(finite.mean()), nan, infinite, numbers.size)


@dataclass(frozen=True)
class Value:
    """One tensor of a step.

    Attributes:
        name: Its part in the operation: ``input``, ``output``, ``weight kernel``, ``gradient of kernel``, …
        tensor: The tensor as TensorFlow computed it (``IndexedSlices`` for gradients of embeddings).
    """

    name: str
    tensor: Any = field(repr=False)

    @cached_property
    def array(self) -> np.ndarray:
        """All entries."""
        return numpy_of(self.tensor)

    @cached_property
    def range(self) -> Range:
        """Range of the entries; of those that were touched, for a sparse gradient."""
        return range_of(numpy_of(getattr(self.tensor, "values", self.tensor)))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.tensor.shape)

    @property
    def is_finite(self) -> bool:
        """Whether no entry is NaN or infinite."""
        return self.range.nonfinite == 0


def numpy_of(tensor: Any) -> np.ndarray:
    """A tensor, variable or sparse gradient as a dense array."""
    import tensorflow as tf

    if isinstance(tensor, tf.IndexedSlices):
        tensor = tf.convert_to_tensor(tensor)
    return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
