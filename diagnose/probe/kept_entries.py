"""A bounded part of a model's weights, kept across a step where a copy of all would take too much memory."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from .array_operations import view
from .layer_statistics import norm

#: Weights that may be held across a step, as a share of the largest amount of memory that the process has had.
HELD_SHARE = 0.05
_ENTRIES = 2**18  # of each variable: the standard error of the norm of its update is far below a percent of it


@dataclass(frozen=True)
class KeptEntries:
    """Every n-th entry of each trainable variable."""

    parts: list[np.ndarray]
    strides: list[int]

    @classmethod
    def of(cls, variables: list[Any]) -> KeptEntries:
        strides = [_stride(tuple(v.shape)) for v in variables]
        return cls([_part(v, stride).copy() for v, stride in zip(variables, strides, strict=True)], strides)

    def update_norms(self, variables: list[Any]) -> list[float]:
        """The norm of the change of each variable since, estimated from the entries that were kept."""
        norms = []
        for variable, part, stride in zip(variables, self.parts, self.strides, strict=True):
            size = math.prod(variable.shape)
            scale = math.sqrt(size / len(part)) if len(part) else 0.0
            norms.append(scale * norm([_part(variable, stride) - part]))
        return norms


def too_large_to_hold(variables: list[Any]) -> bool:
    """Whether a copy of these variables would be felt in the memory of this process."""
    peak = peak_bytes()
    size = sum(math.prod(v.shape) * np.dtype(_dtype(v)).itemsize for v in variables)
    return peak is not None and size > HELD_SHARE * peak


def peak_bytes() -> int | None:
    """The largest amount of memory that this process has had, None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _dtype(variable: Any) -> str:
    name = getattr(variable.dtype, "name", str(variable.dtype))
    return "float16" if name == "bfloat16" else name


def _stride(shape: tuple[int, ...]) -> int:
    """Such that entries from all columns are kept."""
    stride = max(1, -(-math.prod(shape) // _ENTRIES))
    while shape and math.gcd(stride, shape[-1]) != 1:
        stride += 1
    return stride


def _part(variable: Any, stride: int) -> np.ndarray:
    return view(variable.value if hasattr(variable, "path") else variable).reshape(-1)[::stride]
