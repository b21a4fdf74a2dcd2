"""A numerical breakdown in one sentence, for replayed steps and for what a trace recorded of one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .trace import Breakdown, TensorRange


def sentence_of(breakdown: Breakdown) -> str:
    """What broke, where, and from what: ``Layer 3 (dense_2), backward: gradient of kernel is not finite; …``.

    Example:
        >>> span = TensorRange("input", -2.0, 3e38, 0.1, 0, 0, 64)
        >>> value = TensorRange("output", 0.0, 0.0, 0.0, 0, 64, 64)
        >>> sentence_of(Breakdown(7, 0, "forward", "dense_2", "Dense", 3, "output", "operation", value, (span,)))
        'Layer 3 (dense_2), forward: output is infinite; what goes in is finite and reaches 3e+38 (input).'
    """
    where = f"{place_of(breakdown)}, {breakdown.direction}"
    if breakdown.direction == "loss" and breakdown.kind == "loss":
        where = "The loss"
    tensor, state = breakdown.tensor, state_of(breakdown.value)
    if breakdown.cause == "data":
        what = "among the labels or sample weights" if breakdown.kind == "loss" else "in the data"
        return f"{where}: {tensor} holds {state_noun(breakdown.value)} {what}."
    if breakdown.cause == "weights":
        return f"{where}: {tensor} held {state_noun(breakdown.value)} already before the step."
    within = f" in {breakdown.detail}" if breakdown.detail else ""
    reach = _reach(breakdown.inputs)
    return f"{where}: {tensor} is {state}{within}; {reach}."


def place_of(breakdown: Breakdown) -> str:
    """How the operation is named to people."""
    if breakdown.layer is not None:
        return f"Layer {breakdown.layer} ({breakdown.operation})"
    if breakdown.kind == "loss":
        return "The loss"
    return f"The code {breakdown.operation}" if breakdown.kind == "glue" else f"Operation {breakdown.operation}"


def state_of(value: TensorRange) -> str:
    """``NaN``, ``infinite``, or both in part."""
    if value.nan and value.infinite:
        return "NaN and infinite"
    return "NaN" if value.nan else "infinite"


def state_noun(value: TensorRange) -> str:
    """The same as nouns."""
    names = [name for name, count in (("NaN", value.nan), ("infinity", value.infinite)) if count]
    return " and ".join(names) or "numbers that are not finite"


def _reach(inputs: Sequence[TensorRange]) -> str:
    broken = [item for item in inputs if item.nan or item.infinite]
    if broken:
        names = ", ".join(item.name for item in broken)
        return f"of what goes in, {names} {'is' if len(broken) == 1 else 'are'} not finite either"
    sized = [item for item in inputs if math.isfinite(magnitude(item))]
    if not sized:
        return "nothing that can be measured goes in"
    largest = max(sized, key=magnitude)
    return f"what goes in is finite and reaches {magnitude(largest):.3g} ({largest.name})"


def magnitude(item: TensorRange) -> float:
    """Largest finite absolute value; NaN where there is none."""
    return max(abs(item.minimum), abs(item.maximum))
