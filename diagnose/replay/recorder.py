"""Cuts an eager forward pass into operations: one call of a layer each, and what the user's code does between them.

While the model runs, every call of a layer (or of a functional operation such as ``keras.ops.add``) is taken out
of the one long chain of derivatives and gets a ``GradientTape`` of its own. What lies between two such calls, plain
TensorFlow or ``keras.ops`` code in a ``call`` of the user's, is recorded by one tape that pauses while a layer runs;
its pieces become operations of kind ``glue``. So the chain is complete, whatever kind of model it is.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from ..probe.model_facts import flat_layers, is_group
from .primitives import FirstBreak, listening
from .state import backend_variable

#: Where a tensor comes from: the operation that made it (``DATA`` for the batch) and its place among what that made.
Link = tuple[int, int]
DATA = -1
#: Operations of TensorFlow that say nothing about what glue computes.
_PLUMBING = frozenset(
    {"Const", "Identity", "ReadVariableOp", "Shape", "StridedSlice", "Pack", "VarHandleOp", "ZerosLike", "Fill"}
)


@dataclass
class Record:
    """One operation while the step runs.

    Attributes:
        inputs: Float tensors that went in, each once, with where they come from (None: a constant).
        made: Tensors that came out and carry a gradient back: outputs, then logits that Keras's losses use in their
            place, then losses added by the layer.
        names: Name of each tensor of ``made``.
        differentiate: From sources and gradients of ``made`` to gradients of the sources.
        titles: Names of the trained variables that it used, by ``id``.
        broken: TensorFlow's operation that broke in it, where that was asked for.
    """

    index: int
    name: str
    kind: str
    layer: int | None = None
    call: int = 0
    inputs: list[Any] = field(default_factory=list)
    links: list[Link | None] = field(default_factory=list)
    made: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    variables: list[Any] = field(default_factory=list)
    weights: list[tuple[str, Any]] = field(default_factory=list)
    state: list[tuple[str, Any]] = field(default_factory=list)
    titles: dict[int, str] = field(default_factory=dict)
    differentiate: Callable[[list[Any], list[Any], list[Any]], list[Any]] | None = None
    broken: str | None = None

    def add(self, name: str, tensor: Any) -> None:
        if _is_differentiable(tensor) and all(tensor is not known for known in self.made):
            self.names.append(name)
            self.made.append(tensor)


class Recorder:
    """Runs functions of a model and keeps what happened as records, in the order of execution.

    Args:
        model: A built model.
        compiled: Whether the step to be equalled ran as a graph. Losses of Keras then recognise a softmax or sigmoid of
            TensorFlow's own, too, and go back to what went into it.
        detail: Name TensorFlow's operation that breaks within each record. Slower.
    """

    def __init__(self, model: Any, compiled: bool, detail: bool = False) -> None:
        import tensorflow as tf

        self.model = model
        self.records: list[Record] = []
        self.trained = {id(backend_variable(v)): v for v in model.trainable_variables}
        self.compiled = compiled
        self.detail = detail
        self._places = {id(layer): (i, name) for i, (name, layer) in enumerate(flat_layers(model))}
        self._tape = tf.GradientTape(persistent=True)
        self._from: dict[int, Link] = {}
        self._alive: list[Any] = []
        self._sources: list[Any] = []
        self._watched = 0
        self._calls: dict[int, int] = {}
        self._losses_seen: set[int] = set()
        self._between: list[str] = []
        self._break_between = FirstBreak()
        self._logits: dict[int, tuple[str, Any]] = {}
        self._thread = threading.get_ident()
        self._inside: Record | None = None
        self._paused = 0

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Everything that the model does in this block is recorded."""
        with _intercepted(self), listening(self._listen), self._tape:
            yield

    def feed(self, structure: Any) -> None:
        """Say that these tensors are the batch."""
        import keras

        for position, tensor in enumerate(t for t in keras.tree.flatten(structure) if _is_differentiable(t)):
            self._register(tensor, (DATA, position))
            self._sources.append(tensor)
        self._watch_sources()

    def wants(self, operation: Any) -> bool:
        """Whether a call of this Keras operation is one of ours: a layer that is no mere group of layers."""
        import keras
        import tensorflow as tf

        if self._inside is not None or threading.get_ident() != self._thread or not tf.executing_eagerly():
            return False
        if operation is self.model or isinstance(operation, keras.losses.Loss):
            return False
        if id(operation) in self._places or not isinstance(operation, keras.layers.Layer):
            return True
        return not is_group(operation)

    def run(self, operation: Any, call: Callable[[], Any], arguments: Any) -> Any:
        """Run one call of a layer or functional operation as an operation of its own."""
        import keras

        layer, name = self._places.get(id(operation), (None, operation.name))
        record = Record(0, name, type(operation).__name__, layer, self._calls.get(id(operation), 0))
        self._calls[id(operation)] = record.call + 1
        given = [t for t in keras.tree.flatten(arguments) if _is_differentiable(t)]
        return self.enclosed(record, given, operation, call)

    def enclosed(self, record: Record, given: list[Any], owner: Any, call: Callable[[], Any]) -> Any:
        """Run ``call`` under a tape of its own, with ``given`` as its inputs."""
        import keras
        import tensorflow as tf

        with self._aside():
            self._take_inputs(record, given)
        weights = list(getattr(owner, "weights", ())) if record.kind != "loss" else []
        before = [(v, tf.identity(backend_variable(v))) for v in weights]
        breaking, self._inside = FirstBreak(), record
        try:
            with self._tape.stop_recording(), tf.GradientTape() as tape:
                for tensor in record.inputs:
                    tape.watch(tensor)
                with listening(breaking) if self.detail else nullcontext():
                    outputs = keras.tree.map_structure(lambda t: _fresh(t, record.inputs), call())
        finally:
            self._inside = None
        record.broken = breaking.found
        record.variables = [v for v in tape.watched_variables() if id(v) in self.trained]
        record.differentiate = functools.partial(_gradients, tape)
        titles = {id(backend_variable(v)): weight_name(v, owner) for v in weights}
        record.titles = {id(v): titles.get(id(v)) or str(self.trained[id(v)].path) for v in record.variables}
        record.weights = [(weight_name(v, owner), value) for v, value in before if v.trainable]
        record.state = [(weight_name(v, owner), tf.identity(backend_variable(v))) for v in weights if not v.trainable]
        with self._aside():
            self._take_outputs(record, keras.tree.flatten(outputs), owner)
        self._watch_sources()
        self._between, self._break_between = [], FirstBreak()
        return outputs

    def added_losses(self, layers: list[Any], again: bool = False) -> list[Any]:
        """Losses that these layers have added by ``add_loss`` or an activity regularizer; only new ones by default."""
        losses = [loss for layer in layers for loss in layer._losses]
        fresh = [loss for loss in losses if id(loss) not in self._losses_seen]
        self._losses_seen |= {id(loss) for loss in fresh}
        self._alive += fresh
        return losses if again else fresh

    def logits_of(self, tensor: Any) -> Any:
        """What Keras's losses may use in place of ``tensor``, None if nothing."""
        if hasattr(tensor, "_keras_logits"):
            return tensor._keras_logits
        known = self._logits.get(id(tensor))
        return None if known is None else known[1]

    def expression_logits(self, tensor: Any, kind: str) -> Any:
        """What went into the operation of type ``kind`` that made ``tensor``; None if another one made it."""
        known = self._logits.get(id(tensor))
        return known[1] if known is not None and known[0] == kind else None

    @contextmanager
    def _aside(self) -> Iterator[None]:
        self._paused += 1
        try:
            with self._tape.stop_recording():
                yield
        finally:
            self._paused -= 1

    def _listen(self, kind: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        if self._paused or threading.get_ident() != self._thread:
            return
        if self.compiled and kind in {"Softmax", "Sigmoid"} and not hasattr(outputs[0], "_keras_logits"):
            self._logits[id(outputs[0])] = (kind, inputs[0])
            self._alive.append(outputs[0])
        if self._inside is None and kind not in _PLUMBING:
            self._between.append(kind)
            if self.detail:
                self._break_between(kind, inputs, outputs)

    def _register(self, tensor: Any, link: Link) -> None:
        """Remember where a tensor comes from. A tape takes notice only while it runs, hence ``_watch_sources``."""
        self._from[id(tensor)] = link
        self._alive.append(tensor)

    def _watch_sources(self) -> None:
        for tensor in self._sources[self._watched :]:
            self._tape.watch(tensor)
        self._watched = len(self._sources)

    def _take_inputs(self, record: Record, given: list[Any]) -> None:
        unique: list[Any] = []
        for tensor in given:
            if all(tensor is not known for known in unique):
                unique.append(tensor)
        loose = [tensor for tensor in unique if id(tensor) not in self._from]
        self._add_glue(loose, record.name)
        record.index = len(self.records)
        record.inputs = unique
        record.links = [self._from.get(id(tensor)) for tensor in unique]

    def _add_glue(self, tensors: list[Any], before: str) -> None:
        """Make an operation of the code that computed ``tensors`` from what is known; constants stay constants."""
        import tensorflow as tf

        candidates = self._sources
        variables = [v for v in self._tape.watched_variables() if id(v) in self.trained]
        connected: set[int] = set()
        outputs: list[Any] = []
        for tensor in tensors:
            zeros = tf.zeros_like(tensor)
            found = self._tape.gradient(tensor, [*candidates, *variables], output_gradients=zeros)
            mine = {i for i, gradient in enumerate(found) if gradient is not None}
            if mine:
                outputs.append(tensor)
                connected |= mine
        if not outputs:
            return
        kinds = list(dict.fromkeys(self._between))
        name = f"before {before}" + (f" ({', '.join(kinds[:4])}{', …' if len(kinds) > 4 else ''})" if kinds else "")
        record = Record(len(self.records), name, "glue")
        record.inputs = [candidates[i] for i in sorted(connected) if i < len(candidates)]
        record.links = [self._from[id(t)] for t in record.inputs]
        record.variables = [variables[i - len(candidates)] for i in sorted(connected) if i >= len(candidates)]
        record.titles = {id(v): str(self.trained[id(v)].path) for v in record.variables}
        record.weights = [(record.titles[id(v)], v.value()) for v in record.variables]
        record.differentiate = functools.partial(_gradients, self._tape)
        record.broken = self._break_between.found
        for position, tensor in enumerate(outputs):
            record.add("output" if len(outputs) == 1 else f"output {position + 1}", tensor)
        self._keep(record)

    def _take_outputs(self, record: Record, outputs: list[Any], owner: Any) -> None:
        floats = [t for t in outputs if _is_differentiable(t)]
        for position, tensor in enumerate(floats):
            record.add("output" if len(floats) == 1 else f"output {position + 1}", tensor)
        for tensor in floats:
            logits = self.logits_of(tensor)
            if logits is not None:
                record.add("logits", logits)
        if hasattr(owner, "_flatten_layers") and record.kind != "loss":
            for loss in self.added_losses(list(owner._flatten_layers())):
                record.add("added loss", loss)
        self._keep(record)

    def _keep(self, record: Record) -> None:
        self.records.append(record)
        for position, tensor in enumerate(record.made):
            if record.names[position] == "logits" and id(tensor) in self._from:
                continue  # the layer's own input: a softmax layer behind a layer without activation
            self._register(tensor, (record.index, position))
            if record.kind != "glue":  # what glue makes is no place to cut: its tape sees through it
                self._sources.append(tensor)


def weight_name(variable: Any, owner: Any) -> str:
    """The name of a weight within its layer: ``kernel``, ``forward_lstm/lstm_cell/bias``."""
    path = str(getattr(variable, "path", variable.name))
    head, _, tail = path.partition(f"{getattr(owner, 'name', '')}/")
    return tail or head


def _gradients(tape: Any, targets: list[Any], sources: list[Any], seeds: list[Any]) -> list[Any]:
    return list(tape.gradient(targets, sources, output_gradients=seeds))


def _is_differentiable(tensor: Any) -> bool:
    import tensorflow as tf

    return isinstance(tensor, tf.Tensor) and (tensor.dtype.is_floating or tensor.dtype.is_complex)


def _fresh(tensor: Any, inputs: list[Any]) -> Any:
    """A layer that returns its input (dropout with rate 0) gets a tensor of its own, to tell the two apart."""
    import tensorflow as tf

    if all(tensor is not known for known in inputs):
        return tensor
    copy = tf.identity(tensor)
    for name in ("_keras_mask", "_keras_logits"):
        if hasattr(tensor, name):
            setattr(copy, name, getattr(tensor, name))
    return copy


@contextmanager
def _intercepted(recorder: Recorder) -> Iterator[None]:
    """Calls of Keras's layers and operations go through the recorder, in this thread and eagerly only."""
    import keras

    layer_class, operation_class = keras.layers.Layer, keras.Operation
    originals = {owner: owner.__dict__["__call__"] for owner in (layer_class, operation_class)}

    def replaced(original: Any, only_operations: bool) -> Any:
        @functools.wraps(original)
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            if (only_operations and isinstance(self, layer_class)) or not recorder.wants(self):
                return original(self, *args, **kwargs)
            return recorder.run(self, lambda: original(self, *args, **kwargs), (args, kwargs))

        return __call__

    for owner, original in originals.items():
        owner.__call__ = replaced(original, owner is operation_class)
    try:
        yield
    finally:
        for owner, original in originals.items():
            owner.__call__ = original
