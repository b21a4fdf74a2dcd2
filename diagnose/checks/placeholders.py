"""Numbers that stand for values that are missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..measures import inputs_are_tokens
from .registry import check
from .subject import Subject

#: Distinct values from which on a column holds measurements rather than codes.
MEASURED = 20
#: Rows that have to hold the number.
ROWS = 3
#: Ranges of all other values that lie between them and the number.
RANGES = 3.0


@check("placeholder-values", requires=("inputs", "sample"))
def placeholder_values(subject: Subject) -> Iterator[Symptom]:
    """A number far from all others stands for values that are missing.

    Symptom: In a column of measurements three rows or more hold the very same smallest or largest number, and it lies
        farther from the next one than three times the range of all others.
    Why: -9999 is a number to a network. It rules mean and deviation by which the column is scaled, so that all real
        values fall into one spot, and the weights learn to step aside for it.
    Threshold and its source: A range bounds whatever the others do; three of them, our choice, leave out what heavy
        tails and spikes at zero bring about. None of 53 healthy programs has such a column.
    When not: Columns of fewer than 20 distinct values; token ids; pictures.
    """
    sample = subject.fit.sample
    if sample is None or inputs_are_tokens(subject.fit):
        return
    for array in sample.inputs:
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            continue
        for column in range(array.shape[1]):
            found = _placeholder(array[:, column])
            if found is None:
                continue
            value, rows = found
            yield Symptom(
                "placeholder-values",
                f"Column {column} of the inputs holds {value:.6g} in {rows} of {len(array)} sampled rows, far from "
                "all other values.",
                value=value,
                threshold=RANGES,
                strength=0.9,
                details={"column": column, "placeholder": value, "means_missing": _means_missing(array, value)},
            )
            return


def _means_missing(array: np.ndarray, value: float) -> bool:
    """Whether the number stands apart in every column that holds it, so that it can be filled in wherever it is."""
    columns = np.flatnonzero((array == value).any(axis=0))
    return all((found := _placeholder(array[:, column])) is not None and found[0] == value for column in columns)


def _placeholder(values: np.ndarray) -> tuple[float, int] | None:
    """The number that stands apart and in how many rows, None where none does."""
    distinct, counts = np.unique(values[np.isfinite(values)].astype(np.float64), return_counts=True)
    if len(distinct) < MEASURED:
        return None
    for place, others in ((0, distinct[1:]), (-1, distinct[:-1])):
        gap = float(np.min(np.abs(others - distinct[place])))
        if counts[place] >= ROWS and gap > RANGES * float(others[-1] - others[0]):
            return float(distinct[place]), int(counts[place])
    return None
