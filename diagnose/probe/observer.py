"""Recomputes one training step beside the training: every layer's output, the loss and all gradients, and the loss that
the step left behind.

The computation runs after the step on the very batch, weights, state and seeds that the step began with, inside Keras's
``StatelessScope``: nothing of the user's moves, and dropout draws the same masks as the step did. The compiled training
step itself stays untouched, so training with the probe gives the same weights, bit for bit.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..trace import LAYER_STATISTICS, STEP_SERIES
from .graph import Flow, LayerGraph, traced_graph
from .layer_statistics import (
    DYING,
    activation_statistics,
    column,
    norm,
    output_gradient_statistics,
    predicted_change,
    scalars,
    total,
    weight_statistics,
)
from .learning_rate import rate_from, rate_source
from .model_facts import activation_name, flat_layers
from .session import untouched_randomness

#: Operations that would change the user's state although Keras's variables are protected.
_STATEFUL_OPERATIONS = ("Assign", "PyFunc", "Scatter", "ResourceApply", "ResourceSparseApply", "LookupTableInsert")
#: Operations that draw other numbers when they run again.
_UNREPEATABLE = ("Random", "TruncatedNormal", "Multinomial", "StatefulRandom", "StatefulUniform", "StatefulStandard")
_RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"}


class NotObservable(Exception):
    """This model's layers cannot be observed; the message says why."""


@dataclass
class Snapshot:
    """All variables of a model before a step; TensorFlow copies them only when they change."""

    trainable: list[Any]
    state: list[Any]
    rate: Any

    @classmethod
    def of(cls, model: Any) -> Snapshot:
        return cls(
            [_read(v) for v in model.trainable_variables],
            [_read(v) for v in model.non_trainable_variables],
            rate_source(getattr(model, "optimizer", None)),
        )


def _read(variable: Any) -> Any:
    import tensorflow as tf

    return tf.identity(variable.value if hasattr(variable, "path") else variable)


@dataclass(frozen=True)
class Observation:
    """Statistics of one step.

    Attributes:
        values: By layer, shape ``(len(LAYER_STATISTICS), layers)``.
        series: Value of each of STEP_SERIES.
    """

    values: np.ndarray
    gradient_norm: float
    series: dict[str, float]


@dataclass
class _Call:
    """Output of one layer in the traced forward pass, with the logits that Keras may use in its place."""

    output: Any
    logits: Any | None


@dataclass(frozen=True)
class _Objective:
    """What a model says of a batch; ``penalty`` is the part of ``loss`` that is regularization."""

    predicted: Any
    loss: Any | None
    penalty: Any


