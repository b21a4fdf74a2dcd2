"""The source of a program with the position of every expression, for edits that leave the rest as it is."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider


@dataclass(frozen=True, order=True)
class Interval:
    """Characters ``start`` to ``end`` (exclusive) of a text, counted from 0."""

    start: int
    end: int


class Script:
    """A parsed program.

    Args:
        text: Its source.

    Raises:
        libcst.ParserSyntaxError: It is no Python.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        self.module = wrapper.module
        self._positions = wrapper.resolve(PositionProvider)
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._lines = _line_starts(text)

    def interval(self, node: cst.CSTNode) -> Interval:
        """Where a node stands, without parentheses around it, as Python counts the extent of a call."""
        place = self._positions[node]
        return Interval(self._offset(place.start), self._offset(place.end))

    def code(self, node: cst.CSTNode) -> str:
        """Its text."""
        where = self.interval(node)
        return self.text[where.start : where.end]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node around it."""
        return self._parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Innermost first."""
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """The whole line of statements that a node is part of (the module if there is none)."""
        for above in self.ancestors(node):
            if isinstance(above, cst.SimpleStatementLine):
                return above
        return self.module

    def indent(self, node: cst.CSTNode) -> str:
        """White space in front of the line on which a node begins."""
        start = self.interval(node).start
        line = self._lines[bisect.bisect_right(self._lines, start) - 1]
        return self.text[line : line + len(self.text[line:]) - len(self.text[line:].lstrip(" \t"))]

    @cached_property
    def calls(self) -> tuple[cst.Call, ...]:
        """Every call, in the order in which they begin; the outer one first where two begin together."""
        found = [node for node in self._parents if isinstance(node, cst.Call)]
        return tuple(sorted(found, key=lambda call: (self.interval(call).start, -self.interval(call).end)))

    @cached_property
    def nodes(self) -> tuple[cst.CSTNode, ...]:
        """Every node, in no particular order."""
        return tuple(self._parents)

    @cached_property
    def behind_imports(self) -> int:
        """Offset at the end of the last import at top level."""
        imports = [line for line in self.module.body if _is_import(line)]
        return self.interval(imports[-1]).end if imports else 0

    def assignments(self, name: str) -> list[tuple[cst.CSTNode, cst.BaseExpression]]:
        """Statements ``name = value`` in order, with the value."""
        found = [
            (node, node.value)
            for node in self.nodes
            if isinstance(node, cst.Assign)
            and any(isinstance(one.target, cst.Name) and one.target.value == name for one in node.targets)
        ]
        return sorted(found, key=lambda pair: self.interval(pair[0]).start)

    def _offset(self, position: object) -> int:
        return self._lines[position.line - 1] + position.column  # type: ignore[attr-defined]


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _is_import(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.Import | cst.ImportFrom)


def last_name(node: cst.CSTNode) -> str:
    """``Dense`` of ``keras.layers.Dense``; empty for anything but names and attributes."""
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""


def argument(call: cst.Call, name: str, position: int | None = None) -> cst.Arg | None:
    """An argument of a call by its name or its place; None when it is not there or may hide behind a star."""
    for given in call.args:
        if given.keyword is not None and given.keyword.value == name:
            return given
    if position is None or position >= len(call.args):
        return None
    given = call.args[position]
    before = call.args[: position + 1]
    return given if all(one.keyword is None and not one.star for one in before) else None


def number(node: cst.BaseExpression | None) -> float | None:
    """The value of a number written as such."""
    if isinstance(node, cst.Integer | cst.Float):
        return float(node.evaluated_value)
    return None


def string(node: cst.BaseExpression | None) -> str | None:
    """The value of a string written as such."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None
