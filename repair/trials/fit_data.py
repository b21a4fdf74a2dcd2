"""What reached ``fit``: captured, and divided into rows to train on and rows to score. Runs in the child process only.

The script's own validation data are scored when they say enough; else a fixed part of the training rows is held out;
rows that are trained on are scored only when nothing else is possible (too few rows, endless streams).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...diagnose.evaluation import as_arrays
from ...diagnose.nested import leaves, lists_to_tuples, take_rows, to_numpy
from .batches import (
    STREAM_BATCHES,
    STREAM_ROWS,
    batch_rows,
    batches_to_score,
    chain,
    first_sizes,
    is_dataset,
    is_pydataset,
    join_batches,
    length,
    peek,
)
from .capture import FitData, captured_batches, hold_out, nothing, says_enough
from .files import CapturedRows
from .holdout import MAX_SCORED, finite_rows, spread


def prepare(model: Any, given: Mapping[str, Any], baseline_clean: np.ndarray | None) -> FitData:
    """Decide what is scored, and take held-out rows away from training.

    Args:
        model: The model that is fitted.
        given: All arguments of ``fit`` by name.
        baseline_clean: Which training rows were clean in the baseline, if that is known.
    """
    x = given["x"]
    names = tuple(str(name) for name in getattr(model, "output_names", None) or ())
    if is_dataset(x):
        return _dataset(model, given, names, baseline_clean)
    if is_pydataset(x):
        return _pydataset(given, names)
    if hasattr(x, "__next__"):
        return _generator(given, names)
    return _arrays(model, given, names, baseline_clean)


def _arrays(model: Any, given: Mapping[str, Any], names: tuple[str, ...], clean_before: np.ndarray | None) -> FitData:
    if given["y"] is None:
        return FitData({}, note="fit has no labels, so predictions cannot be compared with any.")
    x, y = to_numpy(given["x"]), to_numpy(given["y"])
    weights = None if given["sample_weight"] is None else to_numpy(given["sample_weight"])
    labels = as_arrays(y, names)
    count = len(labels[0])
    clean = finite_rows([*leaves(x), *labels])
    split = float(given["validation_split"] or 0.0)
    changes: dict[str, Any] = {}
    if given["validation_data"] is not None:
        held = _validation(given, names, changes)
        if held is not None and not _is_training_data(held, x, count) and says_enough(held[1]):
            inputs, scored_labels = held
            return FitData(
                changes, inputs, CapturedRows(tuple(labels), tuple(scored_labels), nothing(), clean, "validation")
            )
    elif split:
        start = math.floor(count * (1.0 - split))  # as Keras does: the last rows, before any shuffling
        tail = start + spread(count - start)
        scored_labels = [label[tail] for label in labels]
        if says_enough(scored_labels):
            return FitData(
                {},
                take_rows(x, tail),
                CapturedRows(tuple(labels), tuple(scored_labels), nothing(), clean, "validation"),
            )
    return hold_out(model, (x, y, weights), labels, clean, clean_before, changes)


def _validation(given: Mapping[str, Any], names: tuple[str, ...], changes: dict[str, Any]) -> Any:
    """Inputs and labels of at most ``MAX_SCORED`` validation rows, or None."""
    data = given["validation_data"]
    if isinstance(data, (tuple, list)) and len(data) >= 2:
        x, labels = to_numpy(data[0]), as_arrays(to_numpy(data[1]), names)
        chosen = spread(len(labels[0]))
        if len(chosen) < len(labels[0]):
            return take_rows(x, chosen), [label[chosen] for label in labels]
        return x, labels
    if hasattr(data, "__next__"):
        first, changes["validation_data"] = peek(data, given["validation_steps"])
        batches: Iterable[Any] = first
    elif is_pydataset(data):
        batches = (data[index] for index in range(length(data, given["validation_steps"])))
    elif is_dataset(data):
        batches = data.take(batches_to_score(given["validation_steps"]))
    else:
        return None
    joined = join_batches(batches, MAX_SCORED)
    return None if joined is None or joined[1] is None else (joined[0], as_arrays(joined[1], names))


def _own_validation(given: Mapping[str, Any], names: tuple[str, ...], changes: dict[str, Any]) -> FitData | None:
    """The script's own validation data to score on, None if there are none or they say too little."""
    held = None if given["validation_data"] is None else _validation(given, names, changes)
    if held is None or not says_enough(held[1]):
        return None
    return FitData(changes, held[0], captured_batches(held[1], "validation"))


