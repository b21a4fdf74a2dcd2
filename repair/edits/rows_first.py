"""``rows-first``: a table that has its rows on the last axis gets them first before it is reshaped."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from ..patch import Applicability
from .base import Draft, Edit
from .calls import callee_name
from .data_flow import bound_part, definitions, last_definition, require_visible
from .data_uses import find_uses, names_in
from .errors import AlreadySo, EditNotApplicable
from .imports import Imports, spell_numpy
from .sources import SourceFile

#: What puts axes in another order.
_REORDERING = frozenset({"T", "transpose", "moveaxis", "swapaxes", "rollaxis"})
#: Statements that are followed back from one to the one before.
_FAR_BACK = 8


def _rows_first(draft: Draft) -> None:
    uses = [use for use in find_uses(draft) if use.x is not None]
    require_visible(uses)
    arrays: dict[cst.BaseExpression, SourceFile] = {}
    for use in uses:
        assert use.x is not None
        reshaped = [array for call in _reshapes(use.file, use.x) if (array := _array(use.file, call)) is not None]
        if reshaped:  # the first of several: how the data came is what is read wrongly
            arrays[min(reshaped, key=use.file.start)] = use.file
    if not arrays:
        raise EditNotApplicable("it is not plain where the inputs are reshaped")
    wrong = {array: file for array, file in arrays.items() if not _is_reordered(array)}
    if not wrong:
        raise AlreadySo("the axes are already put in another order before the reshape")
    for array, file in wrong.items():
        start, end = file.outer(array)
        after = f"{spell_numpy(draft, file, array)}.moveaxis({file.text[start:end]}, -1, 0)"
        draft.record(file, array, file.code(array), after)
        draft.replace(file, start, end, after)


def _reshapes(file: SourceFile, node: cst.CSTNode) -> Iterator[cst.Call]:
    """Calls of ``reshape`` on the way of an array, followed back through the statements that bind its names."""
    pending: list[tuple[cst.CSTNode, int]] = [(node, 0)]
    seen: set[cst.CSTNode] = set()
    while pending:
        current, depth = pending.pop()
        if current in seen or depth > _FAR_BACK:
            continue
        seen.add(current)
        calls = _Calls()
        current.visit(calls)
        yield from (call for call in calls.found if callee_name(call) == "reshape")
        for name in calls.names:
            if definitions(file, name.value, name):
                statement = last_definition(file, name)
                if isinstance(statement, cst.Assign):
                    pending.append((bound_part(statement, name.value) or statement.value, depth + 1))


class _Calls(cst.CSTVisitor):
    """The calls and the names within an expression; what merely names an attribute or a keyword is left out."""

    def __init__(self) -> None:
        self.found: list[cst.Call] = []
        self.names: list[cst.Name] = []

    def visit_Call(self, node: cst.Call) -> None:
        self.found.append(node)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        self.names.append(node)


def _array(file: SourceFile, call: cst.Call) -> cst.BaseExpression | None:
    """What a call reshapes: the object of a method, the first argument of NumPy's function."""
    if not isinstance(call.func, cst.Attribute):
        return None
    if Imports(file, call).origin(call.func) == "numpy.reshape":
        return call.args[0].value if call.args and call.args[0].keyword is None else None
    return call.func.value


def _is_reordered(array: cst.BaseExpression) -> bool:
    return bool(_REORDERING & (names_in(array) | _attributes(array)))


def _attributes(node: cst.CSTNode) -> set[str]:
    class Attributes(cst.CSTVisitor):
        def __init__(self) -> None:
            self.found: set[str] = set()

        def visit_Attribute(self, node: cst.Attribute) -> None:
            self.found.add(node.attr.value)

    visitor = Attributes()
    node.visit(visitor)
    return visitor.found


ROWS_FIRST = Edit(
    "rows-first",
    "Put the rows on the first axis before a reshape that takes them to be there.",
    (),
    _rows_first,
    Applicability.REVIEW,
)
