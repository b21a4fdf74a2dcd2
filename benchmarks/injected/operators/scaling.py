"""Scale of inputs and targets, for training and validation alike, or for the validation alone."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from ..anatomy import Feed, Program
from ..changes import instead, wrapped
from ..planting import Planting, Replacement
from ..script import argument, last_name, number
from .registry import operator

_SCALERS = frozenset({"StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler"})
#: Divisors from here on are a scale of pictures or counts, not a unit.
_LEAST_DIVISOR = 8.0


def _sides(feed: Feed, side: str) -> list[cst.BaseExpression]:
    pairs = {"x": (feed.x, feed.validation_x), "y": (feed.y, feed.validation_y)}
    return [node for node in pairs[side] if node is not None]


def _multiplied(program: Program, feed: Feed, side: str, factor: str) -> tuple[Replacement, ...]:
    """Factor at every place where this side goes in; a place begins with the operator (``* 255.0``)."""
    script = program.script
    if feed.kind == "tf.data":
        pair = f"(x {factor}, y)" if side == "x" else f"(x, y {factor})"
        nodes = [node for node in (feed.x, feed.validation_x) if node is not None]
        return tuple(r for node in nodes for r in wrapped(script, node, "", f".map(lambda x, y: {pair})") if r.text)
    return tuple(r for node in _sides(feed, side) for r in wrapped(script, node, "(", f") {factor}"))


@operator
def input_scale(program: Program) -> Iterator[Planting]:
    """Inputs reach fit on another scale than the network can take."""
    feed = program.feed
    if feed is None or program.has_embedding or _normalizes(program) or program.fit is None:
        return
    for factor in ("* 255.0", "* 10000.0", "+ 1000.0", "/ 100000.0"):
        changes = _multiplied(program, feed, "x", factor)
        place = (program.script.interval(program.fit),)
        yield Planting("input-scale", factor, "input_scaling", changes, f"inputs {factor}", place, "inputs")


def _normalizes(program: Program) -> bool:
    """The network takes any scale: its first layer normalises."""
    first = next((layer.name for layer in program.layers), "")
    return first in ("BatchNormalization", "LayerNormalization", "Normalization")


@operator
def target_scale(program: Program) -> Iterator[Planting]:
    """Targets of a regression reach fit on a scale far from what the network puts out at first."""
    feed = program.feed
    if feed is None or program.fit is None or program.task != "regression" or program.output is None:
        return
    if program.script.code(feed.x) == (program.script.code(feed.y) if feed.y is not None else ""):
        return  # an autoencoder, whose targets are its inputs
    for factor in ("* 1000.0", "* 1000000.0", "+ 10000.0", "* 0.00001"):
        changes = _multiplied(program, feed, "y", factor)
        place = (program.script.interval(program.fit),)
        yield Planting("target-scale", factor, "target_scaling", changes, f"targets {factor}", place, "targets")


@operator
def validation_scale(program: Program) -> Iterator[Planting]:
    """Validation rows are not scaled as the training rows are."""
    feed = program.feed
    if feed is None or feed.validation_x is None or program.has_embedding or _normalizes(program):
        return
    script = program.script
    for factor in ("* 255.0", "+ 10.0"):
        if feed.kind == "tf.data":
            text = f".map(lambda x, y: (x {factor}, y))"
            changes = tuple(r for r in wrapped(script, feed.validation_x, "", text) if r.text)
        else:
            changes = wrapped(script, feed.validation_x, "(", f") {factor}")
        place = (script.interval(program.fit),) if program.fit is not None else ()
        text = f"validation inputs {factor}, training inputs not"
        yield Planting("validation-scale", factor, "evaluation", changes, text, place, "fit.validation_data")


@operator
def scaling_removed(program: Program) -> Iterator[Planting]:
    """The scaling that the program has is taken away."""
    feed = program.feed
    if feed is None or feed.y is None or program.fit is None:
        return
    inputs, targets = _sources(program, feed.x), _sources(program, feed.y)
    by_side: dict[str, list[Replacement]] = {"input_scaling": [], "target_scaling": []}
    for node in program.script.nodes:
        plain = _unscaled(program, node)
        if plain is None:
            continue
        names = _names(plain)
        kind = "input_scaling" if names & inputs else "target_scaling" if names & targets else ""
        if kind and not (names & inputs and names & targets):
            by_side[kind].append(instead(program.script, node, program.script.code(plain)))
    for kind, changes in by_side.items():
        if changes:
            text = f"{'inputs' if kind == 'input_scaling' else 'targets'} are no longer scaled"
            place = (program.script.interval(program.fit),)
            name = "inputs" if kind == "input_scaling" else "targets"
            yield Planting("scaling-removed", name, kind, _outermost(changes), text, place, name)


def _unscaled(program: Program, node: cst.CSTNode) -> cst.BaseExpression | None:
    """What is scaled by an expression; None if it scales nothing."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and len(node.args) == 1:
        if node.func.attr.value not in ("transform", "fit_transform"):
            return None
        maker = node.func.value
        while isinstance(maker, cst.Name | cst.Attribute | cst.Call):
            value = program.resolve(maker)
            if isinstance(value, cst.Call) and last_name(value.func) in _SCALERS:
                return node.args[0].value
            if not (isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute)):
                return None
            maker = value.func.value  # StandardScaler().fit(x)
        return None
    if not (isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide)):
        return None
    if (number(node.right) or 0.0) >= _LEAST_DIVISOR and _is_data(node.left):
        return node.left
    left, spread = node.left, program.script.code(node.right)
    if isinstance(left, cst.BinaryOperation) and isinstance(left.operator, cst.Subtract):
        mean = program.script.code(left.right)
        if ("std" in spread or "spread" in spread) and ("mean" in mean or "center" in mean):
            return left.left
    return None


