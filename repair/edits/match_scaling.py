"""``match-scaling``: held-out inputs get the scaling that the script gives to its training inputs and forgot there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from ..patch import Applicability
from .base import Draft, Edit
from .calls import callee_name
from .data_flow import bound_part, definitions, last_definition, require_visible
from .data_uses import base_name, find_uses, names_in
from .errors import AlreadySo, EditNotApplicable
from .fresh import fresh_name
from .sources import SourceFile
from .spelling import NOT_LITERAL, insert_before, literal, small_statement

#: Methods and functions that leave the size of the numbers alone, and functions that load or divide what was given.
_METHODS = frozenset({"reshape", "astype", "copy", "to_numpy", "squeeze"})
_FUNCTIONS = frozenset({"array", "asarray", "ascontiguousarray", "expand_dims"})
_SOURCES = frozenset({"load_data", "train_test_split", "load", "loadtxt", "genfromtxt", "read_csv"})
_OPERATORS: Mapping[type[cst.CSTNode], str] = {cst.Add: "+", cst.Subtract: "-", cst.Multiply: "*", cst.Divide: "/"}
_IN_PLACE: Mapping[type[cst.CSTNode], str] = {
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
}
#: What a measured operand is called, by the function that measures it.
_MEASURED = {"mean": "x_mean", "std": "x_std", "max": "x_max", "amax": "x_max", "min": "x_min", "amin": "x_min"}
#: Statements that are followed back from one to the one before.
_FAR_BACK = 8


@dataclass(frozen=True)
class _Step:
    """One step of a scaling: arithmetic with an operand (``+ - * /``), or a call of a ``scaler``."""

    symbol: str
    operand: cst.BaseExpression


class _Unknown(Exception):
    """The array is made in a way that does not tell how it is scaled."""


def _match_scaling(draft: Draft) -> None:
    if draft.fit.data.kind != "arrays" or len(draft.fit.data.inputs) > 1:
        raise EditNotApplicable("the inputs are not one array")
    train, *others = find_uses(draft)
    assert train.x is not None
    file, own = train.file, base_name(train.x)
    steps, origin = _steps(file, train.x)
    if not steps:
        raise EditNotApplicable(f"{file.place(train.x)}: it is not plain how the training inputs are scaled")
    forgotten = []
    for use in others:
        name = base_name(use.x) if use.x is not None else None
        if use.x is None or name is None or use.file is not file or (own is not None and name.value == own.value):
            continue
        done, its_origin = _steps(file, name)
        same_so_far = its_origin in (None, origin) and _codes(file, done) == _codes(file, steps[: len(done)])
        if same_so_far and len(done) < len(steps):
            forgotten.append((use, len(done)))
    if not forgotten:
        raise AlreadySo(f"no held-out inputs miss the scaling {', '.join(_codes(file, steps))}")
    first = min(number for _, number in forgotten)
    if any(literal(step.operand) is NOT_LITERAL for step in steps[first:]):
        require_visible([train, *(use for use, _ in forgotten)])
    operands = [*[""] * first, *_named(draft, file, steps[first:])]
    for use, number in forgotten:
        assert use.x is not None
        start, end = file.outer(use.x)
        after = _applied(file.text[start:end], steps[number:], operands[number:])
        draft.record(file, use.x, file.code(use.x), after)
        draft.replace(file, start, end, after)


def _codes(file: SourceFile, steps: Sequence[_Step]) -> list[str]:
    return [f"{'by' if step.symbol == 'scaler' else step.symbol} {file.code(step.operand)}" for step in steps]


def _steps(file: SourceFile, node: cst.BaseExpression) -> tuple[list[_Step], cst.CSTNode | None]:
    """How an array is scaled, first step first: it is followed back to where it is loaded or split off.

    Returns:
        The steps, and where it could not be followed any further; None at the end of the way.
    """
    steps: list[_Step] = []
    place: cst.CSTNode = node
    for _ in range(_FAR_BACK):
        place = node
        try:
            name, found = _of_expression(node)
            steps = [*found, *steps]
            if name is None:
                return steps, None
            statement = last_definition(file, name)
            while isinstance(statement, cst.AugAssign) and isinstance(statement.target, cst.Name):
                steps.insert(0, _Step(_symbol(_IN_PLACE, statement.operator), statement.value))
                name = statement.target
                statement = last_definition(file, name)
            place = statement or node
            bound = None if statement is None else _bound(statement, name.value)
        except _Unknown:
            break
        if bound is None:
            return steps, None
        node = bound
    return steps, place


def _symbol(symbols: Mapping[type[cst.CSTNode], str], operator: cst.CSTNode) -> str:
    if type(operator) not in symbols:
        raise _Unknown
    return symbols[type(operator)]


def _bound(statement: cst.CSTNode, name: str) -> cst.BaseExpression | None:
    """The expression that a statement binds to a name, None where it unpacks it from something.

    Raises:
        _Unknown: The statement is no plain assignment.
    """
    if not isinstance(statement, cst.Assign):
        raise _Unknown
    part, value = bound_part(statement, name), statement.value
    if part is None and isinstance(value, cst.Call) and callee_name(value) not in _SOURCES:
        raise _Unknown
    return part


def _of_expression(node: cst.BaseExpression) -> tuple[cst.Name | None, list[_Step]]:
    """The array that an expression is made of, and what is done to it.

    Raises:
        _Unknown: Something is done that is neither neutral nor a scaling.
    """
    name = base_name(node)
    if name is not None:
        return name, []
    if isinstance(node, cst.BinaryOperation):
        inner, steps = _of_expression(node.left)
        return inner, [*steps, _Step(_symbol(_OPERATORS, node.operator), node.right)]
    if not isinstance(node, cst.Call):
        raise _Unknown
    called = callee_name(node)
    if called in {"fit_transform", "transform"} and isinstance(node.func, cst.Attribute) and node.args:
        inner, steps = _of_expression(node.args[0].value)
        return inner, [*steps, _Step("scaler", node.func.value)]
    if called in _METHODS and isinstance(node.func, cst.Attribute):
        return _of_expression(node.func.value)
    if called in _FUNCTIONS and node.args:
        return _of_expression(node.args[0].value)
    if called in _SOURCES:
        return None, []
    raise _Unknown


def _named(draft: Draft, file: SourceFile, steps: Sequence[_Step]) -> list[str]:
    """How each operand is spelled at another place: as it is, or by a name that it is given where it is used first.

    It needs one if it is made on the spot (a scaler), or reads something that is bound anew by the very statement or
    later (``x = x / x.max()``).
    """
    spelled: list[str] = []
    lines: dict[cst.CSTNode, list[str]] = {}
    for step in steps:
        start, end = file.outer(step.operand)
        code = file.text[start:end]
        rebound = any(
            file.end(statement) > start
            for name in names_in(step.operand)
            for statement in definitions(file, name, step.operand)
        )
        if not rebound and not (step.symbol == "scaler" and isinstance(step.operand, cst.Call)):
            spelled.append(code)
            continue
        name = fresh_name(file, "scaler" if step.symbol == "scaler" else next(_wishes(step.operand), "x_scale"))
        if name in spelled:
            raise EditNotApplicable(f"{file.place(step.operand)}: two numbers that are measured would get one name")
        lines.setdefault(small_statement(file, step.operand), []).append(f"{name} = {code}")
        draft.replace(file, start, end, name)
        spelled.append(name)
    for statement, named in lines.items():
        insert_before(draft, file, statement, named)
    return spelled


def _wishes(operand: cst.CSTNode) -> Iterator[str]:
    if isinstance(operand, cst.Call) and callee_name(operand) in _MEASURED:
        yield _MEASURED[str(callee_name(operand))]
    for child in operand.children:
        yield from _wishes(child)


def _applied(text: str, steps: Sequence[_Step], operands: Sequence[str]) -> str:
    """The steps, done to another array."""
    for step, operand in zip(steps, operands, strict=True):
        if step.symbol == "scaler":
            text = f"{operand}.transform({text})"
        else:
            text = f"({text})" if _binds_less(text, step.symbol) else text
            text = f"{text} {step.symbol} {operand}"
    return text


def _binds_less(text: str, symbol: str) -> bool:
    """Whether an expression needs parentheses before an operator follows it."""
    node = cst.parse_expression(f"({text})")  # it may go over several lines
    if len(node.lpar) > 1 or isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)):
        return False
    products = (cst.Multiply, cst.Divide)
    sums = (cst.Add, cst.Subtract)
    fitting = products if symbol in "*/" else (*products, *sums)
    return not (isinstance(node, cst.BinaryOperation) and isinstance(node.operator, fitting))


MATCH_SCALING = Edit(
    "match-scaling",
    "Scale held-out inputs as the training inputs are scaled.",
    (),
    _match_scaling,
    Applicability.REVIEW,
)