class StepObserver:
    """Observes steps of one model. The function is traced at first use and again if the weights change.

    Args:
        one_step: The weights are looked at after every single step, so that a step's own effect can be told.
        restore_randomness: Give the global random generators back as they were before the model was traced.
    """

    def __init__(
        self, model: Any, element_spec: Any, *, one_step: bool = True, restore_randomness: bool = True
    ) -> None:
        self.model = model
        self.layers = [layer for _, layer in flat_layers(model)]
        self.is_eager = False
        self.one_step = one_step
        self.restore_randomness = restore_randomness
        self._repeatable = True
        self._spec = element_spec
        self._function: Any = None
        self.has_loss = True
        self.traced: LayerGraph | None = None

    def observe(self, batch: Any, before: Snapshot) -> Observation:
        """Recompute the step that was made on ``batch`` from the weights ``before``.

        Raises:
            NotObservable: If recomputing would change the user's state.
        """
        after = [_read(v) for v in self.model.trainable_variables]
        arguments = (batch, before.trainable, before.state, after, before.rate)
        if self.is_eager:
            with untouched_randomness(self.restore_randomness):
                packed = self._compute(*arguments)
        else:
            if self._function is None:
                with untouched_randomness(self.restore_randomness):
                    self._function = self._trace(arguments)
            packed = self._function(*arguments)
        table, scalars = (np.asarray(part) for part in packed)
        series = dict(zip(STEP_SERIES, (float(value) for value in scalars[1:]), strict=True))
        if not self._repeatable:
            series["loss_after"] = float("nan")
        return Observation(table, float(scalars[0]), series)

    def _trace(self, arguments: tuple[Any, ...]) -> Any:
        import tensorflow as tf

        weights = tf.nest.map_structure(lambda v: tf.TensorSpec(v.shape, v.dtype), arguments[1:])
        function = tf.function(self._compute, autograph=False, input_signature=[self._spec, *weights])
        operations = _operations(function.get_concrete_function())
        _refuse_side_effects(operations)
        self._repeatable = not any(name.startswith(_UNREPEATABLE) for name in operations)
        return function

    def _compute(self, batch: Any, trainable: list[Any], state: list[Any], after: list[Any], rate: Any) -> Any:
        import keras
        import tensorflow as tf

        batch = _without_optionals(batch)
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        calls = _CallLog(self.layers)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for tensor in [*trainable, *[t for t in keras.tree.flatten(x) if _is_float(t)]]:
                tape.watch(tensor)
            with calls:
                objective = self._objective(batch, trainable, state)
        loss = objective.loss
        if not tf.executing_eagerly():
            self.traced = traced_graph(len(self.layers), calls.flows, _graph_tensors(objective.predicted))
        seen = {i: call for i, call in enumerate(calls.calls) if call is not None}
        positions = list(seen)
        logits = [i for i in positions if seen[i].logits is not None]
        sources = [*trainable, *[seen[i].output for i in positions], *[seen[i].logits for i in logits]]
        gradients = tape.gradient(loss, sources) if loss is not None else [None] * len(sources)
        weight_gradients = gradients[: len(trainable)]
        output_gradients = dict(zip(positions, gradients[len(trainable) :], strict=False))
        for i, gradient in zip(logits, gradients[len(trainable) + len(positions) :], strict=True):
            if output_gradients[i] is None:  # Keras takes the loss from the logits, around the softmax or sigmoid
                output_gradients[i] = gradient
        variables = list(zip(self.model.trainable_variables, trainable, strict=True))
        variables += list(zip(self.model.non_trainable_variables, state, strict=True))
        columns = [
            column(
                self._layer_values(layer, calls.calls[i], output_gradients.get(i), variables, after, weight_gradients)
            )
            for i, layer in enumerate(self.layers)
        ]
        table = tf.stack(columns, axis=1) if columns else tf.zeros([len(LAYER_STATISTICS), 0])
        present = [tf.cast(tf.convert_to_tensor(g), tf.float32) for g in weight_gradients if g is not None]
        series = {
            "loss_before": loss,
            "loss_after": self._objective(batch, after, state).loss if loss is not None and self.one_step else None,
            "predicted_change": predicted_change(weight_gradients, trainable, after) if self.one_step else None,
            "penalty": objective.penalty,
            "learning_rate": rate_from(getattr(self.model, "optimizer", None), rate),
        }
        return table, scalars([norm(*present) if present else None, *(series[name] for name in STEP_SERIES)])

    def _objective(self, batch: Any, trainable: list[Any], state: list[Any]) -> _Objective:
        """Run the model and its loss with the given values of its variables; nothing of the user's changes."""
        import keras

        model = self.model
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        values = zip([*model.trainable_variables, *model.non_trainable_variables], [*trainable, *state], strict=True)
        mapping = [(v, value) for v, value in values if hasattr(v, "path")]
        with keras.StatelessScope(mapping, collect_losses=True, initialize_variables=False):
            has_training = getattr(model, "_call_has_training_arg", True)
            predicted = model(x, training=True) if has_training else model(x)
            loss = self._loss(x, y, predicted, sample_weight)
            penalty = total([*getattr(model, "losses", ())])
        return _Objective(predicted, None if loss is None else total([loss]), penalty)

    def _layer_values(  # noqa: PLR0917
        self, layer: Any, call: _Call | None, gradient: Any, variables: Any, after: Any, weight_gradients: Any
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if call is not None:
            name, kind = activation_name(layer), type(layer).__name__
            direct = kind not in _RECURRENT
            values |= activation_statistics(call.output, name, direct and _is_dying(layer, name), direct)
        if gradient is not None:
            values |= output_gradient_statistics(gradient)
        position = {id(v): i for i, v in enumerate(self.model.trainable_variables)}
        mine = [position[id(v)] for v in layer.trainable_variables if id(v) in position]
        if mine:
            before = [variables[i][1] for i in mine]
            values |= weight_statistics(before, [after[i] for i in mine], [weight_gradients[i] for i in mine])
        else:
            held = {id(v): value for v, value in variables}
            frozen = [held[id(w)] for w in layer.weights if id(w) in held and _is_float(held[id(w)])]
            values |= weight_statistics(frozen, [], [])
        return values

    def _loss(self, x: Any, y: Any, predicted: Any, sample_weight: Any) -> Any:
        model = self.model
        try:
            compute = getattr(model, "_compute_loss", None) or model.compute_loss
            return compute(x=x, y=y, y_pred=predicted, sample_weight=sample_weight)
        except Exception:
            if type(model).train_step is not _base_train_step():
                self.has_loss = False  # a train_step of the user's with a loss of its own
                return None
            raise


class _CallLog:
    """While active, notes the first output of each given layer; a context manager used during tracing only."""

    def __init__(self, layers: list[Any]) -> None:
        self.calls: list[_Call | None] = [None] * len(layers)
        self.flows: list[Flow] = []
        self._index = {id(layer): i for i, layer in enumerate(layers)}
        self._original: Any = None

    def __enter__(self) -> _CallLog:
        import keras

        self._original = original = keras.layers.Layer.__call__
        log = self

        @functools.wraps(original)
        def __call__(layer: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = original(layer, *args, **kwargs)
            index = log._index.get(id(layer))
            if index is not None and log.calls[index] is None:
                log.calls[index] = _first_dense_float(outputs)
                log.flows.append(Flow(index, _graph_tensors((args, kwargs)), _graph_tensors(outputs)))
            return outputs

        keras.layers.Layer.__call__ = __call__
        return self

    def __exit__(self, *_: object) -> None:
        import keras

        keras.layers.Layer.__call__ = self._original


def _first_dense_float(outputs: Any) -> _Call | None:
    import keras
    import tensorflow as tf

    for tensor in keras.tree.flatten(outputs):
        if _is_float(tensor) and _in_current_graph(tensor):
            logits = getattr(tensor, "_keras_logits", None)
            if logits is None and not tf.executing_eagerly() and tensor.op.type in {"Softmax", "Sigmoid"}:
                logits = tensor.op.inputs[0]
            return _Call(tensor, logits)
    return None


def _graph_tensors(structure: Any) -> list[Any]:
    """The symbolic tensors of the graph that is being traced; none when running eagerly."""
    import keras
    import tensorflow as tf

    if tf.executing_eagerly():
        return []
    leaves = keras.tree.flatten(structure)
    return [t for t in leaves if isinstance(t, tf.Tensor) and _in_current_graph(t)]


def _is_float(tensor: Any) -> bool:
    import tensorflow as tf

    return isinstance(tensor, tf.Tensor) and tensor.dtype.is_floating


def _in_current_graph(tensor: Any) -> bool:
    import tensorflow as tf

    return tf.executing_eagerly() or getattr(tensor, "graph", None) is tf.compat.v1.get_default_graph()


def _is_dying(layer: Any, activation: str | None) -> bool:
    return activation in DYING and not getattr(layer, "negative_slope", 0.0)


def _without_optionals(batch: Any) -> Any:
    """Missing parts of a batch reach TensorFlow as empty optionals; Keras's step turns them into None."""
    import keras
    import tensorflow as tf

    return keras.tree.map_structure(lambda i: None if isinstance(i, tf.experimental.Optional) else i, batch)


def _base_train_step() -> Any:
    import keras

    return next(c.__dict__["train_step"] for c in keras.Model.__mro__ if "train_step" in c.__dict__)


def _operations(concrete: Any) -> set[str]:
    """Types of all operations of a traced function and of the functions in it."""
    graph = concrete.graph.as_graph_def()
    return {node.op for node in graph.node} | {node.op for f in graph.library.function for node in f.node_def}


def _refuse_side_effects(operations: set[str]) -> None:
    bad = sorted(n for n in operations if any(part in n for part in _STATEFUL_OPERATIONS))
    if bad:
        raise NotObservable(f"its forward pass changes state outside of Keras ({', '.join(bad[:3])})")
