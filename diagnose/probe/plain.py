"""Reduce what Keras hands out to plain, JSON-able data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_MAX_ITEMS = 64
_MAX_DEPTH = 6
_MAX_TEXT = 500


def plain(value: Any, depth: int = 0) -> Any:
    """A JSON-able copy of ``value``; what has no JSON form becomes its class name in angle brackets.

    Example:
        >>> plain({"units": 3, "dtype": object()})
        {'units': 3, 'dtype': '<object>'}
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT else value[:_MAX_TEXT] + "…"
    if isinstance(value, np.generic):
        return plain(value.item(), depth)
    if depth >= _MAX_DEPTH:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {str(k): plain(v, depth + 1) for k, v in list(value.items())[:_MAX_ITEMS]}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v, depth + 1) for v in list(value)[:_MAX_ITEMS]]
    if isinstance(value, np.ndarray) and value.size <= _MAX_ITEMS:
        return plain(value.tolist(), depth)
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) and callable(value) else f"<{type(value).__name__}>"


def snake_case(name: str) -> str:
    """Keras's own spelling of a class name.

    Example:
        >>> snake_case("BinaryCrossentropy"), snake_case("KLDivergence"), snake_case("LeakyReLU")
        ('binary_crossentropy', 'kl_divergence', 'leaky_relu')
    """
    special = {"ReLU": "relu", "PReLU": "prelu", "ELU": "elu", "LeakyReLU": "leaky_relu", "CTC": "ctc"}
    if name in special:
        return special[name]
    step = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", step).lower()


def shape_tuple(shape: Any) -> tuple[int | None, ...] | None:
    """A single tensor's shape as a tuple; None for unknown or nested shapes."""
    try:
        parts = tuple(shape)
    except TypeError:
        return None
    if all(p is None or isinstance(p, int | np.integer) for p in parts):
        return tuple(None if p is None else int(p) for p in parts)
    return None
