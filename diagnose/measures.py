"""Quantities that checks, localization and facts share, worked out from what a trace recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .structure import EMBEDDING_LAYERS, NORMALIZATION_LAYERS, first_layers
from .task import looks_ordered
from .trace import ArrayFacts, DataSample, FitTrace

#: Numbers of distinct codes that read as categories: fewer are flags, more are amounts.
_CATEGORIES = (3, 30)
#: A table with more such columns is rather one of counts, ratings or grey levels.
_MOST_CATEGORY_COLUMNS = 20
#: Wider tables hold pixels, words or measurements and are not looked at for codes.
_TABLE_COLUMNS = 200
#: A column of whole numbers whose values hardly repeat and leave few gaps numbers its rows.
_IDENTIFIER_SHARE = 0.5

#: Class ids divided by one of these were scaled as if they were pixels (255), percentages or shares of the class count.
_USUAL_DIVISORS = (255.0, 256.0, 100.0, 128.0)


def columns(array: ArrayFacts) -> int:
    """Size of the last axis; 1 for a flat array."""
    if len(array.shape) < 2:
        return 1
    return int(array.shape[-1] or 1)


def is_one_hot(labels: ArrayFacts) -> bool:
    """Whether every row holds one 1 and else 0."""
    if columns(labels) < 2 or labels.unique is None or not set(labels.unique) <= {0.0, 1.0}:
        return False
    if labels.row_sums is not None:
        return labels.row_sums[0] == labels.row_sums[1] == 1
    return len(labels.shape) > 2 and math.isclose(labels.mean, 1 / columns(labels), rel_tol=1e-3)


def labels_multiplier(labels: ArrayFacts) -> float | None:
    """For class ids divided by a constant, the number that brings them back to whole numbers; None otherwise."""
    if labels.integers or labels.unique is None or not 2 <= len(labels.unique) <= 256:
        return None
    values = np.asarray(labels.unique, dtype=float)
    steps = np.diff(values)
    if len(steps) < 1 or steps.min() <= 0:
        return None
    for divisor in (*_USUAL_DIVISORS, round(1 / steps.min(), 6)):
        scaled = values * divisor
        if np.allclose(scaled, np.round(scaled), atol=1e-3) and np.abs(scaled).max() < 1000:
            return float(divisor)
    return None


def class_shares(labels: ArrayFacts) -> tuple[float, ...]:
    """Share of rows of each class for label ids or one-hot labels; empty for anything else."""
    if is_one_hot(labels):
        return tuple(labels.column_mean)
    if columns(labels) == 1 and labels.counts:
        total = sum(labels.counts)
        return tuple(count / total for count in labels.counts)
    return ()


#: Changes of label from one row to the next, as a share of those that rows in random order show, below which rows count
#: as coming in blocks. With n rows the share of a random order deviates from 1 by less than 2 / sqrt(n).
IN_BLOCKS = 0.1


def labels_are_sorted(fit: FitTrace) -> bool | None:
    """Whether the sampled rows come ordered by class, None when that cannot be seen."""
    labels = _label_sequence(fit)
    if labels is None:
        return None
    changes = int(np.count_nonzero(np.diff(labels)))
    return changes == len(np.unique(labels)) - 1


def batches_come_in_blocks(fit: FitTrace) -> bool:
    """Whether training gets the classes one after the other: the labels hardly change from row to row.

    Of batches, the sample holds the rows in the order in which training got them, which a small buffer hardly shuffles.
    """
    labels = None if fit.data.kind == "arrays" else _label_sequence(fit)
    if labels is None or len(labels) < 40:
        return False
    _, counts = np.unique(labels, return_counts=True)
    expected = (len(labels) - 1) * (1 - float(np.sum((counts / len(labels)) ** 2)))
    return int(np.count_nonzero(np.diff(labels))) < IN_BLOCKS * expected


def _label_sequence(fit: FitTrace) -> np.ndarray | None:
    """Labels of the sampled rows, None where there are too few, or one class only."""
    if fit.sample is None or not fit.sample.targets:
        return None
    labels = np.asarray(fit.sample.targets[0])
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(axis=1)
    labels = labels.reshape(len(labels), -1)[:, 0] if labels.ndim > 1 else labels
    return labels if len(labels) >= 4 and len(np.unique(labels)) >= 2 else None


def largest_scale(inputs: ArrayFacts) -> float:
    """Largest standard deviation or absolute mean of a column (of the whole array where columns were not measured)."""
    if inputs.column_std:
        return float(max(*inputs.column_std, *(abs(value) for value in inputs.column_mean)))
    return float(max(inputs.std, abs(inputs.mean)))


def holds_bytes(inputs: ArrayFacts) -> bool:
    """Whether the values look like bytes: within 0..255, reaching beyond 127, in more than a few columns."""
    if not (inputs.minimum >= 0 and 127 < inputs.maximum <= 255):
        return False
    return len(inputs.shape) >= 3 or (inputs.integers and columns(inputs) >= 64)


def looks_like_image(fit: FitTrace) -> bool:
    """Whether the first input is a picture: height, width and perhaps channels, or flattened bytes."""
    if not fit.data.inputs:
        return False
    first = fit.data.inputs[0]
    has_2d_convolution = any(layer.class_name.endswith("Conv2D") for layer in fit.model.layers)
    return holds_bytes(first) or len(first.shape) == 4 or (len(first.shape) == 3 and has_2d_convolution)


def inputs_are_tokens(fit: FitTrace) -> bool:
    """Whether whole numbers are looked up by an embedding first."""
    first = first_layers(fit.model)
    return bool(first) and all(layer.class_name in EMBEDDING_LAYERS for layer in first)


def starts_with_normalization(fit: FitTrace) -> bool:
    """Whether everything that touches the inputs first is a normalisation layer."""
    first = first_layers(fit.model)
    return bool(first) and all(layer.class_name in NORMALIZATION_LAYERS for layer in first)


def steps_per_epoch(fit: FitTrace) -> int | None:
    """Training steps in one epoch, as asked for or as follows from rows and batch size."""
    if fit.fit.steps_per_epoch:
        return fit.fit.steps_per_epoch
    if fit.data.rows and fit.fit.batch_size:
        return max(1, math.ceil(fit.data.rows / fit.fit.batch_size))
    return None


def updates_made(fit: FitTrace) -> int | None:
    """Number of training steps that were made.

    The last sampled loss may lie well before the end, so epochs that were finished count as well.
    """
    sampled = int(fit.statistics.loss_steps[-1]) + 1 if len(fit.statistics.loss_steps) else None
    per_epoch = steps_per_epoch(fit)
    counted = None if per_epoch is None else per_epoch * len(fit.epoch_metrics.get("loss", ()))
    known = [number for number in (sampled, counted) if number is not None]
    return max(known) if known else None


def update_ratios(fit: FitTrace) -> np.ndarray:
    """|weight change| / |weights| per sampled step and layer, NaN where there is nothing to measure."""
    layers = fit.statistics.layers
    update, weight = layers.get("update_norm"), layers.get("weight_norm")
    if update is None or weight is None or update.size == 0:
        return np.empty((0, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = np.where(weight > 0, update / weight, np.nan)
    return ratio


def update_ratio(fit: FitTrace) -> float | None:
    """Median over steps of the parameter-wide |change| / |weights|: the size of a typical step."""
    ratios = update_ratios(fit)
    finite = ratios[np.isfinite(ratios)]
    return float(np.median(finite)) if finite.size else None


@dataclass(frozen=True)
class StepGains:
    """What sampled steps did to the loss of their own batch; only steps of which all of it is known, each ``(n,)``.

    Attributes:
        steps: Their numbers.
        before, after: The loss with the weights before and after the step.
        predicted: The change that the gradient predicts.
    """

    steps: np.ndarray
    before: np.ndarray
    after: np.ndarray
    predicted: np.ndarray

    @property
    def ratios(self) -> np.ndarray:
        """Gain ratios, NaN where the step did not go downhill by more than float32 can tell."""
        told = self.predicted < -1e-6 * np.abs(self.before)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = np.where(told, (self.after - self.before) / self.predicted, np.nan)
        return found


def step_gains(fit: FitTrace) -> StepGains:
    """The steps of ``fit`` whose loss was measured before and after."""
    statistics = fit.statistics
    series = [
        np.asarray(getattr(statistics, name), float) for name in ("loss_before", "loss_after", "predicted_change")
    ]
    known = np.isfinite(np.stack(series)).all(axis=0) if len(statistics.steps) else np.zeros(0, dtype=bool)
    return StepGains(np.asarray(statistics.steps)[known], *(values[known] for values in series))


def heavy_tailed_columns(inputs: ArrayFacts) -> int | None:
    """Number of columns without negative values in which a few rows are far larger than the rest; None without columns.

    The deviation exceeds one and a half times the mean, where an exponential distribution has them equal, and the
    largest value lies beyond 100, so that neither counts of a few events nor 0/1 columns are meant.
    """
    if not inputs.column_std or holds_bytes(inputs):
        return None
    columns_ = zip(inputs.column_min, inputs.column_max, inputs.column_mean, inputs.column_std, strict=True)
    return sum(1 for low, high, mean, std in columns_ if low >= 0 and high > 100 and std > 1.5 * mean)


def category_columns(fit: FitTrace) -> tuple[int, ...]:
    """Columns of the first input that hold codes of categories: few whole numbers without gaps, counted from 0 or 1.

    Numbers whose frequencies form a hill are counts or grades, in which 2 lies between 1 and 3.
    """
    found = []
    for index, column in _whole_columns(fit):
        values, counts = np.unique(column, return_counts=True)
        gapless = values[0] in (0, 1) and values[-1] - values[0] + 1 == len(values)
        if gapless and _read_as_categories(counts):
            found.append(index)
    return tuple(found) if len(found) <= _MOST_CATEGORY_COLUMNS else ()


def scaled_category_columns(fit: FitTrace) -> tuple[int, ...]:
    """Columns that would hold codes of categories, had they not been scaled: few numbers at equal distances."""
    whole = {index for index, _ in _whole_columns(fit)}
    found = []
    for index, column in _table_columns(fit):
        values, counts = np.unique(column, return_counts=True)
        steps = np.diff(values)
        if index in whole or not _read_as_categories(counts) or steps.max() > 1.01 * steps.min():
            continue
        found.append(index)
    return tuple(found) if len(found) <= _MOST_CATEGORY_COLUMNS else ()


def _read_as_categories(counts: np.ndarray) -> bool:
    """Whether so many rows per value are those of categories."""
    low, high = _CATEGORIES
    return low <= len(counts) <= high and counts.sum() >= 5 * len(counts) and not looks_ordered(counts.tolist())


def identifier_columns(fit: FitTrace) -> tuple[int, ...]:
    """Columns of the first input that number the rows: whole numbers from 0 or 1 that hardly repeat, with few gaps."""
    found = []
    for index, column in _whole_columns(fit):
        values = np.unique(column)
        span = values[-1] - values[0] + 1
        share = len(values) / len(column)
        if len(column) >= 50 and values[0] in (0, 1) and min(share, len(values) / span) > _IDENTIFIER_SHARE:
            found.append(index)
    return tuple(found)


def _whole_columns(fit: FitTrace) -> list[tuple[int, np.ndarray]]:
    """The columns of a table that hold whole numbers only, as far as the sample shows."""
    return [(index, column) for index, column in _table_columns(fit) if (column == np.floor(column)).all()]


def _table_columns(fit: FitTrace) -> list[tuple[int, np.ndarray]]:
    """The columns of a table whose numbers are finite, as far as the sample shows."""
    if fit.sample is None or not fit.sample.inputs or len(fit.data.inputs) != 1 or holds_bytes(fit.data.inputs[0]):
        return []
    table = np.asarray(fit.sample.inputs[0])
    if table.ndim != 2 or not 2 <= table.shape[1] <= _TABLE_COLUMNS or not len(table):
        return []
    table = table.astype(float)
    return [(index, table[:, index]) for index in range(table.shape[1]) if np.isfinite(table[:, index]).all()]


def class_weights(labels: ArrayFacts) -> dict[int, float] | None:
    """Weights that give every class the same say, by class id counted from 0; None unless labels are such ids."""
    shares = class_shares(labels)
    counted = labels.unique is not None and labels.unique == tuple(range(len(labels.unique)))
    if not shares or min(shares) <= 0 or not (is_one_hot(labels) or counted):
        return None
    return {index: round(1 / (len(shares) * share), 3) for index, share in enumerate(shares)}


def picture_size(inputs: ArrayFacts) -> tuple[int, int] | None:
    """Height and width of pictures with channels last, None for other inputs."""
    if len(inputs.shape) != 4 or not inputs.shape[1] or not inputs.shape[2]:
        return None
    return int(inputs.shape[1]), int(inputs.shape[2])


def repeated_rows(sample: DataSample) -> tuple[float, float, int]:
    """How many inputs occur twice, compared as float32.

    Returns:
        The share of validation rows that are among the training rows, the share of training rows that repeat an earlier
        one, and the number of validation rows; zeros where rows cannot be compared.
    """
    if not sample.validation_inputs or len(sample.validation_inputs) != len(sample.inputs):
        return 0.0, 0.0, 0
    train, held_out = _row_bytes(sample.inputs), _row_bytes(sample.validation_inputs)
    if not train or not held_out:
        return 0.0, 0.0, 0
    known = set(train)
    shared = sum(row in known for row in held_out) / len(held_out)
    return shared, 1 - len(known) / len(train), len(held_out)


def _row_bytes(parts: tuple[np.ndarray, ...]) -> list[bytes]:
    """The content of each row as bytes; empty for inputs that are not numbers."""
    if any(np.asarray(part).dtype.kind not in "biuf" for part in parts):
        return []
    count = min(len(part) for part in parts)
    flat = [np.asarray(part)[:count].reshape(count, -1).astype(np.float32) for part in parts]
    table = np.ascontiguousarray(np.concatenate(flat, axis=1))
    return [row.tobytes() for row in table]


def telltale_column(fit: FitTrace, kind: str) -> int | None:
    """The column of a table that alone tells the target of a task of this kind, on at least 100 rows; None if none."""
    if fit.sample is None or not fit.sample.inputs or not fit.sample.targets or len(fit.data.inputs) != 1:
        return None
    table, target = np.asarray(fit.sample.inputs[0]), np.asarray(fit.sample.targets[0])
    if table.ndim != 2 or not 2 <= table.shape[1] <= _TABLE_COLUMNS or table.dtype.kind not in "biuf":
        return None
    if len(table) != len(target) or len(table) < 100 or target.dtype.kind not in "biuf":
        return None
    if target.ndim == 2 and target.shape[1] > 1 and kind in ("binary", "multiclass"):
        target = target.argmax(axis=1)
    target = target.reshape(len(target), -1)
    if target.shape[1] != 1 or not (np.isfinite(table.astype(float)).all() and np.isfinite(target.astype(float)).all()):
        return None
    for index in range(table.shape[1]):
        if _tells(table[:, index].astype(float), target[:, 0].astype(float), kind):
            return index
    return None


def _tells(column: np.ndarray, target: np.ndarray, kind: str) -> bool:
    if column.std() <= 0 or target.std() <= 0:
        return False
    if kind == "regression":
        return bool(abs(np.corrcoef(column, target)[0, 1]) > 0.9999)
    if kind not in ("binary", "multiclass"):
        return False
    order = np.argsort(column, kind="stable")
    sorted_target, sorted_column = target[order], column[order]
    changes = np.flatnonzero(np.diff(sorted_target))
    apart = bool(np.all(np.diff(sorted_column)[changes] > 0))
    return len(changes) == len(np.unique(target)) - 1 and apart
