"""Loops around ``GradientTape`` and an optimizer, eager and inside the user's own ``tf.function``.

Nothing is added to what the user computes. An eager step is seen through its calls: layers, losses, ``tape.gradient``,
``optimizer.apply``. A compiled step is seen through the same calls while it is traced, which tells what it trains,
where in its arguments the batch is and where in its results the loss; each later call is then a step.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from .loop_epochs import LoopFinder, LoopPlace
from .loop_models import variable_key
from .loop_watch import finish_idle, tensors_of
from .optimizer_state import iterations, loss_scale, unscaled_gradients
from .session import ProbeSession, ProbeStop
from .tape_events import (
    Call,
    Events,
    Gradient,
    LossCall,
    MeanReader,
    Pending,
    Source,
    argument_leaves,
    number,
    output_with,
    source_of,
    sources_of,
)
from .tape_loop import Beginning, TapeLoop
from .tape_source import loss_in_function, written_loss

#: Steps in which it is looked for models that are trained against each other.
_FIRST_STEPS = 3


@dataclass
class _Traced:
    """What was seen of one optimizer's update while a function was traced."""

    optimizer: Any
    keys: frozenset[int]
    events: Events
    metrics: list[tuple[Any, Any]]
    loop: TapeLoop | None = None
    inputs: list[Source | None] = field(default_factory=list)
    iterations: int = 0
    output: int | None = None
    mean: MeanReader | None = None


@dataclass
class _Function:
    """A ``tf.function`` of the user's that trains."""

    reference: Any
    updates: dict[tuple[int, frozenset[int]], _Traced] = field(default_factory=dict)
    fresh: bool = False


