"""Which rows a trial is scored on: the same for the baseline and every patch, whatever is done to labels or scales."""

from __future__ import annotations

import numpy as np

#: Share of rows held out when the script has no validation data of its own.
SHARE = 0.25
#: With fewer rows nothing is held out and training rows are scored: a quarter would be under ten rows, on which one
#: row is more than 10 % of the accuracy, and the network would lose rows it can hardly spare.
MIN_ROWS = 40
#: Validation data with fewer rows than this says too little (as above); rows are then held out instead.
MIN_SCORED = 10
#: No more rows than this are scored: the standard error of an accuracy over 4,000 rows is at most 0.8 %, and predicting
#: more only costs time that trials need.
MAX_SCORED = 4000


def held_out_rows(clean: np.ndarray) -> np.ndarray:
    """Indices of the rows to hold out, ascending; empty when there are too few rows.

    One row is drawn from each run of four successive clean rows (of more, when there are very many rows). So data
    sorted by class are split in proportion, as labels must not be asked (a patch may encode them anew), and data that
    repeat every four rows are not. The draw depends on the number of clean rows alone. Rows with NaN are never held
    out: a patch may drop them, and the others must keep their places.

    Args:
        clean: For each row, whether all of its inputs and labels are finite.
    """
    rows = np.flatnonzero(clean)
    if len(rows) < MIN_ROWS:
        return np.array([], dtype=int)
    run = max(round(1 / SHARE), -(-len(rows) // MAX_SCORED))
    starts = np.arange(0, len(rows) - run + 1, run)
    generator = np.random.Generator(np.random.PCG64(len(rows)))
    return np.asarray(rows[starts + generator.integers(0, run, len(starts))])


def spread(count: int, most: int = MAX_SCORED) -> np.ndarray:
    """At most ``most`` indices of ``range(count)``, evenly spread."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(int)


def finite_rows(leaves: list[np.ndarray]) -> np.ndarray:
    """For each row, whether every number in it is finite; arrays that are not floats always are."""
    clean = np.ones(len(leaves[0]), dtype=bool)
    for leaf in leaves:
        if leaf.dtype.kind == "f" and len(leaf) == len(clean):
            clean &= np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1)
    return clean
