"""Which layer feeds which, over a flat list of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerGraph:
    """Edges between layers by index, and the layers that give the model's outputs."""

    inbound: list[tuple[int, ...]]
    outbound: list[tuple[int, ...]]
    outputs: list[int]


def layer_graph(model: Any, layers: list[Any]) -> LayerGraph:
    """Read the graph of a functional or sequential model; a subclassed one counts as a chain in order of creation."""
    try:
        edges = _symbolic_edges(model, layers)
    except Exception:
        edges = None
    if edges is None:
        inbound = [{i - 1} if i else set() for i in range(len(layers))]
        outputs = [len(layers) - 1] if layers else []
    else:
        inbound, outputs = edges
    return with_outbound(inbound, outputs)


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
    return walker.inbound, last
