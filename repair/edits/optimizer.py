"""``set-optimizer``, ``set-learning-rate`` and ``set-optimizer-argument``."""

from __future__ import annotations

import math
from typing import Any

import libcst as cst

from .base import Draft, Edit, Parameter
from .calls import Argument, add_keyword, callee_name, find_argument
from .errors import AlreadySo, EditNotApplicable
from .imports import Imports, spell_call, spell_keras
from .signatures import accepts, positional_parameters
from .sources import SourceFile
from .spelling import NOT_LITERAL, literal, quote_of, spell
from .targets import Target, drop_argument, same_value, set_argument, simple_target, write_value
from .values import Origin, find_value

#: Strings that ``compile(optimizer=...)`` takes -> class.
_BY_STRING = {
    name.lower(): name
    for name in (
        "Adadelta",
        "Adafactor",
        "Adagrad",
        "Adam",
        "Adamax",
        "AdamW",
        "Ftrl",
        "Lamb",
        "Lion",
        "Muon",
        "Nadam",
        "RMSprop",
        "SGD",
    )
}
_RATE = "learning_rate"


def optimizer_target(draft: Draft) -> Target:
    """The call that made the optimizer object. Not applicable when it was given as a string."""
    facts = draft.fit.compile.optimizer
    file, call = draft.locate(facts.site, "the optimizer")
    if facts.from_string or callee_name(call) == "compile":
        raise EditNotApplicable("the optimizer is given as a string")
    return Target(file, call, facts.class_name, Origin(facts.site))


def _compile_argument(draft: Draft) -> tuple[Target, Argument | None]:
    target = simple_target(draft, draft.fit.compile.site, "compile")
    return target, find_argument(target.file, target.call, "optimizer", "compile")


def _is_object(draft: Draft) -> bool:
    facts = draft.fit.compile.optimizer
    if facts.from_string or facts.site is None:
        return False
    file, call = draft.locate(facts.site, "the optimizer")
    return callee_name(call) != "compile" and _is_optimizer_call(draft, file, call)


def _is_optimizer_call(draft: Draft, file: SourceFile, call: cst.Call) -> bool:
    origin = Imports(file, call).origin(call.func) or ""
    known = positional_parameters(origin.rpartition(".")[2]) or ()
    return (
        origin.startswith("keras.optimizers.")
        or known[:1] == (_RATE,)
        or (callee_name(call) == draft.fit.compile.optimizer.class_name)
    )


def _object_text(draft: Draft, file: SourceFile, at: cst.CSTNode, class_name: str, arguments: dict[str, Any]) -> str:
    like = at.func if isinstance(at, cst.Call) else None
    callee = spell_keras(draft, file, at, f"keras.optimizers.{class_name}", like)
    return spell_call(file, callee, arguments)


def _make_object(draft: Draft, arguments: dict[str, Any]) -> None:
    """Replace an optimizer given as a string (or left out) by an object of the same class with these arguments."""
    class_name = draft.fit.compile.optimizer.class_name
    for name in arguments:
        if not accepts(class_name, name):
            raise EditNotApplicable(f"{class_name} takes no argument {name}")
    target, argument = _compile_argument(draft)
    if argument is None:
        text = _object_text(draft, target.file, target.call, class_name, arguments)
        draft.record(target.file, target.call, "no optimizer", f"optimizer={text}")
        add_keyword(draft, target.file, target.call, "optimizer", text)
        return
    site = find_value(draft, target.file, argument.value, target.origin)
    node = site.node if site.node is not None and isinstance(literal(site.node), str) else argument.value
    file = site.file if node is site.node else target.file
    if isinstance(literal(node), str) and literal(node).lower() not in _BY_STRING:
        raise EditNotApplicable(f"{file.place(node)}: the optimizer {literal(node)!r} is not known")
    text = _object_text(draft, file, node, class_name, arguments)
    draft.record(file, node, file.code(node), text)
    draft.replace(file, file.start(node), file.end(node), text)


def set_optimizer_argument(draft: Draft, name: str, value: Any) -> None:
    """Set an argument of the optimizer; a string becomes an object first."""
    if name == _RATE:
        _set_rate(draft, value)
    elif _is_object(draft):
        set_argument(draft, optimizer_target(draft), name, value)
    else:
        _make_object(draft, {name: value})


def remove_optimizer_argument(draft: Draft, name: str) -> None:
    """Remove an argument of the optimizer."""
    if not _is_object(draft):
        raise AlreadySo(f"the optimizer is given as a string, so {name} is already left at its default")
    drop_argument(draft, optimizer_target(draft), name)


