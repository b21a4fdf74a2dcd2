"""Inputs whose axes were mixed: ``reshape`` where ``transpose`` was meant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..measures import inputs_are_tokens
from ..stored_axes import lie_channel_by_channel
from .registry import check
from .subject import Subject

#: Rows and columns from which on correlations say anything, and those that are looked at.
ROWS, COLUMNS = 100, 8
MOST_ROWS, MOST_COLUMNS = 1000, 200
#: Mean correlation of all pairs of columns, from which on the rows differ as a whole.
COMMON = 0.2
#: Deviation of the correlations in units of that of a table with the entries of each row in random order.
ALIKE = 3.0
#: Variance between the columns' means in units of what rows of interchangeable entries lead to.
LEVEL = 5.0


@check("scrambled-inputs", requires=("inputs", "sample"))
def scrambled_inputs(subject: Subject) -> Iterator[Symptom]:
    """All columns are one and the same, and all that differs is the level of whole rows.

    Symptom: Of at least 8 columns, all pairs correlate by 0.2 or more, equally but for sampling error, and all have one
        mean: entries of a row may be exchanged for each other without a difference.
    Why: ``x.reshape(rows, columns)`` of a table that has its columns first keeps the order in memory, so a row holds
        many rows' values of one single feature. Nothing in it belongs together, and no learner can tell columns apart.
    Threshold and its source: A permutation test: with the entries of each row in random order, the correlations
        deviate from their mean by sampling error alone. Tables scrambled that way (digits, wine, breast cancer, raw,
        logarithmic and scaled; 2026-11-30) deviate by 0.9 to 2.0 times as much, the eight of 53 healthy programs with
        measurements that correlate by 0.2 or more by 4.6 and more; 3 lies between.
    When not: Token ids; repeated measurements of one thing, which are as alike: a network makes do with their mean.
    """
    sample = subject.fit.sample
    if sample is None or inputs_are_tokens(subject.fit):
        return
    for array in sample.inputs:
        common = _common_correlation(array)
        if common is not None:
            yield Symptom(
                "scrambled-inputs",
                f"All columns of the inputs correlate by {common:.2f} with each other and have one mean: what differs "
                "are whole rows, as after a reshape in place of a transpose.",
                value=common,
                threshold=COMMON,
                strength=0.9,
            )
            return


@check("mixed-axes", requires=("inputs", "sample"))
def mixed_axes(subject: Subject) -> Iterator[Symptom]:
    """Series or pictures that hold one channel after the other and are read as if channels came last.

    Symptom: In the order in which they lie in memory the values of a row run on smoothly, and break off just where a
        channel would end if channels lay one after the other.
    Why: ``x.reshape(rows, steps, channels)`` of data that has its channels before its steps keeps the order in memory,
        so each step holds a piece of one channel's past and future in place of all channels at one time.
    Threshold and its source: Measured on series and pictures read rightly and wrongly: see
        ``stored_axes.lie_channel_by_channel``.
    When not: Independent numbers, in which no order can be seen; as many steps as channels, where every step ends with
        a break.
    """
    for array in subject.fit.sample.inputs if subject.fit.sample is not None else ():
        if lie_channel_by_channel(array):
            shape = tuple(array.shape[1:])
            yield Symptom(
                "mixed-axes",
                f"Rows of shape {shape} hold {shape[-1]} channels one after the other, but are read as if each place "
                "held all channels: a reshape stands where a transpose is needed.",
                value=float(shape[-1]),
                strength=0.9,
            )
            return


def _common_correlation(array: np.ndarray) -> float | None:
    """Mean correlation of the columns where their entries are interchangeable, None where they are not."""
    if array.dtype.kind not in "fiu" or len(array) < ROWS:
        return None
    table = array[:MOST_ROWS].reshape(min(len(array), MOST_ROWS), -1).astype(np.float64)
    table = table[np.isfinite(table).all(axis=1)]
    table = table[:, np.linspace(0, table.shape[1] - 1, min(table.shape[1], MOST_COLUMNS)).astype(int)]
    deviations = table.std(axis=0)
    if len(table) < ROWS or table.shape[1] < COLUMNS or (deviations <= 1e-6 * np.abs(table).max()).any():
        return None
    correlations = _correlations(table)
    common = float(correlations.mean())
    shuffled = np.random.default_rng(0).permuted(table, axis=1)
    if common < COMMON or correlations.std() > ALIKE * _correlations(shuffled).std():
        return None
    # Analysis of variance within rows: how far the columns' means lie apart, against rows of interchangeable entries.
    within = table - table.mean(axis=1, keepdims=True)
    apart = len(table) * within.mean(axis=0).var(ddof=1) / within.var(axis=0).mean()
    return common if apart < LEVEL else None


def _correlations(table: np.ndarray) -> np.ndarray:
    """Of all pairs of columns."""
    return np.asarray(np.corrcoef(table.T)[np.triu_indices(table.shape[1], 1)])