def _is_data(node: cst.BaseExpression) -> bool:
    """A name, or the pictures or rows of a data set; a sum or product is a formula with a divisor of its own."""
    if isinstance(node, cst.Call):
        return last_name(node.func) == "astype"
    while isinstance(node, cst.Subscript):
        node = node.value
    return last_name(node) in ("images", "data", "x", "X") or (isinstance(node, cst.Name) and "image" in node.value)


def _outermost(changes: list[Replacement]) -> tuple[Replacement, ...]:
    inside = {
        one
        for one in changes
        for other in changes
        if one is not other and other.where.start <= one.where.start and one.where.end <= other.where.end
    }
    return tuple(one for one in changes if one not in inside)


def _names(node: cst.CSTNode) -> set[str]:
    found: set[str] = set()

    class Names(cst.CSTVisitor):
        def visit_Name(self, node: cst.Name) -> None:
            found.add(node.value)

    node.visit(Names())
    return found


def _sources(program: Program, node: cst.BaseExpression) -> set[str]:
    """Names that an expression is made from, through assignments and ``train_test_split``."""
    known, new = set(), _names(node)
    while new - known:
        name = min(new - known)
        known.add(name)
        for statement in program.script.nodes:
            if isinstance(statement, cst.Assign):
                new |= _made_from(statement, name)
    return known


def _made_from(statement: cst.Assign, name: str) -> set[str]:
    target, value = statement.targets[0].target, statement.value
    if isinstance(target, cst.Name):
        return _names(value) if target.value == name else set()
    if not isinstance(target, cst.Tuple):
        return set()
    places = [last_name(element.value) for element in target.elements]
    if name not in places:
        return set()
    place = places.index(name)
    if isinstance(value, cst.Tuple):
        return _names(value.elements[place].value)
    if isinstance(value, cst.Call) and last_name(value.func) == "train_test_split":
        given = argument(value, "", place // 2)
        return _names(given.value) if given is not None else set()
    return set()  # load_digits(return_X_y=True), of which each part is a source of its own
