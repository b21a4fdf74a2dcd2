"""``set-argument``, ``remove-argument`` and ``set-units``: arguments of the calls that make or train a model."""

from __future__ import annotations

from .base import Draft, Edit, Parameter
from .calls import callee_name
from .errors import EditNotApplicable
from .optimizer import optimizer_target, remove_optimizer_argument, set_optimizer_argument
from .signatures import size_parameter
from .targets import Target, drop_argument, layer_target, set_argument, simple_target
from .values import Origin

_TARGETS = ("layer", "optimizer", "loss", "compile", "fit", "model")


def _target(draft: Draft) -> Target:
    kind = draft.parameter("target")
    if kind == "layer":
        return layer_target(draft)
    if kind == "optimizer":
        return optimizer_target(draft)
    if kind == "loss":
        return _loss_target(draft)
    if kind == "compile":
        return simple_target(draft, draft.fit.compile.site, "compile")
    if kind == "fit":
        return simple_target(draft, draft.fit.fit.site, "fit")
    callee = {"sequential": "Sequential", "functional": "Model"}.get(draft.fit.model.kind, draft.fit.model.name)
    return simple_target(draft, draft.fit.model.site, callee)


def _loss_target(draft: Draft) -> Target:
    """The call that made the loss object. Not applicable when the loss is a string or a function."""
    facts = next(iter(draft.fit.compile.losses), None)
    if facts is None or facts.from_string or facts.site is None:
        raise EditNotApplicable("the loss is not made by a call that takes arguments")
    file, call = draft.locate(facts.site, "the loss")
    if callee_name(call) == "compile":
        raise EditNotApplicable("the loss is a function")
    return Target(file, call, callee_name(call) or "", Origin(facts.site))


def _set(draft: Draft) -> None:
    name, value = draft.parameter("name"), draft.parameter("value")
    if draft.parameter("target") == "optimizer":
        set_optimizer_argument(draft, name, value)
    else:
        set_argument(draft, _target(draft), name, value)


def _remove(draft: Draft) -> None:
    if draft.parameter("target") == "optimizer":
        remove_optimizer_argument(draft, draft.parameter("name"))
    else:
        drop_argument(draft, _target(draft), draft.parameter("name"))


def _set_units(draft: Draft) -> None:
    target = layer_target(draft)
    name = size_parameter(target.callee)
    if name is None:
        raise EditNotApplicable(f"{target.callee} has no number of units")
    set_argument(draft, target, name, draft.parameter("units"))


SET_ARGUMENT = Edit(
    "set-argument",
    "Set an argument of a call, wherever its value is written.",
    (
        Parameter("target", (str,), choices=_TARGETS),
        Parameter("name", (str,)),
        Parameter("value", (object,)),
    ),
    _set,
)

REMOVE_ARGUMENT = Edit(
    "remove-argument",
    "Remove an argument of a call, so that its default holds.",
    (Parameter("target", (str,), choices=_TARGETS), Parameter("name", (str,))),
    _remove,
)

SET_UNITS = Edit(
    "set-units",
    "Set the size of a layer (units, filters or output_dim).",
    (Parameter("units", (int,)),),
    _set_units,
)
