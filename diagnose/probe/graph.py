"""Which layer feeds which, over a flat list of layers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

#: TensorFlow's operations that pass values on, and those that are a function of each value, by Keras's name for it.
_CARRYING = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "PreventGradient"})
_FUNCTIONS: Mapping[str, str] = {
    "Relu": "relu",
    "Relu6": "relu6",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Exp": "exponential",
    **dict.fromkeys(("Erf", "Erfc", "Sin", "Cos", "Square", "Abs", "Sqrt", "Log", "Log1p"), "custom"),
}


@dataclass(frozen=True)
class LayerGraph:
    """Edges between layers by index, and the layers that give the model's outputs.

    Attributes:
        certain: False for a mere chain, assumed because the code that connects the layers is the user's.
        output_shapes: Of the model, where they were seen; None for a size that is not fixed.
        activations: By layer, the function that the user's own code applies to its output (``tf.nn.relu(layer(x))``),
            ``custom`` where it is none that is known.
    """

    inbound: list[tuple[int, ...]]
    outbound: list[tuple[int, ...]]
    outputs: list[int]
    certain: bool = True
    output_shapes: tuple[tuple[int | None, ...], ...] = ()
    activations: Mapping[int, str] = field(default_factory=dict)


def layer_graph(model: Any, layers: list[Any]) -> LayerGraph:
    """Read the graph of a functional or sequential model; a subclassed one counts as a chain in order of creation."""
    try:
        with _deep_recursion():
            edges = _symbolic_edges(model, layers)
    except Exception:
        edges = None
    if edges is not None:
        return with_outbound(*edges)
    inbound = [{i - 1} if i else set() for i in range(len(layers))]
    return replace(with_outbound(inbound, [len(layers) - 1] if layers else []), certain=False)


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for models of a thousand layers; the walk needs a few frames for each."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@dataclass(frozen=True)
class Flow:
    """One call of a layer seen while a forward pass was traced: the tensors that went in and came out."""

    layer: int
    inputs: list[Any]
    outputs: list[Any]


def traced_graph(layers: int, flows: list[Flow], predicted: list[Any]) -> LayerGraph:
    """Edges from the operations of a traced forward pass; sees through whatever the user's ``call`` does in between."""
    owner: dict[str, int] = {}
    inbound: list[set[int]] = [set() for _ in range(layers)]
    between: dict[str, Any] = {}
    for flow in flows:  # in call order: a layer that returns its input unchanged owns that tensor from then on
        inbound[flow.layer] |= _owners(flow.inputs, owner, between) - {flow.layer}
        owner.update({tensor.name: flow.layer for tensor in flow.outputs})
    outputs: list[int] = []
    for tensor in predicted:
        outputs += [i for i in sorted(_owners([tensor], owner, between)) if i not in outputs]
    shapes = tuple(tuple(tensor.shape) for tensor in predicted if tensor.shape.rank)
    activations = _applied_functions(between.values(), owner)
    return replace(with_outbound(inbound, outputs), output_shapes=shapes, activations=activations)


def _owners(tensors: list[Any], owner: dict[str, int], between: dict[str, Any]) -> set[int]:
    """The layers whose outputs lead to these tensors; operations on the way, which no layer did, go to ``between``."""
    found: set[int] = set()
    open_ends, seen = list(tensors), set()
    while open_ends:
        tensor = open_ends.pop()
        if tensor.name in seen:
            continue
        seen.add(tensor.name)
        if tensor.name in owner:
            found.add(owner[tensor.name])
        else:
            between[tensor.op.name] = tensor.op
            open_ends.extend(tensor.op.inputs)
    return found


