"""Arguments of one call expression: finding, setting, adding and removing them."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from .base import Draft
from .errors import EditNotApplicable
from .signatures import ALIASES, positional_parameters
from .sources import SourceFile
from .spelling import literal


@dataclass(frozen=True)
class Argument:
    """A value passed to a call, as an argument or as an entry of a dictionary unpacked into it.

    Attributes:
        node: The ``Arg``, or the entry of the dictionary.
        value: The expression.
        position: Index among the positional arguments, None for a keyword.
        unpacked: It stands in a dictionary passed with ``**``.
    """

    node: cst.CSTNode
    value: cst.BaseExpression
    position: int | None = None
    unpacked: bool = False


def callee_name(call: cst.Call) -> str:
    """Last part of what is called: ``Dense`` for ``keras.layers.Dense(4)``."""
    func = call.func
    if isinstance(func, cst.Attribute):
        return func.attr.value
    return func.value if isinstance(func, cst.Name) else ""


def find_argument(file: SourceFile, call: cst.Call, name: str, callee: str) -> Argument | None:
    """Find an argument by its name, however it is passed; None when the call does not pass it.

    Args:
        callee: Bare name of the Keras class or method, for the order of positional parameters.

    Raises:
        EditNotApplicable: ``*args`` or a ``**kwargs`` that cannot be followed may hold it.
    """
    spellings = (name, *ALIASES.get(name, ()))
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value in spellings:
            return Argument(arg, arg.value)
    positional = [arg for arg in call.args if arg.keyword is None and arg.star != "**"]
    parameters = positional_parameters(callee) or ()
    if name in parameters:
        index = parameters.index(name)
        if any(arg.star == "*" for arg in positional[: index + 1]):
            raise EditNotApplicable(f"{file.place(call)}: {name} may be passed through *args, which cannot be followed")
        if index < len(positional):
            return Argument(positional[index], positional[index].value, index)
    return _unpacked(file, call, spellings)


def _unpacked(file: SourceFile, call: cst.Call, spellings: tuple[str, ...]) -> Argument | None:
    for arg in call.args:
        if arg.star != "**":
            continue
        entries = dictionary_entries(file, arg.value)
        if entries is None:
            raise EditNotApplicable(
                f"{file.place(call)}: {spellings[0]} may be passed through **{file.code(arg.value)}, "
                "which cannot be followed to a dictionary written once"
            )
        for spelling in spellings:
            if spelling in entries:
                node, value = entries[spelling]
                return Argument(node, value, unpacked=True)
    return None


def dictionary_entries(
    file: SourceFile, value: cst.BaseExpression
) -> dict[str, tuple[cst.CSTNode, cst.BaseExpression]] | None:
    """The entries of a dictionary display or ``dict(...)`` call, or of the one that a name was bound to once.

    None when it cannot be told what the dictionary holds.
    """
    if isinstance(value, cst.Name):
        assignments = file.assignments(value.value, value)
        if len(assignments) != 1:
            return None
        bound = assigned_value(file, assignments[0].node)
        changed = any(_changes(file, access.node) for access in assignments[0].references)
        if bound is None or isinstance(bound, cst.Name) or changed:
            return None
        return dictionary_entries(file, bound)
    entries: dict[str, tuple[cst.CSTNode, cst.BaseExpression]] = {}
    if isinstance(value, cst.Dict):
        for element in value.elements:
            key = literal(element.key) if isinstance(element, cst.DictElement) else None
            if not isinstance(key, str):
                return None
            entries[key] = (element, element.value)
        return entries
    if isinstance(value, cst.Call) and callee_name(value) == "dict":
        for arg in value.args:
            if arg.keyword is None:
                return None
            entries[arg.keyword.value] = (arg, arg.value)
        return entries
    return None


def _changes(file: SourceFile, name: cst.CSTNode) -> bool:
    """Tell whether this use of a dictionary's name may change its entries."""
    parent = file.parent(name)
    if isinstance(parent, cst.Subscript):
        return isinstance(file.parent(parent), (cst.AssignTarget, cst.AugAssign, cst.Del))
    if isinstance(parent, cst.Attribute):
        return parent.attr.value in {"update", "pop", "setdefault", "clear", "popitem"}
    return False


