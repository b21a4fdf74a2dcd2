"""How weights begin (WCI, WAB/WRB) and what is added to the loss for them (RAW)."""

from __future__ import annotations

from collections.abc import Iterator

from ..anatomy import DENSE, LayerCall, Program
from ..changes import keras_import, with_argument
from ..planting import Planting
from .registry import operator


def _layers(program: Program) -> list[LayerCall]:
    output = [program.output] if program.output is not None else []
    return [*program.hidden, *output]


def _planting(
    program: Program, chosen: list[LayerCall], operator_id: str, severity: str, setting: tuple[str, str, str]
) -> Planting:
    kind, name, value = setting
    value = value.replace("KERAS", program.keras_name()[0])
    changes = tuple(with_argument(program.script, layer.call, name, value) for layer in chosen)
    places = tuple(place for layer in chosen for place in layer.places)
    text = f"{name}={value} in {len(chosen)} layers"
    imports = keras_import(program) if "keras." in value else ()
    return Planting(operator_id, severity, kind, (*changes, *imports), text, places, at_layer=True)


@operator
def wci_all(program: Program) -> Iterator[Planting]:
    """All kernels begin with the same, with huge or with vanishing values (WCI)."""
    chosen = _layers(program)
    values = {
        "zeros": '"zeros"',
        "ones": '"ones"',
        "huge": "KERAS.initializers.RandomNormal(stddev=10.0)",
        "tiny": "KERAS.initializers.RandomNormal(stddev=1e-6)",
    }
    if len(chosen) > 1:
        for severity, value in values.items():
            yield _planting(program, chosen, "wci-all", severity, ("initializer", "kernel_initializer", value))


@operator
def wci(program: Program) -> Iterator[Planting]:
    """One hidden kernel begins with zeros, or with huge values (WCI)."""
    values = {"zeros": '"zeros"', "huge": "KERAS.initializers.RandomNormal(stddev=100.0)"}
    for layer in program.hidden:
        for severity, value in values.items():
            yield _planting(program, [layer], "wci", severity, ("initializer", "kernel_initializer", value))


@operator
def wab(program: Program) -> Iterator[Planting]:
    """The bias of a hidden layer begins far off, so that its units are dead or saturated (WAB, WRB)."""
    for layer in program.hidden:
        if "use_bias=False" in program.script.code(layer.call):
            continue
        for value in ("-10.0", "-100.0"):
            text = f"KERAS.initializers.Constant({value})"
            yield _planting(program, [layer], "wab", value, ("initializer", "bias_initializer", text))


@operator
def raw(program: Program) -> Iterator[Planting]:
    """A regularizer so strong that weights vanish (RAW)."""
    dense = [layer for layer in _layers(program) if layer.name in DENSE]
    for severity, value in {"L2 1": "KERAS.regularizers.L2(1.0)", "L1 1": "KERAS.regularizers.L1(1.0)"}.items():
        setting = ("regularization", "kernel_regularizer", value)
        if dense:
            yield _planting(program, dense, "raw", severity, setting)
        if len(program.hidden) > 1:
            yield _planting(program, [program.hidden[0]], "raw", f"first {severity}", setting)
