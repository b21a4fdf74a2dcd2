"""Reading the batches of datasets, generators and ``PyDataset``s as arrays. Runs in the child process only."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from ...diagnose.nested import concatenate, leaves, to_numpy

#: A dataset is taken into memory, to hold out rows of it, up to this size; beyond, whole batches are scored.
MAX_DATASET_BYTES = 256 * 2**20
#: Batches of an endless stream that are scored: enough for ``MIN_SCORED`` many times over, at little cost.
STREAM_BATCHES = 32
STREAM_ROWS = 512


def join_batches(batches: Iterable[Any], most_rows: int | None) -> tuple[Any, Any, Any] | None:
    """Inputs, labels and weights of successive batches as arrays; None when that is impossible or too large."""
    parts: list[tuple[Any, Any, Any]] = []
    size = rows = 0
    for batch in batches:
        x, y, weights = _unpack(batch)
        part = (to_numpy(x), to_numpy(y), to_numpy(weights))
        parts.append(part)
        size += sum(leaf.nbytes for each in part for leaf in leaves(each))
        rows += len(leaves(part[0])[0])
        if most_rows is not None and rows >= most_rows:
            break
        if size > MAX_DATASET_BYTES:
            if most_rows is None:
                return None
            break
    if not parts:
        return None
    try:
        x, y, weights = (concatenate([part[index] for part in parts]) for index in range(3))
    except ValueError:  # padded to a different length in each batch
        if most_rows is None:
            return None
        return parts[0]
    return x, y, weights


def _unpack(batch: Any) -> tuple[Any, Any, Any]:
    if isinstance(batch, (tuple, list)):
        x, y, weights = [*batch, None, None, None][:3]
        return x, y, weights
    return batch, None, None


def peek(stream: Any, steps: int | None) -> tuple[list[Any], Any]:
    """The first batches, and a stream that still yields them."""
    first = list(itertools.islice(stream, min(steps or STREAM_BATCHES, STREAM_BATCHES)))
    again = itertools.chain(first, stream)
    return first, (batch for batch in again)


def chain(dataset: Any) -> list[str]:
    """Class names of a dataset and all it was made from."""
    names, waiting = [], [dataset]
    while waiting:
        one = waiting.pop()
        names.append(type(one).__name__)
        inputs = getattr(one, "_inputs", None)
        waiting.extend(inputs() if callable(inputs) else [])
    return names


def first_sizes(dataset: Any) -> list[int | None]:
    import tensorflow as tf

    shapes = [getattr(spec, "shape", None) for spec in tf.nest.flatten(dataset.element_spec)]
    return [shape[0] for shape in shapes if shape is not None and shape.rank]


def batch_rows(dataset: Any) -> int:
    return max(1, len(leaves(to_numpy(next(iter(dataset))[0]))[0]))


def is_dataset(value: Any) -> bool:
    import tensorflow as tf

    return isinstance(value, tf.data.Dataset)


def is_pydataset(value: Any) -> bool:
    import keras

    return isinstance(value, keras.utils.PyDataset)


def length(data: Any, steps: int | None) -> int:
    count = getattr(data, "num_batches", None)
    count = len(data) if count is None else count
    return int(min(count, steps) if steps else count)


def batches_to_score(steps: int | None) -> int:
    return int(steps) if steps else 10 * STREAM_BATCHES
