"""How values and statements are spelled in a file: quotes, numbers, indentation, line ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import libcst as cst

from .base import Draft
from .errors import EditNotApplicable
from .sources import SourceFile


def quote_of(file: SourceFile) -> str:
    """The quotation mark that most strings of a file use."""
    strings = [node.value for node in file.nodes if isinstance(node, cst.SimpleString)]
    double = sum(text.lstrip("rRbBuUfF").startswith('"') and not text.endswith('"""') for text in strings)
    single = sum(text.lstrip("rRbBuUfF").startswith("'") and not text.endswith("'''") for text in strings)
    return "'" if single > double else '"'


def spell(value: Any, quote: str = '"') -> str:
    """Spell a value as Python source.

    >>> spell({"a": (1, 0.5, None)}, "'")
    "{'a': (1, 0.5, None)}"
    """
    if isinstance(value, str):
        text = repr(value)
        if text[0] != quote and quote not in value and text[0] not in value:
            text = quote + text[1:-1] + quote
        return text
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({quote}{value}{quote})"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        inner = ", ".join(spell(item, quote) for item in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spell(key, quote)}: {spell(item, quote)}" for key, item in value.items()) + "}"
    raise EditNotApplicable(f"a value of type {type(value).__name__} cannot be spelled in source")


def literal(node: cst.CSTNode) -> Any:
    """The value of a literal expression; ``NOT_LITERAL`` for anything else."""
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString, cst.Integer, cst.Float)):
        return node.evaluated_value
    if isinstance(node, cst.Name) and node.value in _CONSTANTS:
        return _CONSTANTS[node.value]
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inner = literal(node.expression)
        return -inner if isinstance(inner, (int, float)) else NOT_LITERAL
    if isinstance(node, (cst.Tuple, cst.List)):
        items = [literal(element.value) for element in node.elements]
        if any(item is NOT_LITERAL for item in items):
            return NOT_LITERAL
        return tuple(items) if isinstance(node, cst.Tuple) else items
    return NOT_LITERAL


#: Answer of ``literal`` for an expression that is not a literal.
NOT_LITERAL = object()
_CONSTANTS = {"True": True, "False": False, "None": None}


def small_statement(file: SourceFile, node: cst.CSTNode) -> cst.CSTNode:
    """The simple statement that holds a node, or the compound one whose head holds it."""
    current = node
    for around in (node, *file.ancestors(node)):
        if isinstance(around, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            return around
        current = around
    raise EditNotApplicable(f"{file.path}: no statement stands around {file.code(current)!r}")


def insert_before(draft: Draft, file: SourceFile, statement: cst.CSTNode, lines: Sequence[str]) -> None:
    """Insert statements in front of one, each on a line of its own where the layout allows it."""
    line = file.parent(statement)
    if isinstance(line, cst.SimpleStatementSuite) or (
        isinstance(line, cst.SimpleStatementLine) and line.body[0] is not statement
    ):
        draft.insert(file, file.start(statement), "".join(f"{text}; " for text in lines))
        return
    start = file.line_start(_first(file, statement))
    indentation = file.text[start : _first(file, statement)]
    if indentation.strip():
        raise EditNotApplicable(f"{file.place(statement)}: nothing can be put in front of this statement")
    draft.insert(file, start, "".join(f"{indentation}{text}{file.newline}" for text in lines))


def insert_after(draft: Draft, file: SourceFile, statement: cst.CSTNode, lines: Sequence[str]) -> None:
    """Insert statements behind one (behind the whole of a compound one), on lines of their own where possible."""
    line = file.parent(statement)
    if isinstance(line, cst.SimpleStatementSuite) or (
        isinstance(line, cst.SimpleStatementLine) and line.body[-1] is not statement
    ):
        draft.insert(file, file.end(statement), "".join(f"; {text}" for text in lines))
        return
    indentation = file.indentation(_first(file, statement))
    end = file.next_line(file.end(statement))
    if end == len(file.text) and not file.text.endswith(("\n", "\r")):
        draft.insert(file, end, "".join(f"{file.newline}{indentation}{text}" for text in lines))
    else:
        draft.insert(file, end, "".join(f"{indentation}{text}{file.newline}" for text in lines))


def _first(file: SourceFile, statement: cst.CSTNode) -> int:
    decorators = getattr(statement, "decorators", ())
    return min([file.start(statement), *(file.start(decorator) for decorator in decorators)])


def delete_statement(draft: Draft, file: SourceFile, statement: cst.CSTNode) -> None:
    """Delete a simple statement, with its line when it stands alone there."""
    line = file.parent(statement)
    if not isinstance(line, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
        raise EditNotApplicable(f"{file.place(statement)}: a compound statement is not deleted")
    block = file.parent(line)
    alone = len(line.body) == 1
    if alone and (
        isinstance(line, cst.SimpleStatementSuite) or (isinstance(block, cst.IndentedBlock) and len(block.body) == 1)
    ):
        draft.replace(file, file.start(statement), file.end(statement), "pass")
    elif alone:
        draft.replace(file, file.line_start(file.start(statement)), file.next_line(file.end(statement)), "")
    else:
        position = [item is statement for item in line.body].index(True)
        if position + 1 < len(line.body):
            draft.replace(file, file.start(statement), file.start(line.body[position + 1]), "")
        else:
            draft.replace(file, file.end(line.body[position - 1]), file.end(statement), "")
