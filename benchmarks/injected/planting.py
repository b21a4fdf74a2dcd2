"""What planting a fault means: replacements of text, and where the fault then lies in the new text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .script import Interval


class Incompatible(ValueError):
    """Two faults want to change the same text."""


@dataclass(frozen=True)
class Replacement:
    """``text`` instead of the characters of ``where`` (an insertion where that is empty).

    Attributes:
        mark: The part of the new ``text`` that is a call at fault, for calls that were not there before.
    """

    where: Interval
    text: str
    mark: Interval | None = None


@dataclass(frozen=True)
class Planting:
    """One fault that could be planted into one program.

    Attributes:
        operator: Id of the operator, with its name in DeepCrime where it has one there (``hlr-high``).
        severity: In the operator's own words (``x300``).
        kind: Word of the vocabulary of faults.
        replacements: Changes of the text, none overlapping another.
        places: Calls of the *original* text that may be named as the place, the edited one first.
        hyperparameter: Dotted name as faults have it (``optimizer.learning_rate``), None for layers.
        at_layer: The kind is one of a layer, so that only naming its call counts.
        text: One sentence that says what was done.
    """

    operator: str
    severity: str
    kind: str
    replacements: tuple[Replacement, ...]
    text: str
    places: tuple[Interval, ...] = ()
    hyperparameter: str | None = None
    at_layer: bool = False

    @property
    def key(self) -> str:
        """Distinguishes the plantings of one program."""
        marked = [one.where.start for one in self.replacements if one.mark is not None]
        starts = [*(place.start for place in self.places[:1]), *marked, *(one.where.start for one in self.replacements)]
        return f"{self.operator}:{self.severity}@{starts[0]}"


@dataclass(frozen=True)
class Place:
    """Extent of a call in the planted source: lines and columns from 1, the end column just behind it."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Truth:
    """The ground truth of one planted fault; ``places`` are in the planted source."""

    operator: str
    severity: str
    kind: str
    text: str
    hyperparameter: str | None = None
    at_layer: bool = False
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Planted:
    """A program with its faults."""

    source: str
    truths: tuple[Truth, ...] = field(default=())


def plant(source: str, plantings: Sequence[Planting]) -> Planted:
    """Apply one or several plantings to the source they were made for.

    Raises:
        Incompatible: They overlap, or the result is no Python.
    """
    changes = _ordered([change for one in plantings for change in one.replacements])
    pieces, end = [], 0
    for change in changes:
        pieces += [source[end : change.where.start], change.text]
        end = change.where.end
    text = "".join([*pieces, source[end:]])
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise Incompatible(f"the planted source does not parse: {error}") from error
    return Planted(text, tuple(_truth(one, changes, text) for one in plantings))


def compatible(first: Planting, second: Planting) -> bool:
    """Whether two faults of different kinds change different texts."""
    if first.kind == second.kind or first.operator == second.operator:
        return False
    try:
        _ordered([*first.replacements, *second.replacements])
    except Incompatible:
        return False
    return True


def _ordered(changes: Sequence[Replacement]) -> list[Replacement]:
    """By position; the same insertion wanted twice (an import, a helper) is made once."""
    ordered = sorted(set(changes), key=lambda change: (change.where, "def " in change.text, change.text))
    for before, after in pairwise(ordered):
        both_insert = before.where == after.where and before.where.start == before.where.end
        definitions = both_insert and before.text.startswith("\n") and after.text.startswith("\n")
        if before.where.end > after.where.start or (before.where.start == after.where.start and not definitions):
            raise Incompatible(f"both change the text at {after.where.start}")
    return ordered


def _truth(planting: Planting, changes: Sequence[Replacement], text: str) -> Truth:
    marked = []
    for change in planting.replacements:
        if change.mark is not None:
            start = change.where.start + _growth(changes[: changes.index(change)])
            marked.append(Interval(start + change.mark.start, start + change.mark.end))
    old = [Interval(_new_start(place.start, changes), _new_end(place.end, changes)) for place in planting.places]
    return Truth(
        operator=planting.operator,
        severity=planting.severity,
        kind=planting.kind,
        text=planting.text,
        hyperparameter=planting.hyperparameter,
        at_layer=planting.at_layer,
        places=tuple(_place(interval, text) for interval in [*marked, *old]),
    )


def _growth(changes: Sequence[Replacement]) -> int:
    return sum(len(change.text) - (change.where.end - change.where.start) for change in changes)


def _new_start(offset: int, changes: Sequence[Replacement]) -> int:
    """A call begins behind what is inserted where it began, and where what replaces it begins."""
    return offset + _growth([change for change in changes if change.where.end <= offset])


def _new_end(offset: int, changes: Sequence[Replacement]) -> int:
    """A call ends in front of what is inserted where it ended, and where what replaces its end ends."""
    behind = Interval(offset, offset)
    return offset + _growth([change for change in changes if change.where.end <= offset and change.where != behind])


def _place(interval: Interval, text: str) -> Place:
    start_line, start_column = _line_and_column(interval.start, text)
    end_line, end_column = _line_and_column(interval.end, text)
    return Place(start_line, start_column, end_line, end_column)


def _line_and_column(offset: int, text: str) -> tuple[int, int]:
    begin = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - begin + 1
