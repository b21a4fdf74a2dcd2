"""What is seen of a loop around ``GradientTape`` between two updates: calls of layers and losses, gradients taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .loop_models import variable_key
from .tape_source import WrittenLoss

#: Events kept at most until the next update; a loop may differentiate for ever without one.
_MOST = 64


@dataclass(frozen=True)
class Call:
    """An outermost call of a model or layer under a tape."""

    layer: Any
    args: tuple[Any, ...]
    named: dict[str, Any]
    outputs: Any
    written: WrittenLoss | None = None


@dataclass(frozen=True)
class LossCall:
    """A call of a Keras loss under a tape."""

    loss: Any
    target: Any
    prediction: Any
    weight: Any


@dataclass(frozen=True)
class Gradient:
    """``tape.gradient(target, sources)``."""

    target: Any
    sources: frozenset[int]


@dataclass
class Pending(threading.local):
    """Events since the update before. ``stale``: an update was made of them, and they serve others until a new call."""

    calls: list[Call] = field(default_factory=list)
    losses: list[LossCall] = field(default_factory=list)
    gradients: list[Gradient] = field(default_factory=list)
    stale: bool = False

    def refresh(self) -> None:
        """A forward pass begins."""
        if self.stale:
            self.calls.clear()
            self.losses.clear()
            self.gradients.clear()
            self.stale = False
        for events in (self.calls, self.losses, self.gradients):
            del events[:-_MOST]

    def of(self, keys: set[int]) -> Events:
        """What concerns an update of the variables ``keys``."""
        owners = [call for call in self.calls if keys & _keys(call.layer.weights)]
        whole = [call for call in owners if keys <= _keys(call.layer.weights)]
        if whole:
            smallest = min(whole, key=lambda call: len(call.layer.weights)).layer
            owners = [call for call in whole if call.layer is smallest]
        gradients = [gradient for gradient in self.gradients if gradient.sources & keys]
        return Events(owners, list(self.calls), list(self.losses), gradients)


@dataclass(frozen=True)
class Events:
    """What led to one update.

    Attributes:
        owners: Calls of the layers that are updated: of the smallest model that has them all, else of each.
        calls: All calls.
    """

    owners: Sequence[Call]
    calls: Sequence[Call]
    losses: Sequence[LossCall]
    gradients: Sequence[Gradient]

    @property
    def layers(self) -> list[Any]:
        return list({id(call.layer): call.layer for call in self.owners}.values())

    def feeds(self, first: Sequence[Any], second: Sequence[Any]) -> bool:
        """Whether an output of one of the ``first`` layers is an input of one of the ``second``."""
        made = {
            id(leaf) for call in self.calls if any(call.layer is one for one in first) for leaf in _leaves(call.outputs)
        }
        taken = {
            id(leaf)
            for call in self.calls
            if any(call.layer is one for one in second)
            for leaf in _leaves((call.args, call.named))
        }
        return bool(made & taken)

    def loss_of(self, call: Call) -> LossCall | None:
        """The Keras loss that was taken of this call's output."""
        outputs = {id(leaf) for leaf in _leaves(call.outputs)}
        return next((one for one in self.losses if {id(leaf) for leaf in _leaves(one.prediction)} <= outputs), None)


def _keys(variables: Iterable[Any]) -> set[int]:
    return {variable_key(v) for v in variables}


def sources_of(sources: Any) -> frozenset[int]:
    """Keys of the variables among what a gradient is taken of."""
    return frozenset(variable_key(v) for v in _leaves(sources) if hasattr(v, "assign"))


def _leaves(structure: Any) -> list[Any]:
    import keras

    return list(keras.tree.flatten(structure))


def number(target: Any) -> float:
    """A loss as a number; the mean of one per row, the sum of several."""
    try:
        return float(sum(float(np.mean(np.asarray(part))) for part in _leaves(target)))
    except Exception:
        return float("nan")


@dataclass
class MeanReader:
    """Tells the last value that a Keras ``Mean`` was given from how its total moved."""

    metric: Any
    total: float = 0.0
    count: float = 0.0

    def latest(self) -> float:
        """Mean of what came since the last look; NaN if nothing did."""
        total, count = float(np.asarray(self.metric.total)), float(np.asarray(self.metric.count))
        if count < self.count or (count == self.count and total != self.total):  # reset, as at the start of an epoch
            self.total = self.count = 0.0
        new = count - self.count
        value = (total - self.total) / new if new > 0 else float("nan")
        self.total, self.count = total, count
        return value


# -- inside of a tf.function: where its tensors come from and go to ----------------------------------------------------

Source = Callable[[Sequence[Any]], Any]


def source_of(tensor: Any) -> Source | None:
    """How to get at a traced tensor from the arguments of the function: None if it is computed inside."""
    import tensorflow as tf

    if not tf.is_tensor(tensor) or not hasattr(tensor, "graph") or not is_symbolic(tensor):
        return (lambda _: tensor) if tensor is not None else None
    graph = tensor.graph
    if tensor.op.type == "Identity":
        return source_of(tensor.op.inputs[0])
    if tensor.op.type == "Placeholder":
        for outside, inside in getattr(graph, "captures", ()):
            if inside is tensor:
                return source_of(outside)
        if getattr(graph.outer_graph, "outer_graph", None) is not None:
            return None  # a loop or branch inside of the function
        return _argument(tensor, [id(one) for one in graph.inputs].index(id(tensor)))
    value = tf.get_static_value(tensor)
    return (lambda _: tf.constant(value)) if value is not None else None


def _argument(tensor: Any, index: int) -> Source:
    shape, dtype = tensor.shape, tensor.dtype  # of one trace; others may have another number of rows

    def get(arguments: Sequence[Any]) -> Any:
        import tensorflow as tf

        value = arguments[index] if index < len(arguments) else None
        if value is None:
            return None
        given = tf.convert_to_tensor(value)
        return given if given.dtype == dtype and shape[1:].is_compatible_with(given.shape[1:]) else None

    return get


def is_symbolic(tensor: Any) -> bool:
    """Whether a tensor belongs to a graph that is being traced."""
    from tensorflow.python.framework import ops

    return not isinstance(tensor, ops.EagerTensor)


def argument_leaves(args: Any, kwargs: Any) -> list[Any]:
    """Tensors and arrays among the arguments, in the order of a function's own inputs."""
    import tensorflow as tf

    leaves = tf.nest.flatten((args, kwargs), expand_composites=True)
    return [leaf for leaf in leaves if tf.is_tensor(leaf) or isinstance(leaf, np.ndarray | np.generic)]


_PASSING = {"Identity", "Mean", "Sum", "Cast", "Reshape", "Squeeze"}
_SCALING = {"Mul", "RealDiv", "DivNoNan"}


def output_with(target: Any, structured_outputs: Any) -> int | None:
    """Position of a function's output that is the loss ``target``."""
    import tensorflow as tf

    wanted = {part.name for part in _leaves(target)}
    for part in _leaves(target):
        if part.op.type in _SCALING:  # a scaled loss is differentiated, and the plain one returned
            wanted |= {one.name for one in part.op.inputs if one.shape.rank == 0}
    outputs = tf.nest.flatten(structured_outputs, expand_composites=True)
    return next((place for place, output in enumerate(outputs) if _comes_from(output, wanted)), None)


def _comes_from(output: Any, wanted: set[str]) -> bool:
    import tensorflow as tf

    while tf.is_tensor(output) and is_symbolic(output):
        if output.name in wanted:
            return True
        if output.op.type not in _PASSING:
            break
        output = output.op.inputs[0]
    return False
