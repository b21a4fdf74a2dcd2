"""Where a value is written: behind a constant, a configuration entry, a default, a loop, or a caller's argument."""

from __future__ import annotations

from dataclasses import dataclass, replace

import libcst as cst
from libcst.metadata import Assignment

from ...diagnose.source import CallSite
from .base import Draft
from .calls import assigned_value, callee_name, dictionary_entries
from .sources import SourceFile
from .spelling import NOT_LITERAL, literal

_DEPTH = 8  # names that lead to names; deeper chains are not written by hand


@dataclass(frozen=True)
class ValueSite:
    """The place to edit for a value.

    Attributes:
        node: Expression to replace. None when the value is a default that a caller should override: see ``call``.
        call: The caller that gets a new keyword argument ``keyword`` instead.
        specific: Reached through the one caller or loop item that made this very object, so that nothing else changes.
    """

    file: SourceFile
    node: cst.BaseExpression | None
    call: cst.Call | None = None
    keyword: str = ""
    specific: bool = False


@dataclass(frozen=True)
class Origin:
    """What is known of the object whose argument it is: its call site, and its place among the objects made there."""

    site: CallSite | None = None
    position: int = 0
    siblings: int = 1


def find_value(draft: Draft, file: SourceFile, value: cst.BaseExpression, origin: Origin) -> ValueSite:
    """Follow a value to where it is written, as far as that is unambiguous and used for nothing else."""
    here = ValueSite(file, value)
    current = here
    for _ in range(_DEPTH):
        if current.node is None or literal(current.node) is not NOT_LITERAL:
            return current
        following = _follow(draft, current, origin)
        if following is None:
            break
        current = following
    # A constant, schedule or object behind the name is as good as a literal; a name whose meaning stays open is not.
    if current is not here and isinstance(current.node, (cst.Name, cst.Attribute, cst.Subscript)):
        return here if not current.specific else current
    return current


def _follow(draft: Draft, at: ValueSite, origin: Origin) -> ValueSite | None:
    node = at.node
    if isinstance(node, cst.Name):
        return _follow_name(draft, at, node, origin)
    if isinstance(node, cst.Subscript):
        return _follow_entry(at, node)
    if isinstance(node, cst.Attribute):
        return _follow_attribute(at, node)
    return None


def _follow_name(draft: Draft, at: ValueSite, name: cst.Name, origin: Origin) -> ValueSite | None:
    file = at.file
    assignments = file.assignments(name.value, name)
    if len(assignments) != 1:
        return None
    target = assignments[0].node
    if isinstance(target, cst.Param):
        return _follow_parameter(at, target, assignments[0], origin)
    loop = _loop_item(file, target, origin)
    if loop is not None:
        return replace(at, node=loop, specific=True)
    if isinstance(target, (cst.Import, cst.ImportFrom)):
        return _follow_import(draft, file, name, target, assignments[0])
    value = assigned_value(file, target)
    if value is None or _uses(file, assignments[0]) > 1:
        return None
    return replace(at, node=value)


def _uses(file: SourceFile, assignment: Assignment) -> int:
    """How often a name is used, not counting what is only printed."""
    return sum(not _printed(file, access.node) for access in assignment.references)


