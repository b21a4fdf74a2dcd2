"""Learning rate (HLR), choice of optimizer (OCH) and its clipping (OCG)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from ..anatomy import Program
from ..changes import instead, keras_import, with_argument
from ..planting import Planting, Replacement
from ..script import Interval, argument, last_name, number, string
from .registry import operator

#: Keras's defaults.
DEFAULT_RATES = {"SGD": 0.01, "Adam": 1e-3, "AdamW": 1e-3, "RMSprop": 1e-3, "Nadam": 1e-3, "Adamax": 1e-3}
_CLASSES = {name.lower(): name for name in DEFAULT_RATES}


@dataclass(frozen=True)
class _Optimizer:
    """The optimizer of the last compile call; ``call`` is None for one given as a string."""

    name: str
    value: cst.BaseExpression
    call: cst.Call | None
    rate: float
    rate_node: cst.BaseExpression | None
    places: tuple[Interval, ...]


def _optimizer(program: Program) -> _Optimizer | None:
    given, compiled = program.compile_argument("optimizer"), program.compile
    if given is None or compiled is None:
        return None
    script, value = program.script, program.resolve(given.value)
    around = script.interval(compiled)
    if isinstance(value, cst.Call):
        name = last_name(value.func)
        if name not in DEFAULT_RATES:
            return None
        node = _rate_node(value)
        rate = number(node)
        if node is not None and rate is None:
            return None
        rate = DEFAULT_RATES[name] if rate is None else rate
        return _Optimizer(name, value, value, rate, node, (script.interval(value), around))
    known = _CLASSES.get((string(value) or "").lower())
    if known is None:
        return None
    return _Optimizer(known, value, None, DEFAULT_RATES[known], None, (around,))


def _rate_node(call: cst.Call) -> cst.BaseExpression | None:
    """The learning rate, or the first number of the schedule in its place."""
    given = argument(call, "learning_rate", 0)
    value = None if given is None else given.value
    if isinstance(value, cst.Call) and value.args:
        return value.args[0].value
    return value


def _with_rate(program: Program, optimizer: _Optimizer, rate: float) -> tuple[Replacement, ...]:
    text = repr(float(f"{rate:.4g}"))  # a whole number is no learning rate to Keras
    if optimizer.rate_node is not None:
        return (instead(program.script, optimizer.rate_node, text),)
    if optimizer.call is not None:
        return (with_argument(program.script, optimizer.call, "learning_rate", text),)
    return _new(program, optimizer, f"{optimizer.name}({text})")


def _new(program: Program, optimizer: _Optimizer, text: str) -> tuple[Replacement, ...]:
    keras, _ = program.keras_name()
    said = f"{keras}.optimizers.{text}"
    # A call that was none before is a place of its own; one instead of another keeps the other's begin.
    mark = Interval(0, len(said)) if optimizer.call is None else None
    change = Replacement(program.script.interval(optimizer.value), said, mark)
    return (change, *keras_import(program))


def _planting(
    optimizer: _Optimizer, operator_id: str, severity: str, changes: tuple[Replacement, ...], text: str
) -> Planting:
    kind = "learning_rate" if operator_id.startswith("hlr") else "optimizer"
    name = "optimizer.learning_rate" if kind == "learning_rate" else "optimizer"
    return Planting(operator_id, severity, kind, changes, text, optimizer.places, name)


@operator
def hlr_high(program: Program) -> Iterator[Planting]:
    """The learning rate is far too large (HLR)."""
    optimizer = _optimizer(program)
    for factor in (30, 300, 10000) if optimizer else ():
        rate = optimizer.rate * factor
        text = f"learning rate {rate:g} instead of {optimizer.rate:g}"
        yield _planting(optimizer, "hlr-high", f"x{factor}", _with_rate(program, optimizer, rate), text)


@operator
def hlr_low(program: Program) -> Iterator[Planting]:
    """The learning rate is far too small (HLR)."""
    optimizer = _optimizer(program)
    for divisor in (100, 1000, 100000) if optimizer else ():
        rate = optimizer.rate / divisor
        text = f"learning rate {rate:g} instead of {optimizer.rate:g}"
        yield _planting(optimizer, "hlr-low", f"/{divisor}", _with_rate(program, optimizer, rate), text)


@operator
def och(program: Program) -> Iterator[Planting]:
    """Another optimizer with its default settings (OCH)."""
    optimizer = _optimizer(program)
    for name in ("Adadelta", "Adagrad", "SGD") if optimizer else ():
        if name != optimizer.name:
            text = f"{name} with its defaults instead of {optimizer.name}"
            yield _planting(optimizer, "och", name, _new(program, optimizer, f"{name}()"), text)


@operator
def och_momentum(program: Program) -> Iterator[Planting]:
    """So much momentum that old gradients outweigh all new ones."""
    optimizer = _optimizer(program)
    if optimizer is None:
        return
    name, extra = ("SGD", "momentum=0.9995") if optimizer.name == "SGD" else (optimizer.name, "epsilon=100.0")
    if optimizer.call is not None:
        argument_name, value = extra.split("=")
        changes: tuple[Replacement, ...] = (with_argument(program.script, optimizer.call, argument_name, value),)
    else:
        changes = _new(program, optimizer, f"{name}({extra})")
    yield _planting(optimizer, "och-momentum", extra, changes, f"{name} gets {extra}")


@operator
def ocg(program: Program) -> Iterator[Planting]:
    """Gradients are clipped to next to nothing (OCG); adaptive steps need smaller bounds, as they undo the scale."""
    optimizer = _optimizer(program)
    if optimizer is None:
        return
    for bound in (1e-3, 1e-5) if optimizer.name == "SGD" else (1e-9, 1e-11):
        if optimizer.call is not None:
            changes: tuple[Replacement, ...] = (
                with_argument(program.script, optimizer.call, "clipvalue", f"{bound:g}"),
            )
        else:
            changes = _new(program, optimizer, f"{optimizer.name}(clipvalue={bound:g})")
        yield _planting(optimizer, "ocg", f"clipvalue={bound:g}", changes, f"gradients are clipped at {bound:g}")
