"""Several epochs of a small data set run as one, so that trials spend their time on training.

Between two epochs Keras makes a new iterator, new logs and calls every callback, which takes some ten milliseconds.
With one or a few batches per epoch that is nearly all of the time: 200 epochs of four rows took 20 s by themselves and
0.3 s as ten epochs of twenty rounds, as many updates over batches of the same size, measured on two busy cores. Nothing
but the reports between the rounds is left out, so this is done only where nobody listens to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...diagnose.nested import leaves, lists_to_tuples, map_leaves, take_rows, to_numpy

#: With more batches per epoch than this, what happens between epochs hardly counts.
MOST_BATCHES = 50
#: Epochs that are left of long schedules, enough to draw a curve; schedules shorter than twice that stay as they are.
REPORTED = 20
SHORTEST_MERGED = 2 * REPORTED
#: Rows that are copied into tensors; more of them make epochs long anyway.
MOST_ROWS = 20_000


@dataclass(frozen=True)
class Merged:
    """What to call ``fit`` with, and how many of the script's epochs one of these is."""

    arguments: dict[str, Any]
    rounds: int


def merge_epochs(model: Any, arguments: Mapping[str, Any], listeners: Any, own: int) -> Merged | None:
    """Rewrite the arguments of ``fit`` so that as many updates are made in fewer, longer epochs.

    Args:
        model: The model that is fitted.
        arguments: Of ``fit``, by name.
        listeners: The script's own callbacks; they may do anything between epochs.
        own: Epochs that the script asks for. A trial over a short share of a long schedule is merged like one over
            all of it, so that the one says how long the other takes.

    Returns:
        None where it cannot be done without a difference, or is not worth it. Where rounds do not divide the epochs,
        up to half a round more or fewer are run.
    """
    epochs = int(arguments["epochs"])
    plain = (
        not listeners
        and not arguments["initial_epoch"]
        and arguments["steps_per_epoch"] is None
        and arguments["validation_steps"] is None
        and arguments["validation_freq"] == 1
        and arguments["shuffle"] in (True, False)
        and not getattr(model, "run_eagerly", False)
        and getattr(model, "steps_per_execution", 1) == 1  # it would run beyond the last step of an endless stream
        and arguments["y"] is not None
    )
    if not plain or own < SHORTEST_MERGED or epochs < 4:
        return None
    data = tuple(_numbers(arguments[name]) for name in ("x", "y", "sample_weight"))
    unknown_weights = data[2] is None and arguments["sample_weight"] is not None
    if data[0] is None or data[1] is None or unknown_weights or not _same_rows(data):
        return None
    training, validation = _split(data, arguments)
    if arguments["class_weight"] is not None:
        training = (*training[:2], _row_weights(training, arguments["class_weight"]))
        if training[2] is None:
            return None
    rows, size = len(leaves(training[0])[0]), int(arguments["batch_size"] or 32)
    batches = math.ceil(rows / size)
    if rows == 0 or rows > MOST_ROWS or batches > MOST_BATCHES:
        return None
    rounds = epochs // min(REPORTED, max(2, epochs // 4))
    return Merged(
        {
            **arguments,
            "x": _rounds(training, size, shuffled=bool(arguments["shuffle"])),
            "y": None,
            "sample_weight": None,
            "class_weight": None,
            "batch_size": None,
            "shuffle": False,
            "validation_split": 0.0,
            "validation_data": validation,
            "validation_batch_size": arguments["validation_batch_size"] or size,
            "epochs": round(epochs / rounds),
            "steps_per_epoch": rounds * batches,
        },
        rounds,
    )


def _numbers(values: Any) -> Any:
    """The structure with arrays of numbers, floats in Keras's own precision as ``fit`` makes them; None for others."""
    import keras

    if values is None or hasattr(values, "__next__") or not leaves(values):
        return None
    try:
        arrays = to_numpy(values)
    except Exception:  # data of a kind we do not know
        return None
    kinds = {leaf.dtype.kind for leaf in leaves(arrays) if hasattr(leaf, "dtype")}
    if not kinds or not kinds <= set("biuf") or any(leaf.ndim == 0 for leaf in leaves(arrays)):
        return None
    precision = keras.config.floatx()
    return map_leaves(lambda leaf: leaf.astype(precision, copy=False) if leaf.dtype.kind == "f" else leaf, arrays)


def _same_rows(data: tuple[Any, ...]) -> bool:
    return len({len(leaf) for part in data for leaf in leaves(part)}) == 1


def _split(data: tuple[Any, ...], arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """Training rows and validation data; ``validation_split`` takes the last rows, before any shuffling."""
    validation, share = arguments["validation_data"], float(arguments["validation_split"] or 0.0)
    if validation is not None or not share:
        return data, validation
    count = len(leaves(data[0])[0])
    start = math.floor(count * (1.0 - share))
    parts = [None if part is None else take_rows(part, slice(start, None)) for part in data]
    held_out = tuple(part for part in parts if part is not None)
    return tuple(None if part is None else take_rows(part, slice(0, start)) for part in data), held_out


def _row_weights(data: tuple[Any, ...], class_weight: Mapping[int, float]) -> np.ndarray | None:
    """Class weights as Keras makes them of arrays, 1 for classes without; from datasets it takes fewer kinds of labels.

    None for what Keras refuses, so that it says so itself.
    """
    _, labels, weights = data
    if weights is not None or not isinstance(labels, np.ndarray):
        return None
    if labels.ndim > 1:
        labels = labels.argmax(axis=-1) if labels.shape[-1] != 1 else labels[..., 0]
    if labels.ndim != 1:
        return None
    return np.array([class_weight.get(int(label), 1.0) for label in np.round(labels)], dtype="float32")


def _rounds(data: tuple[Any, ...], size: int, *, shuffled: bool) -> Any:
    """Batches of one epoch after another without end, shuffled anew for each; none reaches across two epochs."""
    import tensorflow as tf

    given = tuple(lists_to_tuples(part) for part in data if part is not None)
    rows = len(leaves(data[0])[0])
    dataset = tf.data.Dataset.from_tensor_slices(given)
    if shuffled:
        dataset = dataset.shuffle(rows)
    # As from arrays, the size of batches is known to the model where all are full; some code counts on it.
    return dataset.batch(size, drop_remainder=rows % size == 0).repeat().prefetch(2)


def restore_history(history: Any, rounds: int, epochs: int) -> None:
    """Give each epoch of the script its entry again, as code behind ``fit`` may count on."""
    history.epoch = list(range(len(spread_over(history.epoch, rounds, epochs))))
    for name, values in history.history.items():
        history.history[name] = spread_over(values, rounds, epochs)


def spread_over(values: list[Any], rounds: int, epochs: int) -> list[Any]:
    """Each value once for every epoch that it stands for; training that stopped early stays short."""
    repeated = [value for value in values for _ in range(rounds)]
    if len(repeated) < epochs and len(values) == round(epochs / rounds):
        repeated += repeated[-1:] * (epochs - len(repeated))
    return repeated[:epochs]