def _printed(file: SourceFile, node: cst.CSTNode) -> bool:
    for around in file.ancestors(node):
        if isinstance(around, cst.Call) and callee_name(around) in {"print", "info", "debug"}:
            return True
        if isinstance(around, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            return False
    return False


def _follow_import(
    draft: Draft, file: SourceFile, name: cst.Name, statement: cst.Import | cst.ImportFrom, assignment: Assignment
) -> ValueSite | None:
    """``from config import LR``: edit it there when this is its only use."""
    if (
        not isinstance(statement, cst.ImportFrom)
        or isinstance(statement.names, cst.ImportStar)
        or _uses(file, assignment) > 1
    ):
        return None
    path = module_path(draft, file, statement)
    original = next(
        (
            alias.evaluated_name
            for alias in statement.names
            if (alias.evaluated_alias or alias.evaluated_name) == name.value
        ),
        None,
    )
    if path is None or original is None:
        return None
    other = draft.sources[path]
    found = [
        node for node in other.names if node.value == original and isinstance(other.parent(node), cst.AssignTarget)
    ]
    mentions = sum(node.value == original for node in other.names)
    value = assigned_value(other, found[0]) if len(found) == 1 and mentions == 1 else None
    return None if value is None else ValueSite(other, value)


def module_path(draft: Draft, file: SourceFile, statement: cst.ImportFrom) -> str | None:
    """Path of the project's file that a ``from … import`` reads, None for anything outside of the project."""
    dotted = "" if statement.module is None else cst.Module([]).code_for_node(statement.module)
    parts = [part for part in dotted.split(".") if part]
    folder = file.path.split("/")[:-1]
    level = len(statement.relative)
    bases = [folder[: len(folder) - level + 1]] if level else [folder, []]
    for base in bases:
        path = "/".join([*base, *parts]) + ".py"
        if any(known.path == path for known in draft.sources) or (draft.sources.root / path).is_file():
            return path
    return None


def _loop_item(file: SourceFile, target: cst.CSTNode, origin: Origin) -> cst.BaseExpression | None:
    """``for units in [64, 32]: model.add(Dense(units))``: the item that made this very layer."""
    index: int | None = None
    holder = file.parent(target)
    if isinstance(holder, cst.Element):
        pattern = file.parent(holder)
        if not isinstance(pattern, (cst.Tuple, cst.List)):
            return None
        index = [element is holder for element in pattern.elements].index(True)
        holder = file.parent(pattern)
    if not isinstance(holder, cst.For) or not isinstance(holder.iter, (cst.List, cst.Tuple)):
        return None
    items = [element.value for element in holder.iter.elements if isinstance(element, cst.Element)]
    if len(items) != origin.siblings or len(items) != len(holder.iter.elements):
        return None
    item = items[origin.position]
    if index is None:
        return item
    if isinstance(item, (cst.Tuple, cst.List)) and index < len(item.elements):
        return item.elements[index].value
    return None


def _follow_parameter(at: ValueSite, parameter: cst.Param, binding: Assignment, origin: Origin) -> ValueSite | None:
    file = at.file
    function = next(
        (node for node in file.ancestors(parameter) if isinstance(node, (cst.FunctionDef, cst.Lambda))), None
    )
    if not isinstance(function, cst.FunctionDef):
        return None
    calls = [call for call in file.calls if callee_name(call) == function.name.value]
    made_by = [call for call in calls if _is_caller(file, call, origin.site)]
    chosen = made_by[0] if len(made_by) == 1 else calls[0] if len(calls) == 1 else None
    single_use = _uses(file, binding) == 1
    if chosen is None or (not single_use and len(calls) == 1 and not made_by):
        return None
    if not single_use and origin.siblings > 1 and len(calls) == 1:
        return None
    passed = passed_value(function, parameter, chosen)
    specific = at.specific or len(calls) > 1
    if passed is not None:
        return replace(at, node=passed, specific=specific) if single_use else None
    if any(arg.star for arg in chosen.args):
        return None
    if len(calls) == 1 and single_use:
        return replace(at, node=parameter.default) if parameter.default is not None else None
    return ValueSite(file, None, chosen, parameter.name.value, specific=True) if single_use else None


def _is_caller(file: SourceFile, call: cst.Call, site: CallSite | None) -> bool:
    if site is None:
        return False
    own = file.span(file.start(call), file.end(call))
    return any(caller == own for caller in site.callers)


def passed_value(function: cst.FunctionDef, parameter: cst.Param, call: cst.Call) -> cst.BaseExpression | None:
    """What a call passes for a parameter of a function, None when it leaves it at its default."""
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == parameter.name.value:
            return arg.value
    names = [item.name.value for item in (*function.params.posonly_params, *function.params.params)]
    if names[:1] == ["self"] and isinstance(call.func, cst.Attribute):
        names = names[1:]
    positional = [arg for arg in call.args if arg.keyword is None and not arg.star]
    if parameter.name.value in names and names.index(parameter.name.value) < len(positional):
        return positional[names.index(parameter.name.value)].value
    return None


def _follow_entry(at: ValueSite, node: cst.Subscript) -> ValueSite | None:
    """``CFG["lr"]``, when the entry is read only here."""
    file = at.file
    index = node.slice[0].slice if len(node.slice) == 1 else None
    key = literal(index.value) if isinstance(index, cst.Index) else None
    if not isinstance(key, str) or not isinstance(node.value, cst.Name):
        return None
    same = [other for other in file.nodes if isinstance(other, cst.Subscript) and other.deep_equals(node)]
    entries = dictionary_entries(file, node.value)
    if entries is None or key not in entries or len(same) > 1:
        return None
    return replace(at, node=entries[key][1])


def _follow_attribute(at: ValueSite, node: cst.Attribute) -> ValueSite | None:
    """``args.lr``, ``Config.LR``, ``config.lr``: where argparse, a class or a dataclass sets it."""
    file = at.file
    if not isinstance(node.value, cst.Name):
        return None
    same = [
        other
        for other in file.nodes
        if isinstance(other, cst.Attribute) and other.deep_equals(node) and not _printed(file, other)
    ]
    assignments = file.assignments(node.value.value, node)
    if len(same) != 1 or len(assignments) != 1:
        return None
    target = assignments[0].node
    attribute = node.attr.value
    if isinstance(target, cst.ClassDef):
        return _class_attribute(at, target, attribute)
    made = assigned_value(file, target)
    if not isinstance(made, cst.Call):
        return None
    for arg in made.args:
        if arg.keyword is not None and arg.keyword.value == attribute:
            return replace(at, node=arg.value)
    if callee_name(made) in {"parse_args", "parse_known_args"}:
        return _argparse_default(at, attribute)
    classes = [item for item in file.nodes if isinstance(item, cst.ClassDef) and item.name.value == callee_name(made)]
    instances = sum(callee_name(call) == callee_name(made) for call in file.calls)
    positional = any(arg.keyword is None for arg in made.args)
    return (
        _class_attribute(at, classes[0], attribute) if len(classes) == 1 and instances == 1 and not positional else None
    )


def _class_attribute(at: ValueSite, definition: cst.ClassDef, attribute: str) -> ValueSite | None:
    for node in at.file.nodes:
        if isinstance(node, cst.Name) and node.value == attribute and definition in at.file.ancestors(node):
            value = assigned_value(at.file, node)
            if value is not None:
                return replace(at, node=value)
    return None


def _argparse_default(at: ValueSite, attribute: str) -> ValueSite | None:
    for call in at.file.calls:
        if callee_name(call) != "add_argument":
            continue
        flags = [literal(arg.value) for arg in call.args if arg.keyword is None]
        destination = next(
            (literal(a.value) for a in call.args if a.keyword is not None and a.keyword.value == "dest"), None
        )
        names = {str(flag).lstrip("-").replace("-", "_") for flag in flags if str(flag).startswith("--")} or set(flags)
        if attribute == destination or (destination is None and attribute in names):
            for arg in call.args:
                if arg.keyword is not None and arg.keyword.value == "default":
                    return replace(at, node=arg.value)
    return None
