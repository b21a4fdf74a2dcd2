"""Trains under the probe, with a fault planted, and compares what was named with what was planted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from dlfix.diagnose.probe.callback import Localizer
from dlfix.diagnose.trace import Breakdown

from . import planted as P
from .natural import PROGRAMS

#: Steps at which faults strike are drawn from here: training runs this long.
STEPS = 36
DIRECTIONS = {P.FORWARD: "forward", P.BACKWARD: "backward", P.LOSS: "loss", P.UPDATE: "update", P.NAN_UPDATE: "update"}


@dataclass(frozen=True)
class Planting:
    """One training with one fault.

    Attributes:
        named_step, named_direction, named_operation: What the breakdown in the trace says; None without one.
        exact: The step was replayed from the state before it.
        right: Operation and direction are those planted (and the cause, for data and weights).
        right_step: The step is the one planted; true where none was set.
    """

    kind: str
    fault: str
    step: int | None
    direction: str
    operation: str
    named_step: int | None
    named_direction: str | None
    named_operation: str | None
    named_tensor: str | None
    exact: bool
    right: bool
    right_step: bool
    seconds: float


def kinds() -> list[str]:
    """Kinds of layers, then programs."""
    return [*P.hosts(), *PROGRAMS]


def plantings(kind: str, seed: int, per_fault: int) -> list[Planting]:
    """All plantings in one kind of layer, or all runs of one program; the same for the same seed."""
    generator = random.Random(f"{seed} {kind}")
    if kind in PROGRAMS:
        return [_natural(kind, generator.randrange(1, 97)) for _ in range(3 * per_fault)]
    return list(_in_host(P.hosts()[kind], generator, per_fault))


def _in_host(make: Callable[[], P.Host], generator: random.Random, per_fault: int) -> Iterator[Planting]:
    keras.backend.clear_session()
    keras.utils.set_random_seed(generator.randrange(10_000))
    host = make()
    _train(host.model, host.x[: P.BATCH], host.y[: P.BATCH], 1, None)  # build the optimizer
    start = [np.array(v.value) for v in _variables(host.model)]
    modes = [P.FORWARD, P.BACKWARD, P.LOSS, *([P.UPDATE, P.NAN_UPDATE] if host.has_weights else [])]
    for mode in modes:
        for _ in range(per_fault):
            at = generator.randrange(STEPS)
            for variable, value in zip(_variables(host.model), start, strict=True):
                variable.assign(value)
            switch = host.layer.switch
            switch.mode.assign(float(mode))
            switch.at.assign(float(at))
            switch.count.assign(0.0)
            begin = time.perf_counter()
            epochs = -(-STEPS * P.BATCH // P.ROWS)
            found = _train(host.model, host.x, host.y, epochs, Localizer(verbose=0))
            expected = "loss" if mode == P.LOSS else "planted"
            yield _judged(
                (host.kind, _fault_name(mode)),
                (at, DIRECTIONS[mode], (expected,), "operation"),
                found,
                time.perf_counter() - begin,
            )


def _natural(name: str, seed: int) -> Planting:
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    made = PROGRAMS[name](seed)
    begin = time.perf_counter()
    found = _train(made.model, made.x, made.y, 3, Localizer(verbose=0))
    expected = (None, made.direction, made.operations, made.cause)
    return _judged((f"program {name}", made.name), expected, found, time.perf_counter() - begin)


def _train(model: Any, x: Any, y: Any, epochs: int, localizer: Localizer | None) -> Breakdown | None:
    callbacks = [] if localizer is None else [localizer]
    model.fit(x, y, batch_size=P.BATCH, epochs=epochs, verbose=0, callbacks=callbacks)
    trace = localizer.trace if localizer is not None else None
    return trace.fits[0].breakdown if trace is not None else None


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _fault_name(mode: int) -> str:
    names = {P.FORWARD: "output overflows", P.BACKWARD: "gradient overflows", P.LOSS: "loss overflows"}
    return names.get(mode, "weight overflows" if mode == P.UPDATE else "weight becomes NaN")


def _judged(
    what: tuple[str, str],
    expected: tuple[int | None, str, tuple[str, ...], str],
    found: Breakdown | None,
    seconds: float,
) -> Planting:
    step, direction, operations, cause = expected
    named = None if found is None else found.operation
    right = found is not None and (found.direction, found.cause) == (direction, cause)
    right = right and any(named == name or str(named).startswith(f"{name} (") for name in operations)
    return Planting(
        kind=what[0],
        fault=what[1],
        step=step,
        direction=direction,
        operation=" or ".join(operations),
        named_step=None if found is None else found.step,
        named_direction=None if found is None else found.direction,
        named_operation=named,
        named_tensor=None if found is None else found.tensor,
        exact=found is not None and found.exact,
        right=right,
        right_step=found is not None and (step is None or found.step == step),
        seconds=round(seconds, 2),
    )