class OwnLoops:
    """All loops of this kind of one session."""

    def __init__(self, session: ProbeSession) -> None:
        self.session = session
        self.finder = LoopFinder(session.finder)
        self.pending = Pending()
        self._metrics: list[tuple[Any, Any]] = []
        self._loops: dict[tuple[Any, ...], TapeLoop] = {}
        self._functions: dict[int, _Function] = {}
        self._running: list[_Function] = []
        self._first: dict[int, Beginning] = {}

    # -- events ------------------------------------------------------------------------------------------------------

    @staticmethod
    def is_recording() -> bool:
        """Whether a tape is open in this thread."""
        try:
            from tensorflow.python import pywrap_tfe

            return not pywrap_tfe.TFE_Py_TapeSetIsEmpty()
        except Exception:
            return True

    def before_call(self, layer: Any) -> None:
        """An outermost layer or model is about to be called under a tape."""
        with self.session.soft("the weights before a step"):
            self.pending.refresh()
            if not _is_eager():
                return
            known = [loop for loop in self._loops.values() if any(layer is one for one in loop.layers)]
            for loop in known:
                loop.look_ahead()
            if not known and layer.built:
                self._first[id(layer)] = Beginning.of(layer)

    def after_call(
        self, layer: Any, args: tuple[Any, ...], named: dict[str, Any], outputs: Any, frame: FrameType
    ) -> None:
        """An outermost layer or model was called under a tape."""
        written = None
        if len(args) == 1 and _is_eager() and self.session.finder.is_users(frame):
            with self.session.soft("the labels of a step"):
                written = written_loss(frame, args[0])
        self.pending.calls.append(Call(layer, args, named, outputs, written))

    def loss_called(self, loss: Any, target: Any, prediction: Any, weight: Any) -> None:
        self.pending.losses.append(LossCall(loss, target, prediction, weight))

    def gradient_taken(self, target: Any, sources: Any) -> None:
        with self.session.soft("a gradient"):
            keys = sources_of(sources)
            if keys:
                self.pending.gradients.append(Gradient(target, keys))

    def metric_updated(self, metric: Any, values: Any) -> None:
        """A mean is told a value while a function is traced: it may be the loss."""
        if self._running and not _is_eager():
            self._metrics.append((metric, values))

    @contextlib.contextmanager
    def step(
        self, optimizer: Any, gradients: list[Any], variables: list[Any] | None, frame: FrameType
    ) -> Iterator[None]:
        """Around ``optimizer.apply``."""
        session, loop, events = self.session, None, None
        variables = variables if variables is not None else list(getattr(optimizer, "_trainable_variables", []))
        with session.soft("an update"), session.ours():
            events = self.pending.of({variable_key(v) for v in variables})
            if not events.owners:
                session.note("An optimizer trains variables that belong to no layer called under the tape.")
            elif not _is_eager():
                self._traced(optimizer, variables, events)
            elif not _is_second_replica():
                places = self.finder.loops(frame)
                loop = self._loop(optimizer, variables, events, places, frame)
                self._mark_opponents(loop, events)
                loop.begin_step(_batch(events), places, optimizer)
        begin = time.perf_counter()
        yield
        if loop is not None and events is not None:
            with session.soft("an update"), session.ours():
                seconds = time.perf_counter() - begin
                batch = tensors_of(_batch(events))
                loop.made(batch, unscaled_gradients(gradients, variables, optimizer), seconds)
                losses = [number(one.target) for one in events.gradients]
                scale = loss_scale(optimizer)
                values = {"loss": float(np.mean(losses)) / scale} if losses else {}
                loop.end_step(values, _rows(batch))
            for gradient in events.gradients:
                if gradient in self.pending.gradients:
                    self.pending.gradients.remove(gradient)
            self.pending.stale = True

    # -- functions ---------------------------------------------------------------------------------------------------

    def function_called(
        self, call: Callable[..., Any], function: Any, args: tuple[Any, ...], named: dict[str, Any], frame: FrameType
    ) -> Any:
        """Around a call of a ``tf.function`` of the user's."""
        session = self.session
        if not _is_eager():
            return call(function, *args, **named)
        known = self._functions.get(id(function))
        if known is None or known.reference() is not function:
            known = self._functions[id(function)] = _Function(_reference(function))
        if known.updates:
            if session.stopped or session.out_of_time():
                session.stopped = True
                raise ProbeStop
            with session.soft("the weights before a step"):
                for update in known.updates.values():
                    if update.loop is not None:
                        update.loop.look_ahead()
        begin = time.perf_counter()
        self._metrics = []
        self._running.append(known)
        try:
            result = call(function, *args, **named)
        finally:
            self._running.pop()
        if known.updates:
            seconds = time.perf_counter() - begin
            with session.soft("a compiled step"), session.ours():
                self._function_done(known, (args, named), result, seconds, frame)
        return result

    def _traced(self, optimizer: Any, variables: list[Any], events: Events) -> None:
        self.pending.stale = True
        if not self._running:
            return  # traced by something that we do not follow
        keys = frozenset(variable_key(v) for v in variables)
        function = self._running[0]
        if len(events.layers) == 1 and not function.updates:
            with contextlib.suppress(Exception):  # variables that are made while tracing have no values yet
                self._first[id(events.layers[0])] = Beginning.of(events.layers[0])
        before = function.updates.get((id(optimizer), keys))
        update = _Traced(optimizer, keys, events, self._metrics, before.loop if before else None)
        update.iterations = before.iterations if before else iterations(optimizer)
        update.mean = before.mean if before else None
        function.updates[id(optimizer), keys] = update
        function.fresh = True

    def _learn(self, update: _Traced) -> None:
        """Find batch and loss of a function that was just traced."""
        for call in reversed(update.events.owners):
            loss = update.events.loss_of(call)
            inputs = call.args[0] if len(call.args) == 1 else None
            parts = [inputs, loss.target if loss else None, loss.weight if loss else None]
            update.inputs = [_structure_source(part) for part in parts]
            if update.inputs[0] is not None:
                break
        targets = [one.target for one in update.events.gradients]
        if targets:
            graph = _outermost(targets[-1])
            outputs = getattr(graph, "structured_outputs", None)
            update.output = output_with(targets[-1], outputs)
            if update.output is None and update.mean is None:
                means = [metric for metric, values in update.metrics if output_with(targets[-1], values) is not None]
                update.mean = MeanReader(means[0]) if means else None

    def _function_done(self, function: _Function, given: Any, result: Any, seconds: float, frame: FrameType) -> None:
        import tensorflow as tf

        places = self.finder.loops(frame)
        arguments = argument_leaves(*given)
        outputs = tf.nest.flatten(result, expand_composites=True)
        for update in function.updates.values():
            if function.fresh:
                self._learn(update)
            if update.loop is None or update.loop.model is None:
                variables = _by_key(update.events.layers, update.keys)
                update.loop = self._loop(update.optimizer, variables, update.events, places, frame)
            self._mark_opponents(update.loop, update.events)
            before, update.iterations = update.iterations, iterations(update.optimizer)
            steps = max(update.iterations - before, 0) or 1
            batch = _fetched(update.inputs, arguments) if steps == 1 else None
            if batch is not None and len(batch) == 1 and not update.loop.loss_objects:
                batch = _with_written_loss(update.loop, function.reference(), given, batch)
            update.loop.begin_step(batch, places, update.optimizer)
            update.loop.made(batch, {}, seconds / len(function.updates))
            values = {}
            if update.output is not None and update.output < len(outputs):
                values["loss"] = number(outputs[update.output])
            elif update.mean is not None:
                values["loss"] = update.mean.latest()
            update.loop.end_step(values, _rows(batch), steps)
        function.fresh = False

    # -- sections ----------------------------------------------------------------------------------------------------

    def _loop(
        self, optimizer: Any, variables: list[Any], events: Events, places: tuple[LoopPlace, ...], frame: FrameType
    ) -> TapeLoop:
        site = self.session.finder.site(frame)
        place = (places[-1].file, places[-1].line) if places else site
        key = (id(optimizer), frozenset(variable_key(v) for v in variables), place)
        known = self._loops.get(key)
        if known is not None and known.model is not None and known.optimizer is optimizer:
            return known
        beginning = next((self._first.pop(id(layer), None) for layer in events.layers), None)
        loop = TapeLoop(self.session, optimizer, events, site, beginning if len(events.layers) == 1 else None)
        self._first.clear()
        self._loops = {other: one for other, one in self._loops.items() if one.model is not None}
        self._loops[key] = loop
        finish_idle(one for other, one in self._loops.items() if other[2] == place and one.site == site)
        return loop

    def _mark_opponents(self, loop: TapeLoop, events: Events) -> None:
        """Look at the first steps: one model judges what another made, and each is trained for a loss of its own."""
        loop.targets = {id(one.target) for one in events.gradients}
        if loop.adversarial or loop.loop_steps.step > _FIRST_STEPS:
            return
        for other in self._loops.values():
            if other is loop or not other.targets or other.targets & loop.targets or other.model is None:
                continue
            if events.feeds(loop.layers, other.layers) or events.feeds(other.layers, loop.layers):
                loop.adversarial = other.adversarial = True


