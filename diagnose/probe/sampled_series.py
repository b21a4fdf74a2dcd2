"""The series of one training: what was seen at each sampled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..trace import LAYER_STATISTICS, STEP_SERIES, Statistics
from .observer import Observation


class SampledSeries:
    """Observations in the order of their steps; the caller says when every second is to go.

    Attributes:
        added: Observations so far, with those that went.
    """

    def __init__(self) -> None:
        self.added = 0
        self._rows: list[np.ndarray] = []
        self._steps: list[int] = []
        self._epochs: list[int] = []
        self._norms: list[float] = []
        self._series: dict[str, list[float]] = {name: [] for name in STEP_SERIES}

    def add(self, seen: Observation, step: int, epoch: int) -> None:
        """Keep what was seen at a step of an epoch."""
        self.added += 1
        self._rows.append(seen.values)
        self._steps.append(step)
        self._epochs.append(epoch)
        self._norms.append(seen.gradient_norm)
        for name, value in seen.series.items():
            self._series[name].append(value)

    def complete_last(self, values: Callable[[], np.ndarray], gradient_norm: float) -> None:
        """Where the last observation holds no gradients, take them and what else it lacks from these values."""
        if self._rows and not np.isfinite(self._norms[-1]):
            self._rows[-1] = np.where(np.isnan(self._rows[-1]), values(), self._rows[-1])
            self._norms[-1] = gradient_norm

    def thin(self) -> None:
        """Drop every second observation."""
        kept: tuple[list[Any], ...] = (self._rows, self._steps, self._epochs, self._norms)
        for series in (*kept, *self._series.values()):
            del series[1::2]

    def statistics(self, layers: int, loss_steps: list[int], losses: list[float]) -> Statistics:
        """The series so far, with these losses, for a model of ``layers`` layers."""
        layers = self._rows[0].shape[1] if self._rows else layers
        table = np.stack(self._rows) if self._rows else np.zeros((0, len(LAYER_STATISTICS), layers), np.float32)
        return Statistics(
            steps=np.asarray(self._steps, dtype=np.int64),
            epochs=np.asarray(self._epochs, dtype=np.int64),
            layers={name: table[:, i, :] for i, name in enumerate(LAYER_STATISTICS)},
            gradient_norm=np.asarray(self._norms, dtype=np.float64),
            loss_steps=np.asarray(loss_steps, dtype=np.int64),
            loss=np.asarray(losses, dtype=np.float64),
            **{name: np.asarray(values, dtype=np.float64) for name, values in self._series.items()},
        )


def signals(seen: Observation) -> tuple[float, ...]:
    """Numbers that tell how fast training changes: loss, gradient norm, and the largest relative update of a layer."""
    update = seen.values[LAYER_STATISTICS.index("update_norm")]
    weight = seen.values[LAYER_STATISTICS.index("weight_norm")]
    ratios = update[weight > 0] / weight[weight > 0]
    largest = float(np.max(ratios[np.isfinite(ratios)], initial=0.0))
    return abs(seen.series["loss_before"]), seen.gradient_norm, largest
