"""A replayed step as a table of text."""

from __future__ import annotations

from collections.abc import Sequence

from .step import Operation, Step
from .values import Value

_WIDEST_NAME = 44


def table(step: Step) -> str:
    """Each operation with shapes and ranges of values and gradients; the first line names what broke, if anything did.

    Example:
        >>> print(table(step))  # doctest: +SKIP
    """
    culprit = step.culprit
    lines = [f"Broken: {culprit}" if culprit is not None else f"Sound: loss {step.loss:.6g}, everything is finite."]
    if culprit is None and any(not v.is_finite for u in step.updates if (v := u.gradient) is not None):
        lines = ["Gradients overflow under the loss scale; the optimizer skips this step and lowers the scale."]
    lines.append("")
    rows: list[tuple[str, ...]] = [("", "operation", "output", "value", "d loss / d output")]
    rows += [_marked(value.name, _shape(value), value) for value in step.data]
    for operation in step.operations:
        rows += _rows(operation)
    lines += _aligned(rows)
    if len(step.losses) > 0:
        lines += ["", "loss: " + ", ".join(f"{name} {value:.6g}" for name, value in step.losses.items())]
    if step.updates:
        lines += ["", *_aligned([("", "weight", "shape", "before", "gradient", "after"), *_updates(step)])]
    lines += [f"Note: {note}" for note in step.notes]
    return "\n".join(line.rstrip() for line in lines)


def _marked(name: str, shape: str, value: Value) -> tuple[str, ...]:
    return ("" if value.is_finite else "!", name, shape, str(value.range), "")


def _rows(operation: Operation) -> list[tuple[str, ...]]:
    name = operation.label if len(operation.label) <= _WIDEST_NAME else operation.label[: _WIDEST_NAME - 1] + "…"
    name += f"  {operation.kind}" if operation.kind not in {"glue", "loss"} else ""
    rows: list[tuple[str, ...]] = []
    for value, gradient in zip(operation.outputs, operation.output_gradients, strict=True):
        sound = value.is_finite and (gradient is None or gradient.is_finite)
        label = name if value.name == "output" else f"{name} · {value.name}"
        rows.append(("" if sound else "!", label, _shape(value), str(value.range), _range(gradient)))
    return rows or [("", name, "", "", "")]


def _updates(step: Step) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for update in step.updates:
        found = [v for v in (update.before, update.gradient, update.after) if v is not None]
        mark = "" if all(value.is_finite for value in found) else "!"
        ranges = (_range(update.before), _range(update.gradient), _range(update.after))
        rows.append((mark, f"{update.owner} {update.name}", _shape(update.before), *ranges))
    return rows


def _range(value: Value | None) -> str:
    return "-" if value is None else str(value.range)


def _shape(value: Value) -> str:
    return "×".join(str(size) for size in value.shape) or "scalar"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
