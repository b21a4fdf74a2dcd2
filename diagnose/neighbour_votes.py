"""What neighbouring rows say about a row's label: quick leave-one-out predictions without any training.

Two learners with closed leave-one-out forms work on the sample of a trace: the vote of the ten nearest rows, and ridge
regression on indicators of the classes, whose leave-one-out residuals follow from the hat matrix (Allen's PRESS, 1974).
Both take milliseconds on a thousand rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .trace import DataSample

MAX_ROWS = 800
MAX_COLUMNS = 4096
#: Rows whose distances are compared, and how much farther neighbours of the other side may be: a third, our choice.
MOST_COMPARED, FARTHER = 500, 1.33
#: Wider tables are projected at random: 64 dimensions keep distances among a thousand rows within some 30 %
#: (Johnson & Lindenstrauss 1984), enough to find neighbours.
PROJECTED = 64
NEIGHBOURS = 10
CLIP = 10.0
RIDGE = 1e-2


@dataclass(frozen=True)
class Neighbourhood:
    """Rows of a sample as comparable features, shape ``(rows, columns)``, in order; ``rows`` are their numbers."""

    features: np.ndarray
    rows: np.ndarray

    @cached_property
    def nearest(self) -> np.ndarray:
        """Positions of the ten nearest other rows of each row, shape ``(rows, 10)``."""
        points = self.features.astype(np.float32)
        distances = squared_distances(points, points)
        np.fill_diagonal(distances, np.inf)
        found: np.ndarray = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        return found

    @cached_property
    def _hat(self) -> np.ndarray:
        design = np.column_stack([np.ones(len(self.features)), self.features])
        penalty = RIDGE * len(design) * np.eye(design.shape[1])
        penalty[0, 0] = 0.0
        hat: np.ndarray = design @ np.linalg.solve(design.T @ design + penalty, design.T)
        return hat

    def votes(self, targets: np.ndarray) -> np.ndarray:
        """Mean target of the nearest other rows, in the shape of ``targets``, ``(rows, outputs)``."""
        mean: np.ndarray = targets[self.nearest].mean(axis=1)
        return mean

    def linear(self, targets: np.ndarray) -> np.ndarray:
        """Ridge regression's prediction for each row from all others, in the shape of ``targets``."""
        leverage = np.clip(np.diagonal(self._hat), 0.0, 0.999)[:, None]
        predicted: np.ndarray = (self._hat @ targets - leverage * targets) / (1 - leverage)
        return predicted

    def explained(self, targets: np.ndarray) -> float:
        """Share of the targets' variance that the better of the two learners explains out of sample, at least 0."""
        centred = targets - targets.mean(axis=0)
        total = float((centred**2).sum())
        if total <= 0:
            return 0.0
        errors = [float(((targets - made) ** 2).sum()) for made in (self.votes(targets), self.linear(targets))]
        return max(0.0, 1 - min(errors) / total)


def neighbourhood(sample: DataSample, *, whole: bool = False) -> Neighbourhood | None:
    """Features of a sample's rows; None for fewer than 50 rows or inputs that are not numbers.

    Args:
        sample: The arrays.
        whole: Take the first rows without gaps instead of rows spread evenly.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> neighbourhood(DataSample((x,), (x[:, 0],))).explained(x[:, :1]) > 0.9
        True
    """
    count = min((len(part) for part in (*sample.inputs, *sample.targets)), default=0)
    if count < 50 or any(np.asarray(part).dtype.kind not in "biuf" for part in sample.inputs):
        return None
    rows = np.arange(count) if count <= MAX_ROWS else np.linspace(0, count - 1, MAX_ROWS).astype(int)
    if whole:
        rows = np.arange(min(count, MAX_ROWS))
    table = np.concatenate([np.asarray(part)[rows].reshape(len(rows), -1) for part in sample.inputs], axis=1)
    table = np.nan_to_num(table.astype(float), posinf=0.0, neginf=0.0)
    generator = np.random.default_rng(0)
    if table.shape[1] > MAX_COLUMNS:
        table = table[:, np.sort(generator.choice(table.shape[1], MAX_COLUMNS, replace=False))]
    deviation = table.std(axis=0)
    kept = deviation > 1e-12 * np.maximum(1.0, np.abs(table.mean(axis=0)))
    if not kept.any():
        return None
    scaled = np.clip((table[:, kept] - table[:, kept].mean(axis=0)) / deviation[kept], -CLIP, CLIP)
    if scaled.shape[1] > PROJECTED:
        scaled = scaled @ generator.normal(size=(scaled.shape[1], PROJECTED)) / np.sqrt(PROJECTED)
    return Neighbourhood(scaled, rows)


