"""Where the epochs of a training loop of the user's own begin: rows that come again tell it, else the loops around.

A loop says nothing of epochs. Two things tell them: a batch of rows most of which were there already begins another
pass over the data; and of nested ``for`` statements around the call, the second one from the inside counts epochs. The
rows are the better witness, but augmented data or noise never comes again.
"""

from __future__ import annotations

import ast
import functools
import linecache
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from .data_capture import as_array, named_leaves
from .sites import SiteFinder

#: Rows of a batch that are looked at at most, and numbers of each.
_ROWS, _NUMBERS = 512, 256
#: Share of the rows of a batch that must differ, or else rows that come again tell nothing.
_DISTINCT = 0.9
#: Rows that are remembered; a larger data set is not followed by its rows.
_MOST_SEEN = 1_000_000
_MAX_FRAMES = 60


@dataclass(frozen=True)
class LoopPlace:
    """One ``for`` or ``while`` statement that is running: where it is written, and how far it is."""

    file: str
    line: int
    progress: Any = None


@dataclass
class LoopFinder:
    """Finds the loops of the user's code around a frame, innermost first."""

    finder: SiteFinder
    _loops: dict[str, list[tuple[int, int, str | None]]] = field(default_factory=dict)
    _around: dict[tuple[CodeType, int], list[tuple[int, str | None]]] = field(default_factory=dict)

    def loops(self, frame: FrameType | None) -> tuple[LoopPlace, ...]:
        found: list[LoopPlace] = []
        seen = 0
        while frame is not None and seen < _MAX_FRAMES:
            if self.finder.is_users(frame):
                for line, name in self._written_around(frame.f_code, frame.f_lineno):
                    value = frame.f_locals.get(name) if name else None
                    progress = value if isinstance(value, int | str | float) else id(value)
                    found.append(LoopPlace(frame.f_code.co_filename, line, progress if name else None))
            frame, seen = frame.f_back, seen + 1
        return tuple(found)

    def _written_around(self, code: CodeType, line: int) -> list[tuple[int, str | None]]:
        key = (code, line)
        if key not in self._around:
            begin = code.co_firstlineno
            inside = [
                (first, name)
                for first, last, name in self._of_file(code.co_filename)
                if first <= line <= last and (first >= begin or code.co_name == "<module>")
            ]
            self._around[key] = sorted(inside, reverse=True)
        return self._around[key]

    def _of_file(self, name: str) -> list[tuple[int, int, str | None]]:
        if name not in self._loops:
            try:
                tree = ast.parse("".join(linecache.getlines(name)))
            except (SyntaxError, ValueError, RecursionError):
                tree = ast.Module([], [])
            self._loops[name] = [
                (node.lineno, node.end_lineno or node.lineno, _counter(node))
                for node in ast.walk(tree)
                if isinstance(node, ast.For | ast.AsyncFor | ast.While)
            ]
        return self._loops[name]


def _counter(loop: ast.For | ast.AsyncFor | ast.While) -> str | None:
    """Name of the variable that changes with each round: that of the loop, or its first one (of ``enumerate``)."""
    target: ast.expr | None = None if isinstance(loop, ast.While) else loop.target
    while isinstance(target, ast.Tuple | ast.List) and target.elts:
        target = target.elts[0]
    return target.id if isinstance(target, ast.Name) else None


