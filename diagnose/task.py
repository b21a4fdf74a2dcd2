"""What is to be learned, judged from the labels alone, and the measuring of arrays that this judgement rests on.

Labels decide the task because everything else (output layer, loss, metric) may be the fault that is looked for. Where
labels leave two readings open (integers may be class ids or counts), the confidence says so, and only then may the loss
or the size of the output break the tie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .findings import Task
from .trace import ArrayFacts

#: ``ArrayFacts.unique`` holds at most this many values and ``column_*`` at most this many columns (contract of the
#: trace).
MAX_UNIQUE = 256
MAX_COLUMNS = 4096
#: Statistics other than extremes and the count of non-finite entries are taken from at most this many entries (rows
#: spread evenly): 16 million doubles are 128 MB and about half a second, the most that a probe may spend on one
#: array.
MAX_ENTRIES = 16_000_000
#: Up to here a gapless run of integers from 0 or 1 counts as class ids unless something speaks against it. Ten
#: classes is the most common number in teaching data sets (digits, MNIST, CIFAR-10), and ratings or grades rarely
#: start at 0 or 1 and go further without skipping a value.
FEW_CLASSES = 10
#: A value that occurs fewer times than this on average is hardly a class: five per cell is the usual lower bound for
#: reading anything off counts (Cochran 1954).
ROWS_PER_CLASS = 5.0

SPARSE_LOSSES = ("sparse_categorical_crossentropy",)
CATEGORICAL_LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
NUMERIC_LOSSES = ("mean_squared_error", "mean_absolute_error", "mse", "mae", "huber", "log_cosh", "poisson")


def array_facts(name: str, array: Any, rows: int | None = None) -> ArrayFacts:
    """Measure one input or target array.

    Args:
        name: Name shown to the user (``x``, ``y``, ``inputs[1]``).
        array: Anything NumPy can turn into an array, rows first.
        rows: Number of rows of the whole, when ``array`` holds only a part of it.

    Returns:
        The facts. Arrays that are not numeric have NaN for every number. For more than two axes ``row_sums`` are the
        sums over the last axis, so (1, 1) says one-hot for sequences too.

    Example:
        >>> array_facts("y", [0, 1, 1, 0]).unique
        (0.0, 1.0)
    """
    values = np.asarray(array)
    shape = tuple(int(size) for size in values.shape) or (1,)
    whole = (rows if rows is not None else shape[0], *shape[1:])
    if values.ndim == 0:
        values = values.reshape(1)
    if values.dtype.kind not in "biuf" or values.size == 0:
        nan = math.nan
        return ArrayFacts(name, whole, str(values.dtype), len(values), nan, nan, nan, nan)
    finite = np.isfinite(values) if values.dtype.kind == "f" else None
    nonfinite = 0 if finite is None else int(values.size - np.count_nonzero(finite))
    seen = _spread_rows(values)
    clean = seen.astype(np.float64, copy=False)
    if nonfinite:
        clean = np.where(np.isfinite(clean), clean, np.nan)
    entries = clean[np.isfinite(clean)] if nonfinite else clean.reshape(-1)
    if entries.size == 0:
        nan = math.nan
        return ArrayFacts(name, whole, str(values.dtype), len(seen), nan, nan, nan, nan, nonfinite)
    unique, counts = _unique(entries)
    return ArrayFacts(
        name=name,
        shape=whole,
        dtype=str(values.dtype),
        rows_seen=len(seen),
        minimum=_extreme(values, finite, np.min, nonfinite),
        maximum=_extreme(values, finite, np.max, nonfinite),
        mean=float(entries.mean()),
        std=float(entries.std()),
        nonfinite=nonfinite,
        integers=values.dtype.kind in "biu" or bool(np.all(entries == np.floor(entries))),
        unique=unique,
        counts=counts,
        row_sums=_row_sums(clean),
        **_columns(clean),
    )


def _spread_rows(values: np.ndarray) -> np.ndarray:
    if values.size <= MAX_ENTRIES:
        return values
    rows = max(1, MAX_ENTRIES // max(1, values.size // len(values)))
    return np.asarray(values[np.linspace(0, len(values) - 1, rows).astype(int)])


def _extreme(values: np.ndarray, finite: np.ndarray | None, pick: Any, nonfinite: int) -> float:
    return float(pick(values[finite] if nonfinite and finite is not None else values))


def _unique(entries: np.ndarray) -> tuple[tuple[float, ...] | None, tuple[int, ...]]:
    # Sorting millions of distinct reals is the slowest step by far; a thin sample shows first that it would be in vain.
    if entries.size > 20_000 and np.unique(entries[:: entries.size // 10_000]).size > MAX_UNIQUE:
        return None, ()
    unique, counts = np.unique(entries, return_counts=True)
    if unique.size > MAX_UNIQUE:
        return None, ()
    return tuple(float(value) for value in unique), tuple(int(count) for count in counts)


def _row_sums(clean: np.ndarray) -> tuple[float, float] | None:
    if clean.ndim < 2:
        return None
    sums = np.nansum(clean, axis=-1)
    return float(sums.min()), float(sums.max())


def _columns(clean: np.ndarray) -> dict[str, tuple[float, ...]]:
    if clean.ndim != 2:
        return {}
    part = clean[:, :MAX_COLUMNS]
    empty = np.isnan(part).all(axis=0)
    part = np.where(empty, 0.0, part)  # keeps NumPy from warning; a column without any finite entry reads NaN below
    measures = {
        "column_mean": np.nanmean(part, axis=0),
        "column_std": np.nanstd(part, axis=0),
        "column_min": np.nanmin(part, axis=0),
        "column_max": np.nanmax(part, axis=0),
    }
    return {key: tuple(np.where(empty, np.nan, column).tolist()) for key, column in measures.items()}


def infer_task(target: ArrayFacts, *, loss: str | None = None, output_units: int | None = None) -> Task:
    """Judge from the labels what is to be learned.

    Args:
        target: Facts of one target.
        loss: Keras name of the loss; only breaks ties.
        output_units: Size of the output's last axis; only breaks ties.

    Example:
        >>> infer_task(array_facts("y", [0, 1, 2] * 20)).kind
        'multiclass'
    """
    if math.isnan(target.minimum) or target.rows_seen == 0:
        return Task("unknown", None, "real", 0.0, f"The labels have no finite numbers (dtype {target.dtype}).")
    if target.unique is not None and len(target.unique) == 1:
        value = _number(target.unique[0])
        return Task(
            "unknown", 1, "other_integer", 0.95, f"All labels are {value}: there is nothing to learn or to score."
        )
    task = _single_column(target, target.unique) if _is_single(target) else _several_columns(target)
    return _break_tie(task, target, loss, output_units)


def _is_single(target: ArrayFacts) -> bool:
    return all(size == 1 for size in target.shape[1:])


def _single_column(target: ArrayFacts, unique: tuple[float, ...] | None) -> Task:
    if unique is None:
        confidence = 0.85 if target.integers else 0.97
        return Task("regression", None, "real", confidence, f"More than {MAX_UNIQUE} distinct label values.")
    if len(unique) == 2:
        return _two_values(target, unique)
    if target.integers:
        return _integers(target, unique)
    return _reals(target, unique)


def _two_values(target: ArrayFacts, unique: tuple[float, ...]) -> Task:
    low, high = unique
    text = f"Two label values, {_number(low)} and {_number(high)}."
    if (low, high) == (0.0, 1.0):
        return Task("binary", 2, "zero_one", 0.98, text)
    if (low, high) == (-1.0, 1.0):
        return Task("binary", 2, "signed", 0.97, text)
    if target.rows_seen <= 3:
        return Task("regression", None, "real", 0.6, text)
    if (low, high) == (1.0, 2.0):
        return Task("binary", 2, "one_based", 0.95, text)
    if target.integers:
        return Task("binary", 2, "other_integer", 0.9, text)
    return Task("binary", 2, "scaled_integer", 0.85 if low == 0 else 0.6, text)


def _integers(target: ArrayFacts, unique: tuple[float, ...]) -> Task:
    """Class ids, or numbers that happen to be whole: weighed by start, gaps, repetition and the shape of the counts."""
    count, low, high = len(unique), unique[0], unique[-1]
    span = high - low + 1
    gapless = span == count
    repetition = target.rows_seen / count
    text = f"{count} distinct whole numbers from {_number(low)} to {_number(high)}."
    if repetition < 2:  # most values occur once, as numbers do and classes do not
        return Task("regression", None, "real", 0.6 if low in (0.0, 1.0) and gapless else 0.85, text)
    belief = _class_belief(count, low, count / span, repetition, target.counts)
    if belief >= 0.5:
        encoding = "integer" if low == 0 and gapless else "one_based" if low == 1 and gapless else "other_integer"
        return Task("multiclass", count, encoding, belief, text)
    return Task("regression", None, "real", 1 - belief, text)


def _class_belief(count: int, low: float, coverage: float, repetition: float, counts: Sequence[int]) -> float:
    """Degree of belief that whole numbers are class ids. Judgement, not estimate; below 0.5 reads as regression."""
    starts_like_ids = low in (0.0, 1.0)
    if starts_like_ids and coverage == 1:
        belief = 0.93 if count <= FEW_CLASSES else 0.65
    elif starts_like_ids and coverage >= 0.8 and count > 5:  # a rare id may be missing from the rows seen
        belief = 0.7 if count <= FEW_CLASSES else 0.55
    elif starts_like_ids or low == -1.0:  # -1/0/1 are usual sentiment labels
        belief = 0.75 if count <= 5 else 0.5 if count <= FEW_CLASSES else 0.25
    else:
        belief = 0.6 if count <= 5 else 0.52 if count <= FEW_CLASSES else 0.12
    if repetition < ROWS_PER_CLASS and count > FEW_CLASSES:
        belief -= 0.3
    if looks_ordered(counts):
        belief -= 0.3 if starts_like_ids else 0.1  # a late start has spoken against ids already
    elif count > FEW_CLASSES and _evenness(counts) > 0.95:
        belief += 0.2
    return min(max(belief, 0.02), 0.95)


def looks_ordered(counts: Sequence[int]) -> bool:
    """Whether the counts along the values form a smooth hill, as amounts do; the order of class ids means nothing.

    Turning-point test (Bienaymé 1874): in exchangeable counts 2/3 of the inner points are peaks or pits, with variance
    (16k - 29)/90; far fewer say that neighbours resemble each other. One-sided, 5 %. Equal counts carry no order.
    """
    size = len(counts)
    if size < 5 or _evenness(counts) > 0.95:
        return False
    turning = sum((b - a) * (c - b) < 0 for a, b, c in zip(counts, counts[1:], counts[2:], strict=False))
    expected, deviation = 2 * (size - 2) / 3, math.sqrt((16 * size - 29) / 90)
    return turning <= 1 or turning < expected - 1.645 * deviation


def _evenness(counts: Sequence[int]) -> float:
    """Entropy of the shares over its maximum (Pielou 1966): 1 when all values are equally frequent."""
    shares = np.asarray(counts, float) / max(1, sum(counts))
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum() / math.log(len(shares))) if len(shares) > 1 else 1.0


def _reals(target: ArrayFacts, unique: tuple[float, ...]) -> Task:
    count, low, high = len(unique), unique[0], unique[-1]
    steps = np.diff(unique)
    step = (high - low) / (count - 1)
    even = bool(np.all(np.abs(steps - step) <= 1e-3 * step))  # float32 keeps 1e-4 of a step of 1/255
    text = f"{count} distinct label values from {_number(low)} to {_number(high)}"
    if even and low == 0 and high <= 1 and count <= 100 and target.rows_seen / count >= ROWS_PER_CLASS:
        scale = 1 / step
        text += f", whole multiples of 1/{_number(round(scale, 3))}."
        belief = 0.9 if _near(scale, (255.0, 256.0)) else 0.75 if count <= FEW_CLASSES else 0.55
        if looks_ordered(target.counts):
            belief -= 0.3
        if belief >= 0.5:
            return Task("multiclass", count, "scaled_integer", belief, text)
        return Task("regression", None, "real", 1 - belief, text)
    repetition = target.rows_seen / count
    return Task("regression", None, "real", 0.75 if count <= 5 and repetition >= ROWS_PER_CLASS else 0.93, text + ".")


def _near(value: float, candidates: Sequence[float]) -> bool:
    return any(abs(value - candidate) <= 1e-2 * candidate for candidate in candidates)


def _several_columns(target: ArrayFacts) -> Task:
    columns = next((size for size in reversed(target.shape[1:]) if size is not None and size > 1), 1)
    unique = target.unique
    last = target.shape[-1]
    if unique is not None and len(unique) == 2 and last is not None and last > 1 and target.row_sums is not None:
        task = _two_value_rows(target, unique, last)
        if task is not None:
            return task
    if unique in ((0.0, 1.0), (-1.0, 1.0)):
        encoding = "multi_hot" if unique[0] == 0 else "signed"
        text = f"Rows of {_number(unique[0])}/1 in which any number of entries may be on."
        return Task("multilabel", columns, encoding, 0.9 if len(target.shape) == 2 else 0.75, text)
    text = f"Rows of {'×'.join(str(size) for size in target.shape[1:])} numbers."
    confidence = 0.6 if target.integers and unique is not None and len(target.shape) == 2 else 0.93
    return Task("regression", None, "real", confidence, text)


def _two_value_rows(target: ArrayFacts, unique: tuple[float, ...], columns: int) -> Task | None:
    """One-hot rows, plain, signed, smoothed or scaled: two values, and the higher one exactly once in each row."""
    assert target.row_sums is not None
    low, high = unique
    once = high + (columns - 1) * low
    tolerance = 1e-4 * max(1.0, abs(once))
    if abs(target.row_sums[0] - once) > tolerance or abs(target.row_sums[1] - once) > tolerance:
        return None
    if target.column_max and sum(value == high for value in target.column_max) < 2:
        return Task(
            "unknown", 1, "one_hot", 0.95, "All rows have the same class: there is nothing to learn or to score."
        )
    if unique == (0.0, 1.0):
        return Task("multiclass", columns, "one_hot", 0.98, f"One-hot rows of {columns} classes.")
    if unique == (-1.0, 1.0):
        return Task(
            "multiclass", columns, "signed", 0.8, f"Rows of {columns} entries, one of them 1 and the others -1."
        )
    if abs(once - 1) <= tolerance:
        return Task("multiclass", columns, "one_hot", 0.9, f"Smoothed one-hot rows of {columns} classes.")
    text = f"One-hot rows of {columns} classes, with {_number(low)} and {_number(high)} for 0 and 1."
    return Task("multiclass", columns, "scaled_integer", 0.8, text)


#: Readings at most this sure are ties that the loss and the output may break.
TIE = 0.66


def _break_tie(task: Task, target: ArrayFacts, loss: str | None, units: int | None) -> Task:
    if loss is None or (task.confidence > TIE and not _ids_beyond_count(task, target)):
        return task
    ids = target.integers and target.minimum >= 0
    if task.kind == "regression" and ids and loss in SPARSE_LOSSES and units is not None and units > target.maximum:
        found = target.unique
        gapless = found is not None and found[-1] - found[0] + 1 == len(found)
        encoding = (
            "integer" if target.minimum == 0 or not gapless else "one_based" if target.minimum == 1 else "other_integer"
        )
        text = f"{task.text} Read as class ids because of the loss and {units} outputs."
        return Task("multiclass", len(found) if found is not None else units, encoding, 0.7, text)
    if task.kind == "multiclass" and loss in NUMERIC_LOSSES and units == 1 and target.integers:
        return Task(
            "regression", None, "real", 0.6, f"{task.text} Read as numbers because of the loss and the single output."
        )
    if task.kind == "multiclass" and loss in CATEGORICAL_LOSSES and units is not None and units > 1:
        return Task(task.kind, task.classes, task.encoding, 0.75, task.text)
    return task


def _ids_beyond_count(task: Task, target: ArrayFacts) -> bool:
    """Whole numbers of more than 256 distinct values, or rows of them, may be words of a vocabulary."""
    return task.kind == "regression" and target.integers and target.minimum in (0.0, 1.0)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.4g}"