def contradicted(known: Neighbourhood, classes: np.ndarray) -> np.ndarray:
    """Which labels both learners contradict: of the ten nearest rows at least eight share one other class, and ridge
    regression, without the row, does not name the row's own class either.

    Args:
        known: The rows' features.
        classes: Class of each row, shape ``(rows,)``.

    Returns:
        One flag per row. After Wilson's edited nearest neighbours (1972) and the confident learning of Northcutt et al.
        (2021), which count the labels that out-of-sample predictions contradict confidently.
    """
    ids, codes = np.unique(classes, return_inverse=True)
    indicators = np.eye(len(ids))[codes]
    votes, linear = known.votes(indicators), known.linear(indicators)
    others = np.where(indicators > 0, -np.inf, votes)
    flags: np.ndarray = (others.max(axis=1) >= 0.8) & (linear.argmax(axis=1) != codes)
    return flags


def voted_skill(known: Neighbourhood, classes: np.ndarray) -> float:
    """How far the votes get from always naming the most frequent class (0) to all rows right (1)."""
    ids, codes = np.unique(classes, return_inverse=True)
    right = float((known.votes(np.eye(len(ids))[codes]).argmax(axis=1) == codes).mean())
    trivial = float(np.bincount(codes).max() / len(codes))
    return (right - trivial) / max(1 - trivial, 1e-12)


def next_row_resemblance(sample: DataSample, rows: np.ndarray) -> float:
    """Largest |correlation| of any input column with any column one row later, among the first 64 columns.

    Near 1 for windows over a series, in which each row repeats most of the row before one place further on.
    """
    table = np.concatenate([np.asarray(part)[rows].reshape(len(rows), -1) for part in sample.inputs], axis=1)
    table = np.nan_to_num(table[:, :PROJECTED].astype(float), posinf=0.0, neginf=0.0)
    deviation = table.std(axis=0)
    scaled = (table - table.mean(axis=0))[:, deviation > 0] / deviation[deviation > 0]
    if len(scaled) < 3 or not scaled.shape[1]:
        return 0.0
    return float(np.abs(scaled[:-1].T @ scaled[1:]).max() / (len(scaled) - 1))


def are_alike(inputs: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    """Whether rows of one set have neighbours as near in the other set as among themselves."""
    count = min(len(inputs[0]), len(others[0]), MOST_COMPARED)
    tables = []
    for part in (inputs, others):
        rows = np.linspace(0, len(part[0]) - 1, count).astype(int)
        tables.append(np.concatenate([np.asarray(a)[rows].reshape(count, -1) for a in part], axis=1).astype(float))
    given, own = (np.nan_to_num(table, posinf=0.0, neginf=0.0) for table in tables)
    if given.shape[1] != own.shape[1]:
        return False
    scale = np.where(own.std(axis=0) > 0, own.std(axis=0), 1.0)
    given, own = given / scale, own / scale
    among = squared_distances(own, own)
    np.fill_diagonal(among, np.inf)
    # Rounding may leave squares a little below 0.
    near, nearer = (np.sqrt(np.maximum(part.min(axis=1), 0.0)) for part in (squared_distances(own, given), among))
    return float(np.median(near)) <= FARTHER * float(np.median(nearer))


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of every row of one table to every row of the other."""
    return np.asarray((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T)
