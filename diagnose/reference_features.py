"""Inputs of any shape as one table that quick learners can compare: missing values filled in, columns made comparable.

Columns are standardised and cut at ten standard deviations, so that huge or mixed scales, which are a frequent fault of
a network's inputs, do not lower the bar. Wide tables are reduced to principal components; whole numbers that stand for
words are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

MAX_COLUMNS = 4096
#: Wider inputs (images, sequences) are reduced to this many principal components, 95 % of the variance of most images.
COMPONENTS = 64
WIDE = 128
MAX_TOKENS = 500


class Features:
    """Turns inputs of any shape into one comparable table, with statistics of the training rows only."""

    def __init__(self, inputs: Sequence[np.ndarray], rows: np.ndarray, tokens: bool) -> None:
        self._tokens = tokens
        self._columns = [_chosen_columns(np.asarray(part)) for part in inputs]
        self._words = [_frequent_words(np.asarray(part)[rows]) if tokens else None for part in inputs]
        table = self._table(inputs, rows)
        self._fill = np.nan_to_num(np.nanmedian(table, axis=0))
        table = np.where(np.isnan(table), self._fill, table)
        self._mean, deviation = table.mean(axis=0), table.std(axis=0)
        self._kept = deviation > 1e-12 * np.maximum(1.0, np.abs(self._mean))
        self._deviation = np.where(self._kept, deviation, 1.0)
        self._reduce: Any = None
        scaled = self._scale(table)
        if scaled.shape[1] > WIDE and not tokens:
            from sklearn.decomposition import PCA

            components = min(COMPONENTS, len(scaled) - 1, scaled.shape[1])
            self._reduce = PCA(components, svd_solver="randomized", random_state=0).fit(scaled)

    def of(self, inputs: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
        """The table of these rows."""
        table = self._table(inputs, rows)
        scaled = self._scale(np.where(np.isnan(table), self._fill, table))
        return scaled if self._reduce is None else np.asarray(self._reduce.transform(scaled), dtype=float)

    def _scale(self, table: np.ndarray) -> np.ndarray:
        if self._tokens:  # counts of words are comparable as they are; standardising would blow up the rare ones
            return table
        scaled = (table - self._mean) / self._deviation
        kept = scaled[:, self._kept] if self._kept.any() else scaled[:, :1]
        clipped: np.ndarray = np.clip(kept, -10.0, 10.0)
        return clipped

    def _table(self, inputs: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
        parts = list(self._parts(inputs, rows))
        table = np.concatenate(parts, axis=1) if parts else np.zeros((len(rows), 1))
        return np.where(np.isfinite(table), table, np.nan)

    def _parts(self, inputs: Sequence[np.ndarray], rows: np.ndarray) -> Iterator[np.ndarray]:
        for part, columns, words in zip(inputs, self._columns, self._words, strict=True):
            chosen = np.asarray(part)[rows]
            if chosen.dtype.kind not in "biuf":
                continue
            flat = chosen.reshape(len(chosen), -1)
            if words is not None:
                yield _counts(flat, words)
            else:
                yield flat[:, columns].astype(float)


def _chosen_columns(part: np.ndarray) -> np.ndarray | slice:
    width = int(np.prod(part.shape[1:]))
    if width <= MAX_COLUMNS:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(width, MAX_COLUMNS, replace=False))


def _frequent_words(part: np.ndarray) -> np.ndarray | None:
    """The most frequent whole numbers, None if there are others."""
    if part.dtype.kind not in "biuf" or not np.all(part == np.floor(part)):
        return None
    words, counts = np.unique(part, return_counts=True)
    chosen: np.ndarray = np.sort(words[np.argsort(-counts, kind="stable")[:MAX_TOKENS]])
    return chosen


def _counts(tokens: np.ndarray, words: np.ndarray) -> np.ndarray:
    """How often each of the chosen words occurs in a row, dampened."""
    found = np.zeros((len(tokens), len(words)))
    places = np.clip(np.searchsorted(words, tokens), 0, len(words) - 1)
    rows = np.broadcast_to(np.arange(len(tokens))[:, None], tokens.shape)
    known = words[places] == tokens
    np.add.at(found, (rows[known], places[known]), 1)
    return np.log1p(found)
