"""Nested lists, tuples and dicts of arrays, as Keras takes them for several inputs or outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def to_numpy(values: Any) -> Any:
    """Arrays, tensors, data frames and series as NumPy arrays, in their structure of lists, tuples and dicts."""
    return map_leaves(_leaf_to_numpy, values)


def _leaf_to_numpy(leaf: Any) -> Any:
    if leaf is None:
        return None
    if hasattr(leaf, "to_numpy"):
        return leaf.to_numpy()
    if hasattr(leaf, "toarray"):  # scipy's sparse matrices
        return leaf.toarray()
    return np.asarray(leaf)


def map_leaves(function: Callable[[Any], Any], values: Any) -> Any:
    """The same structure with ``function`` applied to each array; a list of plain numbers counts as an array."""
    if isinstance(values, Mapping):
        return {key: map_leaves(function, value) for key, value in values.items()}
    if isinstance(values, (list, tuple)) and not (values and np.isscalar(values[0])):
        kind = type(values) if type(values) in (list, tuple) else list
        return kind(map_leaves(function, value) for value in values)
    return function(values)


def lists_to_tuples(values: Any) -> Any:
    """Lists as tuples: ``from_tensor_slices`` would stack a list into one tensor."""
    if isinstance(values, Mapping):
        return {key: lists_to_tuples(value) for key, value in values.items()}
    return tuple(lists_to_tuples(value) for value in values) if isinstance(values, (list, tuple)) else values


def leaves(values: Any) -> list[Any]:
    """All arrays of a structure, in order; None holds none."""
    if values is None:
        return []
    if isinstance(values, Mapping):
        return [leaf for value in values.values() for leaf in leaves(value)]
    if isinstance(values, (list, tuple)):
        return [leaf for value in values for leaf in leaves(value)]
    return [values]


def take_rows(values: Any, rows: np.ndarray | slice) -> Any:
    """The same structure with only the given rows of each array."""
    return map_leaves(lambda leaf: None if leaf is None else leaf[rows], values)


def concatenate(parts: list[Any]) -> Any:
    """Structures of one form joined row by row."""
    head = parts[0]
    if head is None:
        return None
    if isinstance(head, Mapping):
        return {key: concatenate([part[key] for part in parts]) for key in head}
    if isinstance(head, (list, tuple)):
        return [concatenate([part[index] for part in parts]) for index in range(len(head))]
    return np.concatenate(parts, axis=0)