def assigned_value(file: SourceFile, target: cst.CSTNode) -> cst.BaseExpression | None:
    """The right side of ``target = value`` (or ``target: T = value``), None for other bindings."""
    holder = file.parent(target)
    if isinstance(holder, cst.AssignTarget):
        statement = file.parent(holder)
        return statement.value if isinstance(statement, cst.Assign) else None
    if isinstance(holder, cst.AnnAssign) and holder.target is target:
        return holder.value
    return None


def add_keyword(draft: Draft, file: SourceFile, call: cst.Call, name: str, text: str) -> None:
    """Add ``name=text`` behind the last argument, on a line of its own when the arguments stand so."""
    if not call.args:
        draft.insert(file, file.end(call) - 1, f"{name}={text}")
        return
    last = call.args[-1]
    start, end = file.start(last), file.end(last)
    own_line = not file.text[file.line_start(start) : start].strip()
    if isinstance(last.comma, cst.Comma):
        behind = file.end(last.comma)
        rest = file.text[behind : file.next_line(behind)].strip()
        if own_line and (not rest or rest.startswith("#")) and file.next_line(behind) <= file.end(call):
            draft.insert(file, file.next_line(behind), f"{file.indentation(start)}{name}={text},{file.newline}")
            return
    separator = f",{file.newline}{file.indentation(start)}" if own_line and len(call.args) > 1 else ", "
    draft.insert(file, end, f"{separator}{name}={text}")


def remove_item(draft: Draft, file: SourceFile, items: list[cst.CSTNode], item: cst.CSTNode) -> None:
    """Remove one of several items separated by commas (arguments, list elements), with its line when it has its own."""
    position = [other is item for other in items].index(True)
    start, end = _item_start(file, item), file.end(item)
    comma = getattr(item, "comma", None)
    if isinstance(comma, cst.Comma):
        end = file.end(comma)
    line, following = file.line_start(start), file.next_line(end)
    rest = file.text[end:following].strip()
    closed_below = following < len(file.text) or not rest
    alone = not file.text[line:start].strip() and (not rest or rest.startswith("#")) and closed_below
    last = position == len(items) - 1
    if alone and line > 0 and (not last or isinstance(comma, cst.Comma)):
        draft.replace(file, line, following, "")
    elif not last:
        draft.replace(file, start, _item_start(file, items[position + 1]), "")
    elif position == 0:
        draft.replace(file, start, end, "")
    else:
        before = items[position - 1]
        previous = getattr(before, "comma", None)
        keep_comma = isinstance(comma, cst.Comma) and isinstance(previous, cst.Comma)
        begin = file.end(previous) if keep_comma and previous is not None else _item_end(file, before)
        draft.replace(file, begin, end, "")


def _item_start(file: SourceFile, item: cst.CSTNode) -> int:
    value = getattr(item, "value", None)
    inner = file.outer(value)[0] if isinstance(value, cst.BaseExpression) else file.start(item)
    return min(file.start(item), inner)


def _item_end(file: SourceFile, item: cst.CSTNode) -> int:
    """End of an item, its comma not counted."""
    value = getattr(item, "value", None)
    return file.outer(value)[1] if isinstance(value, cst.BaseExpression) else file.end(item)


def remove_argument(draft: Draft, file: SourceFile, call: cst.Call, argument: Argument) -> None:
    """Remove an argument. A positional one that others follow cannot go; the caller has to set it instead."""
    if argument.unpacked:
        holder = file.parent(argument.node)
        items = list(holder.elements) if isinstance(holder, cst.Dict) else list(holder.args)  # type: ignore[union-attr]
        remove_item(draft, file, list(items), argument.node)
        return
    if argument.position is not None and argument.node is not _last_positional(call):
        raise EditNotApplicable(
            f"{file.place(call)}: other positional arguments follow this one, so it cannot be removed"
        )
    remove_item(draft, file, list(call.args), argument.node)


def _last_positional(call: cst.Call) -> cst.Arg | None:
    positional = [arg for arg in call.args if arg.keyword is None and not arg.star]
    return positional[-1] if positional else None


def is_last_positional(call: cst.Call, argument: Argument) -> bool:
    """Tell whether an argument may be removed without moving others."""
    return argument.position is None or argument.node is _last_positional(call)