def _is_eager() -> bool:
    import tensorflow as tf

    return bool(tf.executing_eagerly())


def _is_second_replica() -> bool:
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    identifier = getattr(context, "replica_id_in_sync_group", 0) if context is not None else 0
    return isinstance(identifier, int) and identifier > 0


def _reference(function: Any) -> Any:
    try:
        return weakref.ref(function)
    except TypeError:
        return lambda: function


def _batch(events: Events) -> tuple[Any, ...]:
    """Inputs, targets and weights of the last call of what is trained, as far as they are known."""
    call = events.owners[-1]
    loss = events.loss_of(call)
    inputs = call.args[0] if len(call.args) == 1 else call.args
    if loss is None and call.written is not None and len(events.layers) == 1:
        return inputs, call.written.target, None
    return (inputs, loss.target, loss.weight) if loss else (inputs, None, None)


def _structure_source(part: Any) -> Source | None:
    import keras

    if part is None:
        return None
    found = [source_of(leaf) for leaf in keras.tree.flatten(part)]
    if not found or any(one is None for one in found):
        return None
    return lambda arguments: keras.tree.pack_sequence_as(part, [one(arguments) for one in found if one])


def _fetched(sources: Sequence[Source | None], arguments: Sequence[Any]) -> tuple[Any, ...] | None:
    import keras

    if not sources or sources[0] is None:
        return None
    parts = [source(arguments) if source is not None else None for source in sources]
    if any(leaf is None for leaf in keras.tree.flatten(parts[0])):
        return None
    return tensors_of(tuple(parts))


def _with_written_loss(loop: TapeLoop, function: Any, given: Any, batch: tuple[Any, ...]) -> tuple[Any, ...]:
    """The batch with its labels, where the source of the function says which they are."""
    if len(loop.layers) != 1:
        return batch
    args, named = given
    written = loss_in_function(getattr(function, "python_function", None), args, named, batch[0])
    if written is None:
        return batch
    if loop.written is None:
        loop.written = written
        loop.describe()
    return tensors_of((batch[0], written.target)) or batch


def _outermost(tensor: Any) -> Any:
    import keras

    graph = getattr(keras.tree.flatten(tensor)[0], "graph", None)
    while graph is not None and getattr(graph.outer_graph, "outer_graph", None) is not None:
        graph = graph.outer_graph
    return graph


def _by_key(layers: Sequence[Any], keys: frozenset[int]) -> list[Any]:
    return [v for layer in layers for v in layer.weights if variable_key(v) in keys]


def _rows(batch: tuple[Any, ...] | None) -> int:
    import keras

    leaves = keras.tree.flatten(batch[0]) if batch else []
    shape = getattr(leaves[0], "shape", None) if leaves else None
    return int(shape[0]) if shape is not None and len(shape) else 0