def _applied_functions(operations: Iterable[Any], owner: dict[str, int]) -> dict[int, str]:
    """By layer, the function that the user's operations apply to its output; ``custom`` unless it is a single one."""
    direct: dict[int, set[str]] = {}
    curved: set[int] = set()
    for operation in operations:
        if operation.type in _CARRYING:
            continue
        for tensor in operation.inputs:
            source = tensor
            while source.name not in owner and source.op.type in _CARRYING:
                source = source.op.inputs[0]
            if source.name in owner:
                direct.setdefault(owner[source.name], set()).add(operation.type)
        if operation.type in _FUNCTIONS:
            curved |= _owners(list(operation.inputs), owner, {})
    named = {layer: _FUNCTIONS.get(types.pop(), "custom") for layer, types in direct.items() if len(types) == 1}
    return {layer: named.get(layer, "custom") for layer in curved}


def with_outbound(inbound: list[set[int]], outputs: list[int]) -> LayerGraph:
    """Complete a graph known by its inbound edges."""
    outbound: list[set[int]] = [set() for _ in inbound]
    for index, sources in enumerate(inbound):
        for source in sources:
            outbound[source].add(index)
    return LayerGraph([tuple(sorted(s)) for s in inbound], [tuple(sorted(s)) for s in outbound], outputs)


@dataclass(frozen=True)
class _Place:
    """A nested model being walked through: the node that called it and where that node itself stands."""

    model: Any
    node: Any
    outer: _Place | None


class _Walker:
    """Follows Keras's symbolic history from tensors back to the flat layers that made them."""

    def __init__(self, layers: list[Any]) -> None:
        self.index = {id(layer): i for i, layer in enumerate(layers)}
        self.inbound: list[set[int]] = [set() for _ in layers]
        self.seen: set[int] = set()
        self._done: dict[tuple[int, int, int], set[int]] = {}

    def sources(self, tensor: Any, place: _Place | None) -> set[int]:
        history = getattr(tensor, "_keras_history", None)
        if history is None:
            return set()
        operation, node_index, tensor_index = history
        key = (id(tensor), id(place.node) if place else 0, id(operation))
        if key not in self._done:
            self._done[key] = set()
            self._done[key] = self._sources(tensor, operation, node_index, tensor_index, place)
        return self._done[key]

    def _sources(
        self, tensor: Any, operation: Any, node_index: int, tensor_index: int, place: _Place | None
    ) -> set[int]:
        if type(operation).__name__ == "InputLayer":
            return self._through_input(tensor, place)
        node = operation._inbound_nodes[node_index]
        mine = self.index.get(id(operation))
        outputs = _symbolic_outputs(operation)
        if mine is None and outputs is not None:
            return self.sources(outputs[tensor_index], _Place(operation, node, place))
        before = set().union(*(self.sources(t, place) for t in node.arguments.keras_tensors))
        if mine is None:
            return before
        self.inbound[mine] |= before - {mine}
        self.seen.add(mine)
        return {mine}

    def _through_input(self, tensor: Any, place: _Place | None) -> set[int]:
        if place is None:
            return set()
        import keras

        inputs = [id(t) for t in keras.tree.flatten(place.model.inputs)]
        given = place.node.arguments.keras_tensors
        if id(tensor) in inputs and inputs.index(id(tensor)) < len(given):
            return self.sources(given[inputs.index(id(tensor))], place.outer)
        return set()


def _symbolic_outputs(operation: Any) -> list[Any] | None:
    """Output tensors of a nested functional or sequential model, None for anything else."""
    import keras

    if not isinstance(operation, keras.Model):
        return None
    inner = getattr(operation, "_functional", None) or operation
    outputs = getattr(inner, "outputs", None)
    return keras.tree.flatten(outputs) if outputs is not None else None


def _symbolic_edges(model: Any, layers: list[Any]) -> tuple[list[set[int]], list[int]] | None:
    outputs = _symbolic_outputs(model)
    if not outputs:
        return None
    walker = _Walker(layers)
    last: list[int] = []
    for tensor in outputs:
        for index in sorted(walker.sources(tensor, None)):
            if index not in last:
                last.append(index)
    return (walker.inbound, last) if walker.seen == set(range(len(layers))) else None
