"""Names what broke first in a step: operation, direction, tensor, and what went in.

The search starts at what is broken in the end (the loss, a gradient that reaches a weight, a weight after the update)
and follows numbers that are not finite back to an operation whose own inputs are all finite. What is not finite on the
way but harms nothing, such as the minus infinity of a mask before a softmax, is never blamed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..breakdown_text import sentence_of
from ..trace import Breakdown, TensorRange, TrailPoint
from .step import Operation, Step, Update
from .values import Value

FORWARD, LOSS, BACKWARD, UPDATE = "forward", "loss", "backward", "update"


@dataclass(frozen=True)
class Culprit:
    """What broke first.

    Attributes:
        direction: ``forward``, ``loss``, ``backward`` or ``update``.
        operation: Name of the operation; of the layer whose weight broke, for an update.
        kind: Class of the layer, ``glue`` or ``loss``.
        layer: Index of the layer among the flattened layers, or None.
        tensor: ``input``, ``output``, ``weight kernel``, ``gradient of bias``, ``target``, …
        cause: ``data`` (what was fed in is not finite), ``weights`` (a weight was not finite before the step) or
            ``operation`` (finite numbers went in).
        value: The tensor that broke.
        inputs: What went in, with its range.
        detail: TensorFlow's operation that broke within, where known.
    """

    direction: str
    operation: str
    kind: str
    layer: int | None
    tensor: str
    cause: str
    value: Value
    inputs: tuple[Value, ...] = ()
    detail: str | None = None

    def __str__(self) -> str:
        span = _plain(self.value)
        parts = (self.direction, self.operation, self.kind, self.layer, self.tensor, self.cause)
        inputs = tuple(_plain(value) for value in self.inputs)
        return sentence_of(Breakdown(0, 0, *parts, value=span, inputs=inputs, detail=self.detail))


def find_culprit(step: Step) -> Culprit | None:
    """The first operation, direction and tensor of a step that broke; None if loss, gradients and weights are finite.

    Gradients that overflow under a loss scale are no breakdown: the optimizer skips such a step on purpose.
    """
    if not step.operations:
        return None
    loss = step.operations[-1]
    bad_update = [update for update in step.updates if not update.after.is_finite]
    is_skipped = step.is_loss_scaled and not bad_update and math.isfinite(step.loss)
    if any(not value.is_finite for value in loss.outputs) and not is_skipped:
        return _forward(step, loss)
    broken_state = next((item for item in step.operations if any(not v.is_finite for v in item.state)), None)
    if broken_state is not None:
        return _of_state(step, broken_state)
    if is_skipped:
        return None
    backward = _backward(step)
    if backward is not None:
        return backward
    return _of_update(step, bad_update[0]) if bad_update else None


def _forward(step: Step, start: Operation) -> Culprit:
    """Follow broken inputs back to the operation that received finite ones."""
    current = start
    while True:
        source = _broken_source(step, current)
        if source is None:
            return _blame(step, current)
        current = source


def _broken_source(step: Step, operation: Operation) -> Operation | None:
    """The earliest operation that fed something broken to this one."""
    made = [
        source
        for value, source in zip(operation.inputs, operation.sources, strict=True)
        if source is not None and source >= 0 and not value.is_finite
    ]
    return step.operations[min(made)] if made else None


def _blame(step: Step, operation: Operation) -> Culprit:
    direction = LOSS if operation.kind == "loss" else FORWARD
    fed = [v for v, s in zip(operation.inputs, operation.sources, strict=True) if s == -1 or s is None]
    targets = step.targets if operation.kind == "loss" else ()
    for value, cause in [*((v, "data") for v in (*fed, *targets)), *((v, "weights") for v in operation.weights)]:
        if not value.is_finite:
            return _culprit(operation, direction, value, cause, operation.inputs)
    first = next((v for v in operation.outputs if not v.is_finite), operation.outputs[0])
    weights = () if operation.kind == "loss" else operation.weights
    return _culprit(operation, direction, first, "operation", (*operation.inputs, *targets, *weights))


def _of_state(step: Step, operation: Operation) -> Culprit:
    source = _broken_source(step, operation)
    if source is not None:
        return _forward(step, source)
    value = next(v for v in operation.state if not v.is_finite)
    return _culprit(operation, FORWARD, value, "operation", (*operation.inputs, *operation.weights))


def _backward(step: Step) -> Culprit | None:
    """Of the operations that broke a gradient that reaches a weight, the one that backpropagation met first."""
    found: list[tuple[int, Culprit]] = []
    consumers: dict[int, list[int]] = {}
    for item in step.operations:
        for source in item.sources:
            if source is not None and source >= 0:
                consumers.setdefault(source, []).append(item.index)
    for item in step.operations:
        if any(not value.is_finite for value in item.weight_gradients.values()):
            origin = _origin(step, item, consumers)
            found.append((origin.index, _blame_gradient(step, origin)))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _origin(step: Step, operation: Operation, consumers: dict[int, list[int]]) -> Operation:
    """Follow broken gradients of outputs towards the loss."""
    current = operation
    while any(value is not None and not value.is_finite for value in current.output_gradients):
        behind = [
            step.operations[index]
            for index in consumers.get(current.index, ())
            if any(
                source == current.index and gradient is not None and not gradient.is_finite
                for source, gradient in zip(
                    step.operations[index].sources, step.operations[index].input_gradients, strict=True
                )
            )
        ]
        if not behind:
            return current  # finite gradients of several branches whose sum overflows
        current = behind[-1]
    return current


def _blame_gradient(step: Step, operation: Operation) -> Culprit:
    broken = next((g for g in operation.output_gradients if g is not None and not g.is_finite), None)
    if broken is not None:  # what the branches behind it sent back is finite, and their sum is not
        sent = [
            gradient
            for item in step.operations
            for source, gradient in zip(item.sources, item.input_gradients, strict=True)
            if source == operation.index and gradient is not None
        ]
        return _culprit(operation, BACKWARD, broken, "operation", tuple(sent))
    gradients = [*operation.weight_gradients.values(), *[g for g in operation.input_gradients if g is not None]]
    value = next(g for g in gradients if not g.is_finite)
    received = tuple(g for g in operation.output_gradients if g is not None) if operation.kind != "loss" else ()
    return _culprit(operation, BACKWARD, value, "operation", (*received, *operation.inputs, *operation.weights))


def _of_update(step: Step, update: Update) -> Culprit:
    kind = next((item.kind for item in step.operations if item.layer == update.layer is not None), "weight")
    cause = "operation" if update.before.is_finite else "weights"
    inputs = (update.before, *(() if update.gradient is None else (update.gradient,)))
    return Culprit(UPDATE, update.owner, kind, update.layer, update.after.name, cause, update.after, inputs)


def _culprit(operation: Operation, direction: str, value: Value, cause: str, inputs: tuple[Value, ...]) -> Culprit:
    detail = operation.broken if cause == "operation" else None
    return Culprit(
        direction, operation.label, operation.kind, operation.layer, value.name, cause, value, inputs, detail
    )


def breakdown_of(step: Step, culprit: Culprit, number: int, epoch: int, exact: bool = True) -> Breakdown:
    """The culprit of a step as plain data for a trace.

    Args:
        number: The step, counted from 0 over the whole fit.
    """
    return Breakdown(
        step=number,
        epoch=epoch,
        direction=culprit.direction,
        operation=culprit.operation,
        kind=culprit.kind,
        layer=culprit.layer,
        tensor=culprit.tensor,
        cause=culprit.cause,
        value=_plain(culprit.value),
        inputs=tuple(_plain(value) for value in culprit.inputs),
        trail=tuple(_trail_point(item) for item in step.operations),
        exact=exact,
        detail=culprit.detail,
    )


def _plain(value: Value) -> TensorRange:
    span = value.range
    return TensorRange(value.name, span.minimum, span.maximum, span.mean, span.nan, span.infinite, span.size)


def _trail_point(operation: Operation) -> TrailPoint:
    outputs = operation.outputs
    gradients = [value for value in operation.output_gradients if value is not None]
    return TrailPoint(
        operation.label,
        operation.layer,
        _largest(outputs),
        _largest(gradients),
        any(not value.is_finite for value in outputs),
        any(not value.is_finite for value in gradients),
    )


def _largest(values: Sequence[Value]) -> float:
    found = [value.range.magnitude for value in values if math.isfinite(value.range.magnitude)]
    return max(found, default=math.nan)
