"""Finds the operators, and asks them what they could do to a program."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache

from ..anatomy import Program
from ..planting import Incompatible, Planting, plant

Operator = Callable[[Program], Iterator[Planting]]
_FOUND: dict[str, Operator] = {}


def operator(function: Operator) -> Operator:
    """Register an operator; the function's name in kebab case is its id, which its plantings must carry."""
    name = function.__name__.replace("_", "-")
    if name in _FOUND:
        raise ValueError(f"there are two operators {name!r}")
    _FOUND[name] = function
    return function


@cache
def operators() -> dict[str, Operator]:
    """Every operator by its id."""
    package = __name__.rpartition(".")[0]
    paths = importlib.import_module(package).__path__
    for module in sorted(found.name for found in pkgutil.iter_modules(paths)):
        importlib.import_module(f"{package}.{module}")
    return dict(sorted(_FOUND.items()))


def plantings(program: Program) -> list[Planting]:
    """Everything that could be planted into a program, ordered by operator.

    What would not parse, or is what stands there already, is left out.
    """
    found = []
    for name, offered in operators().items():
        for planting in offered(program):
            if planting.operator != name:
                raise ValueError(f"operator {name!r} made a planting of {planting.operator!r}")
            try:
                planted = plant(program.script.text, [planting])
            except Incompatible:
                continue
            if planted.source != program.script.text:
                found.append(planting)
    return found
