"""Activations: changed (ACH), removed (ARM) and added (AAL), in hidden layers and at the output."""

from __future__ import annotations

from collections.abc import Iterator

from ..anatomy import CONVOLUTIONS, DENSE, LayerCall, Program
from ..changes import with_argument
from ..planting import Planting
from ..script import argument, string
from .registry import operator


def _set(program: Program, layer: LayerCall, operator_id: str, value: str, kind: str) -> Planting:
    change = with_argument(program.script, layer.call, "activation", f'"{value}"')
    text = f"{layer.name} gets activation {value!r}"
    return Planting(operator_id, value, kind, (change,), text, layer.places, at_layer=True)


def _feedforward(program: Program) -> list[LayerCall]:
    """Hidden dense and convolutional layers whose activation is an argument, not a layer of its own."""
    return [
        layer
        for layer in program.hidden
        if layer.name in DENSE | CONVOLUTIONS and string(_activation(layer)) not in (None, "linear")
    ]


def _activation(layer: LayerCall):  # type: ignore[no-untyped-def]
    given = argument(layer.call, "activation")
    return None if given is None else given.value


@operator
def ach_hidden(program: Program) -> Iterator[Planting]:
    """One hidden layer gets an activation that loses what comes in (ACH)."""
    for layer in _feedforward(program):
        for value in ("softmax", "sigmoid", "exponential"):
            if string(_activation(layer)) != value:
                yield _set(program, layer, "ach-hidden", value, "hidden_activation")


@operator
def ach_hidden_all(program: Program) -> Iterator[Planting]:
    """All hidden layers get a saturating activation (ACH)."""
    layers = _feedforward(program)
    for value in ("sigmoid", "tanh", "softmax"):
        changed = [layer for layer in layers if string(_activation(layer)) != value]
        if len(changed) >= 2:
            yield _all(program, changed, "ach-hidden-all", value)


@operator
def arm_hidden(program: Program) -> Iterator[Planting]:
    """All hidden layers lose their activation, so that the network is linear (ARM)."""
    layers = _feedforward(program)
    if layers:
        yield _all(program, layers, "arm-hidden", "linear")


def _all(program: Program, layers: list[LayerCall], operator_id: str, value: str) -> Planting:
    changes = tuple(with_argument(program.script, layer.call, "activation", f'"{value}"') for layer in layers)
    places = tuple(place for layer in layers for place in layer.places)
    text = f"all {len(layers)} hidden layers with an activation get {value!r}"
    return Planting(operator_id, value, "hidden_activation", changes, text, places, at_layer=True)


@operator
def ach_output(program: Program) -> Iterator[Planting]:
    """The output gets an activation whose range does not hold the labels (ACH, ARM, AAL)."""
    layer = program.output
    if layer is None:
        return
    # Where the loss takes logits, any activation before it is a fault; else one whose range differs from the labels'.
    values = {
        "binary": ("relu", "tanh", "linear", "softmax"),
        "margin": ("relu", "sigmoid", "softmax"),
        "one_hot": ("relu", "linear", "tanh", "sigmoid"),
        "sparse": ("relu", "linear", "tanh", "sigmoid"),
        "regression": ("relu", "sigmoid", "tanh", "softmax"),
    }.get(program.task, ())
    now = string(_activation(layer)) or "linear"
    for value in values:
        if value != now and not (program.loss_from_logits and value == "linear"):
            yield _set(program, layer, "ach-output", value, "output_activation")
