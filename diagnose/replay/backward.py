"""The way back: one vector-Jacobian product per operation, gradients of branches added up in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .primitives import FirstBreak, listening
from .recorder import Link, Record


@dataclass
class Gradients:
    """Gradients by operation, filled from the last to the first.

    Attributes:
        of_made: By record: one per tensor that it made, None where the loss does not depend on it.
        of_inputs: By record: one per input, through that operation alone.
        of_weights: By record: ``(variable, gradient)`` of the variables that it used.
        totals: By ``id(variable)``: the gradient over the whole model.
        broken: By record: TensorFlow's operation that broke on the way back, where that was asked for.
    """

    of_made: dict[int, list[Any]] = field(default_factory=dict)
    of_inputs: dict[int, list[Any]] = field(default_factory=dict)
    of_weights: dict[int, list[tuple[Any, Any]]] = field(default_factory=dict)
    totals: dict[int, Any] = field(default_factory=dict)
    broken: dict[int, str | None] = field(default_factory=dict)


def run_backward(records: list[Record], detail: bool = False) -> Gradients:
    """Differentiate the single output of the last record with respect to everything before it."""
    import tensorflow as tf

    gradients = Gradients()
    arrived: dict[Link, Any] = {}
    parts: dict[int, list[Any]] = {}
    if records:
        last = records[-1]
        arrived[last.index, 0] = tf.ones_like(last.made[0])
    for record in reversed(records):
        seeds = [arrived.get((record.index, position)) for position in range(len(record.made))]
        gradients.of_made[record.index] = seeds
        breaking = FirstBreak()
        if detail:
            with listening(breaking):
                found = _one_product(record, seeds)
        else:
            found = _one_product(record, seeds)
        gradients.broken[record.index] = breaking.found
        count = len(record.inputs)
        gradients.of_inputs[record.index] = found[:count]
        gradients.of_weights[record.index] = list(zip(record.variables, found[count:], strict=True))
        for link, gradient in zip(record.links, found[:count], strict=True):
            if link is not None and gradient is not None:
                arrived[link] = gradient if link not in arrived else arrived[link] + gradient
        for variable, gradient in gradients.of_weights[record.index]:
            if gradient is not None:
                parts.setdefault(id(variable), []).append(gradient)
    gradients.totals = {key: _sum(found) for key, found in parts.items()}
    return gradients


def _one_product(record: Record, seeds: list[Any]) -> list[Any]:
    sources = [*record.inputs, *record.variables]
    pairs = [(made, seed) for made, seed in zip(record.made, seeds, strict=True) if seed is not None]
    if not pairs or not sources or record.differentiate is None:
        return [None] * len(sources)
    return record.differentiate([made for made, _ in pairs], sources, [seed for _, seed in pairs])


def _sum(parts: list[Any]) -> Any:
    """Gradients of one variable that is used several times; rows of an embedding stay sparse, as a tape keeps them."""
    import tensorflow as tf

    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, tf.IndexedSlices) for part in parts):
        values = tf.concat([part.values for part in parts], axis=0)
        indices = tf.concat([part.indices for part in parts], axis=0)
        return tf.IndexedSlices(values, indices, parts[0].dense_shape)
    return tf.add_n([tf.convert_to_tensor(part) for part in parts])
