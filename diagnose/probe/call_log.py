"""Which layers a forward pass calls, and with what tensors."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from .graph import Flow


@dataclass
class Call:
    """Output of one layer in the traced forward pass, with the logits that Keras may use in its place."""

    output: Any
    logits: Any | None


class CallLog:
    """While active, notes the first output of each given layer; a context manager used during tracing only."""

    def __init__(self, layers: list[Any]) -> None:
        self.calls: list[Call | None] = [None] * len(layers)
        self.flows: list[Flow] = []
        self._index = {id(layer): i for i, layer in enumerate(layers)}
        self._original: Any = None

    def __enter__(self) -> CallLog:
        import keras

        self._original = original = keras.layers.Layer.__call__
        log = self

        @functools.wraps(original)
        def __call__(layer: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = original(layer, *args, **kwargs)
            index = log._index.get(id(layer))
            if index is not None and log.calls[index] is None:
                log.calls[index] = _first_dense_float(outputs)
                log.flows.append(Flow(index, graph_tensors((args, kwargs)), graph_tensors(outputs)))
            return outputs

        keras.layers.Layer.__call__ = __call__
        return self

    def __exit__(self, *_: object) -> None:
        import keras

        keras.layers.Layer.__call__ = self._original


def _first_dense_float(outputs: Any) -> Call | None:
    import keras
    import tensorflow as tf

    for tensor in keras.tree.flatten(outputs):
        if is_float(tensor) and _in_current_graph(tensor):
            logits = getattr(tensor, "_keras_logits", None)
            if logits is None and not tf.executing_eagerly() and tensor.op.type in {"Softmax", "Sigmoid"}:
                logits = tensor.op.inputs[0]
            return Call(tensor, logits)
    return None


def graph_tensors(structure: Any) -> list[Any]:
    """The symbolic tensors of the graph that is being traced; none when running eagerly."""
    import keras
    import tensorflow as tf

    if tf.executing_eagerly():
        return []
    leaves = keras.tree.flatten(structure)
    return [t for t in leaves if isinstance(t, tf.Tensor) and _in_current_graph(t)]


def is_float(tensor: Any) -> bool:
    import tensorflow as tf

    return isinstance(tensor, tf.Tensor) and tensor.dtype.is_floating


def _in_current_graph(tensor: Any) -> bool:
    import tensorflow as tf

    return tf.executing_eagerly() or getattr(tensor, "graph", None) is tf.compat.v1.get_default_graph()