def _set_rate(draft: Draft, rate: float) -> None:
    present = draft.fit.compile.optimizer.learning_rate
    is_default = present is not None and math.isclose(present, rate, rel_tol=1e-6)  # Keras keeps rates as float32
    if not _is_object(draft):
        if is_default:
            raise AlreadySo(f"the learning rate is already {rate}")
        _make_object(draft, {_RATE: rate})
        return
    target = optimizer_target(draft)
    argument = find_argument(target.file, target.call, _RATE, target.callee)
    if argument is None:
        if is_default:
            raise AlreadySo(f"the learning rate is already {rate}")
        set_argument(draft, target, _RATE, rate)
        return
    schedule = _schedule(draft, target, argument)
    if schedule is None:
        write_value(draft, target, argument, _RATE, rate)
        return
    initial = find_argument(schedule.file, schedule.call, "initial_learning_rate", schedule.callee)
    if initial is None:  # PiecewiseConstantDecay and classes of the user's own have no one initial rate
        text = spell(rate)
        draft.record(schedule.file, schedule.call, schedule.file.code(schedule.call), text)
        draft.replace(schedule.file, schedule.file.start(schedule.call), schedule.file.end(schedule.call), text)
        return
    write_value(draft, schedule, initial, "initial_learning_rate", rate)


def _schedule(draft: Draft, target: Target, argument: Argument) -> Target | None:
    """The call of a learning-rate schedule that an argument holds."""
    site = find_value(draft, target.file, argument.value, target.origin)
    if isinstance(site.node, cst.Call):
        return Target(site.file, site.node, callee_name(site.node), Origin())
    return None


def _set_learning_rate(draft: Draft) -> None:
    _set_rate(draft, draft.parameter("learning_rate"))


def _set_optimizer_argument(draft: Draft) -> None:
    set_optimizer_argument(draft, draft.parameter("name"), draft.parameter("value"))


def _set_optimizer(draft: Draft) -> None:
    wanted = draft.parameter("optimizer")
    class_name = _BY_STRING.get(wanted.lower())
    if class_name is None:
        raise EditNotApplicable(f"{wanted!r} is no optimizer of Keras")
    rate = draft.parameter("learning_rate")
    arguments = {} if rate is None else {_RATE: rate}
    if _is_object(draft):
        _replace_object(draft, class_name, arguments)
        return
    target, argument = _compile_argument(draft)
    if rate is not None or argument is None:
        _replace_string(draft, target, argument, class_name, arguments)
    else:
        write_value(draft, target, argument, "optimizer", class_name.lower())


def _replace_object(draft: Draft, class_name: str, arguments: dict[str, Any]) -> None:
    target = optimizer_target(draft)
    file, call = target.file, target.call
    if target.callee == class_name and _passes(file, call, arguments, class_name):
        raise AlreadySo(f"the optimizer is already {file.code(call)}")
    text = _object_text(draft, file, call, class_name, arguments)
    draft.record(file, call, file.code(call), text)
    draft.replace(file, file.start(call), file.end(call), text)


def _passes(file: SourceFile, call: cst.Call, arguments: dict[str, Any], callee: str) -> bool:
    for name, value in arguments.items():
        found = find_argument(file, call, name, callee)
        if found is None or literal(found.value) is NOT_LITERAL or not same_value(literal(found.value), value):
            return False
    return True


def _replace_string(
    draft: Draft, target: Target, argument: Argument | None, class_name: str, arguments: dict[str, Any]
) -> None:
    file = target.file
    if argument is None:
        quoted = spell(class_name.lower(), quote_of(file))
        text = _object_text(draft, file, target.call, class_name, arguments) if arguments else quoted
        draft.record(file, target.call, "no optimizer", f"optimizer={text}")
        add_keyword(draft, file, target.call, "optimizer", text)
        return
    site = find_value(draft, file, argument.value, target.origin)
    node, owner = (site.node, site.file) if site.node is not None else (argument.value, file)
    text = _object_text(draft, owner, node, class_name, arguments)
    draft.record(owner, node, owner.code(node), text)
    draft.replace(owner, owner.start(node), owner.end(node), text)


SET_OPTIMIZER = Edit(
    "set-optimizer",
    "Use another optimizer, with a learning rate if one is given.",
    (Parameter("optimizer", (str,)), Parameter("learning_rate", (float, int), required=False)),
    _set_optimizer,
)

SET_LEARNING_RATE = Edit(
    "set-learning-rate",
    "Set the learning rate, or the rate that a schedule starts from.",
    (Parameter("learning_rate", (float, int)),),
    _set_learning_rate,
)

SET_OPTIMIZER_ARGUMENT = Edit(
    "set-optimizer-argument",
    "Set another argument of the optimizer, such as clipnorm or momentum.",
    (Parameter("name", (str,)), Parameter("value", (object,))),
    _set_optimizer_argument,
)