def fingerprints(batch: Any) -> list[float] | None:
    """One number per row of the first array of a batch; None when rows cannot be told from one another."""
    leaves = named_leaves(batch, "x")
    array = as_array(leaves[0][1]) if leaves else None
    if array is None or not len(array) or array.dtype.kind not in "biuf":
        return None
    flat = array[:_ROWS].reshape(min(len(array), _ROWS), -1)
    some = np.ascontiguousarray(flat[:, :: max(1, flat.shape[1] // _NUMBERS)], dtype=np.float64)
    # Summed row by row, unlike a matrix product, so that a row gives the same number in whatever batch it stands.
    marks = (some * _weights(some.shape[1])).sum(axis=1)
    found = [float(mark) for mark in marks if np.isfinite(mark)]
    return found if len(found) == len(marks) and len(set(found)) >= _DISTINCT * len(found) else None


@functools.cache
def _weights(count: int) -> np.ndarray:
    return np.random.default_rng(20_210_522).normal(size=count)


@dataclass
class EpochLog:
    """Steps put together by epoch: where each begins, how long it took, and the means of what was measured."""

    begins: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    totals: list[dict[str, tuple[float, int]]] = field(default_factory=list)
    _last: float = 0.0

    def begin(self, step: int, rate: float) -> None:
        self.begins.append(step)
        self.rates.append(rate)
        for series in (self.seconds, self.rows, self.steps):
            series.append(0)
        self.totals.append({})
        self._last = time.perf_counter()

    def add(self, values: Mapping[str, float], rows: int) -> None:
        """Book one step."""
        now = time.perf_counter()
        self.seconds[-1] += now - self._last
        self._last = now
        self.rows[-1] += rows
        self.steps[-1] += 1
        weight = max(rows, 1)
        for name, value in values.items():
            total, count = self.totals[-1].get(name, (0.0, 0))
            self.totals[-1][name] = (total + value * weight, count + weight)

    def metrics(self) -> dict[str, tuple[float, ...]]:
        """Mean per epoch; NaN where an epoch has no value."""
        names = list(dict.fromkeys(name for totals in self.totals for name in totals))
        return {
            name: tuple(
                total / count if count else float("nan")
                for total, count in (totals.get(name, (0.0, 0)) for totals in self.totals)
            )
            for name in names
        }

    def of_steps(self, steps: Sequence[int]) -> np.ndarray:
        """Epoch of each step, shape as ``steps``."""
        return np.maximum(np.searchsorted(self.begins, np.asarray(steps, dtype=np.int64), side="right") - 1, 0)


@dataclass
class EpochFinder:
    """Follows one loop step by step by both witnesses.

    Attributes:
        by_rows: Epochs as the rows tell them.
        by_loops: Epochs as the nested loops around the call tell them.
    """

    by_rows: EpochLog = field(default_factory=EpochLog)
    by_loops: EpochLog = field(default_factory=EpochLog)
    _seen: set[float] = field(default_factory=set)
    _rows_tell: bool = True
    _round: Any = None

    def step(self, step: int, batch: Any, loops: Sequence[LoopPlace], rate: float) -> None:
        """A step begins."""
        outer = tuple((place.file, place.line, place.progress) for place in loops[1:2])
        if not self.by_loops.begins or outer != self._round:
            self.by_loops.begin(step, rate)
        self._round = outer
        if not self.by_rows.begins:
            self.by_rows.begin(step, rate)
        if not self._rows_tell:
            return
        marks = fingerprints(batch) if batch is not None else None
        if marks is None or len(self._seen) > _MOST_SEEN:
            self._rows_tell = False
            return
        if step and 2 * sum(mark in self._seen for mark in marks) >= len(marks):
            self._seen.clear()
            self.by_rows.begin(step, rate)
        self._seen.update(marks)

    def seen(self, batch: Any) -> bool:
        """Whether most rows of ``batch`` were trained on in this epoch."""
        marks = fingerprints(batch)
        return marks is not None and 2 * sum(mark in self._seen for mark in marks) >= len(marks)

    def add(self, values: Mapping[str, float], rows: int) -> None:
        """The step is over."""
        self.by_rows.add(values, rows)
        self.by_loops.add(values, rows)

    @property
    def log(self) -> EpochLog:
        """The better of both: the rows if they ever came again, else the loops."""
        return self.by_rows if len(self.by_rows.begins) > 1 else self.by_loops

    @property
    def rows(self) -> int | None:
        """Rows of one pass over the data, as far as the steps tell."""
        counts: list[int] = self.log.rows
        whole: list[int] = counts[:-1] or counts
        return int(np.median(whole)) if sum(whole) else None