def _is_training_data(held: tuple[Any, list[np.ndarray]], x: Any, count: int) -> bool:
    first, other = leaves(held[0])[0], leaves(x)[0]
    if len(first) != count or first.shape != other.shape:
        return False
    return first is other or np.shares_memory(np.asarray(first), np.asarray(other))


def _dataset(model: Any, given: Mapping[str, Any], names: tuple[str, ...], clean_before: np.ndarray | None) -> FitData:
    changes: dict[str, Any] = {}
    dataset = given["x"]
    validation = _own_validation(given, names, changes)
    if validation is not None:
        return validation
    origin = chain(dataset)
    whole = None if any("Repeat" in name for name in origin) else join_batches(dataset, None)
    if whole is None or whole[1] is None:
        joined = join_batches(dataset.take(STREAM_BATCHES), STREAM_ROWS)
        return _score_batches(joined, names, changes)
    x, y, weights = whole
    labels = as_arrays(y, names)
    clean = finite_rows([*leaves(x), *labels])
    held_out = hold_out(model, (x, y, weights), labels, clean, clean_before, changes)
    if "y" in held_out.arguments:
        _rebuild(dataset, held_out.arguments, given, any("Shuffle" in name for name in origin))
    return held_out


def _rebuild(dataset: Any, changes: dict[str, Any], given: Mapping[str, Any], shuffled: bool) -> None:
    """Replace held-in arrays by a dataset of the same batch size."""
    import tensorflow as tf

    parts = [changes.pop("x"), changes.pop("y"), changes.pop("sample_weight", None)]
    tensors = tuple(lists_to_tuples(part) for part in parts if part is not None)
    fresh = tf.data.Dataset.from_tensor_slices(tensors)
    kept = len(leaves(parts[0])[0])
    if shuffled:
        fresh = fresh.shuffle(kept)
    size = batch_rows(dataset)
    static = any(shape is not None for shape in first_sizes(dataset))
    changes["x"] = fresh.batch(size, drop_remainder=static and kept >= size).prefetch(2)
    if given["steps_per_epoch"]:
        changes["steps_per_epoch"] = max(1, min(given["steps_per_epoch"], kept // size or 1))


def _pydataset(given: Mapping[str, Any], names: tuple[str, ...]) -> FitData:
    import keras

    changes: dict[str, Any] = {}
    data = given["x"]
    validation = _own_validation(given, names, changes)
    if validation is not None:
        return validation
    count = length(data, given["steps_per_epoch"])
    kept = count - max(1, count // 5)
    reshuffles = type(data).on_epoch_end is not keras.utils.PyDataset.on_epoch_end
    if count < 5 or reshuffles:  # rows move between batches after each epoch, so no batch can be kept out of training
        joined = join_batches((data[index] for index in range(min(count, STREAM_BATCHES))), STREAM_ROWS)
        return _score_batches(joined, names, changes)
    joined = join_batches((data[index] for index in range(kept, count)), MAX_SCORED)
    scored = _score_batches(joined, names, changes)
    if scored.rows is not None:
        changes["x"] = _first_batches(data, kept)
        scored.rows = captured_batches(list(scored.rows.scored_labels), "holdout")
        if given["steps_per_epoch"]:
            changes["steps_per_epoch"] = min(given["steps_per_epoch"], kept)
    return scored


def _first_batches(data: Any, kept: int) -> Any:
    import keras

    class FirstBatches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return kept

        def __getitem__(self, index: int) -> Any:
            return data[index]

    return FirstBatches(
        workers=getattr(data, "workers", 1),
        use_multiprocessing=getattr(data, "use_multiprocessing", False),
        max_queue_size=getattr(data, "max_queue_size", 10),
    )


def _generator(given: Mapping[str, Any], names: tuple[str, ...]) -> FitData:
    changes: dict[str, Any] = {}
    validation = _own_validation(given, names, changes)
    if validation is not None:
        return validation
    first, changes["x"] = peek(given["x"], given["steps_per_epoch"])
    return _score_batches(join_batches(first, STREAM_ROWS), names, changes)


def _score_batches(joined: Any, names: tuple[str, ...], changes: dict[str, Any]) -> FitData:
    if joined is None or joined[1] is None:
        return FitData(changes, note="The batches have no labels, or rows of different shapes; nothing can be scored.")
    labels = as_arrays(joined[1], names)
    rows = captured_batches(labels, "training")
    return FitData(changes, joined[0], rows, "Rows cannot be held out of this stream; training rows are scored.")
