"""``match-scaling``: held-out inputs get the scaling that the script gives to its training inputs and forgot there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import libcst as cst

from ..patch import Applicability
from .base import Draft, Edit
from .calls import callee_name
from .data_flow import last_definition
from .data_uses import base_name, find_uses
from .errors import AlreadySo, EditNotApplicable
from .sources import SourceFile
from .spelling import NOT_LITERAL, literal

#: Methods and functions that leave the size of the numbers alone, and functions that load or divide what was given.
_METHODS = frozenset({"reshape", "astype", "copy", "to_numpy", "squeeze"})
_FUNCTIONS = frozenset({"array", "asarray", "ascontiguousarray", "expand_dims"})
_SOURCES = frozenset({"load_data", "train_test_split", "load", "loadtxt", "genfromtxt", "read_csv"})


@dataclass(frozen=True)
class _Scaling:
    """How an array was scaled last, and the same for another one."""

    text: str
    apply: Callable[[str], str]


def _match_scaling(draft: Draft) -> None:
    if draft.fit.data.kind != "arrays" or len(draft.fit.data.inputs) > 1:
        raise EditNotApplicable("the inputs are not one array")
    train, *others = find_uses(draft)
    assert train.x is not None
    own = base_name(train.x)
    scaling = _scaling(train.file, own) if own is not None else None
    if own is None or not isinstance(scaling, _Scaling):
        raise EditNotApplicable(f"{train.file.place(train.x)}: it is not plain how the training inputs are scaled")
    unscaled = False
    for use in others:
        name = base_name(use.x) if use.x is not None else None
        if use.x is None or name is None or name.value == own.value or use.file is not train.file:
            continue
        if _scaling(use.file, name) is not None:
            continue
        unscaled = True
        start, end = use.file.outer(use.x)
        after = scaling.apply(use.file.text[start:end])
        draft.record(use.file, use.x, use.file.code(use.x), after)
        draft.replace(use.file, start, end, after)
    if not unscaled:
        raise AlreadySo(f"no held-out inputs miss the scaling {scaling.text}")


def _scaling(file: SourceFile, name: cst.Name) -> _Scaling | str | None:
    """How the array was scaled when last bound; None if it was not, and a word when that cannot be told."""
    for _ in range(8):
        statement = last_definition(file, name)
        if isinstance(statement, cst.AugAssign):
            if isinstance(statement.operator, cst.DivideAssign):
                return _division(file, statement.value)
            return "unknown"
        if not isinstance(statement, cst.Assign):
            return None if statement is None else "unknown"
        found = _of_expression(file, statement.value)
        if found is not None:
            return found
        inner = _array_in(statement.value)
        if inner is None or not isinstance(statement.targets[0].target, cst.Name):
            return None
        name = inner
    return "unknown"


def _of_expression(file: SourceFile, node: cst.BaseExpression) -> _Scaling | str | None:
    if isinstance(node, cst.BinaryOperation):
        return _division(file, node.right) if isinstance(node.operator, cst.Divide) else "unknown"
    if isinstance(node, cst.Call):
        called = callee_name(node)
        if called in {"fit_transform", "transform"} and isinstance(node.func, cst.Attribute):
            scaler = file.code(node.func.value)
            return _Scaling(f"by {scaler}", lambda text: f"{scaler}.transform({text})")
        if called not in _METHODS | _FUNCTIONS | _SOURCES:
            return "unknown"
        inner = node.func.value if isinstance(node.func, cst.Attribute) else None
        parts = [inner, *(arg.value for arg in node.args)]
        found = [_of_expression(file, part) for part in parts if isinstance(part, (cst.BinaryOperation, cst.Call))]
        return next((item for item in found if item is not None), None)
    return None


def _division(file: SourceFile, divisor: cst.BaseExpression) -> _Scaling | str:
    value = literal(divisor)
    if value is NOT_LITERAL or not isinstance(value, (int, float)):
        return "unknown"
    spelled = file.code(divisor)
    return _Scaling(f"/ {spelled}", lambda text: f"{text} / {spelled}")


def _array_in(node: cst.BaseExpression) -> cst.Name | None:
    """The array that a neutral expression is made of."""
    found = base_name(node)
    if found is not None or not isinstance(node, cst.Call):
        return found
    if isinstance(node.func, cst.Attribute) and node.func.attr.value in _METHODS:
        return _array_in(node.func.value)
    return _array_in(node.args[0].value) if node.args and callee_name(node) in _FUNCTIONS else None


MATCH_SCALING = Edit(
    "match-scaling",
    "Scale held-out inputs as the training inputs are scaled.",
    (),
    _match_scaling,
    Applicability.REVIEW,
)
