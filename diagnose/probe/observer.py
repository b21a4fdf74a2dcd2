"""Recomputes one training step beside the training: every layer's output, the loss and all gradients, and the loss that
the step left behind.

The computation runs after the step on the very batch, weights, state and seeds that the step began with, inside Keras's
``StatelessScope``: nothing of the user's moves, and dropout draws the same masks as the step did. The compiled training
step itself stays untouched, so training with the probe gives the same weights, bit for bit.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..trace import LAYER_STATISTICS, STEP_SERIES
from .array_operations import is_ours, numbers, view
from .call_log import Call, CallLog, graph_tensors, is_float
from .graph import LayerGraph, traced_graph
from .layer_statistics import (
    ACTIVATION_STATISTICS,
    BOUNDED,
    DYING,
    WEIGHT_STATISTICS,
    activation_statistics,
    gradient_statistics,
    norm,
    output_gradient_norm,
    sparse_gradient_statistics,
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

    @classmethod
    def of_weights(cls, values: np.ndarray, gradient_norm: float = float("nan")) -> Observation:
        """What is known where the step cannot be recomputed."""
        return cls(values, gradient_norm, dict.fromkeys(STEP_SERIES, float("nan")))


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
        self._forward: Any = None
        self._places: list[tuple[list[int], list[int]]] | None = None
        self.has_loss = True
        self.traced: LayerGraph | None = None

    def observe(self, batch: Any, before: Snapshot, ahead: bool = False) -> Observation:
        """Recompute the step that was made on ``batch`` from the weights ``before``.

        Args:
            ahead: The step is still to come: nothing is said of what it does to weights and loss.

        Raises:
            NotObservable: If recomputing would change the user's state.
        """
        after = before.trainable if ahead else [_read(v) for v in self.model.trainable_variables]
        arguments = (batch, before.trainable, before.state, after, before.rate)
        if self._function is None and not self.is_eager:
            with untouched_randomness(self.restore_randomness):
                self._function = self._trace(self._compute, arguments)
        seen = [np.asarray(part) for part in self._run(self._function or self._compute, arguments)]
        loss_after = float("nan")
        if self.one_step and self.has_loss and self._repeatable and not ahead:
            loss_after = self._loss_after(batch, after, before.state)
        with np.errstate(all="ignore"):
            observation = self._unpacked(seen, before, after, loss_after)
        if ahead:
            observation.values[LAYER_STATISTICS.index("update_norm")] = np.nan
            observation.series["predicted_change"] = float("nan")
        return observation

    def add_updates(self, seen: Observation, norms: list[float]) -> None:
        """Complete an observation made ahead by the norm of the change of each trainable variable."""
        row = seen.values[LAYER_STATISTICS.index("update_norm")]
        for index, (trained, _) in enumerate(self._variables_of_layers()):
            if trained:
                row[index] = np.sqrt(sum(norms[i] ** 2 for i in trained))

    def _run(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        if not self.is_eager:
            return function(*arguments)
        with untouched_randomness(self.restore_randomness):
            return function(*arguments)

    def _loss_after(self, batch: Any, after: list[Any], state: list[Any]) -> float:
        arguments = (batch, after, state)
        if self._forward is None and not self.is_eager:
            with untouched_randomness(self.restore_randomness):
                self._forward = self._trace(self._loss_only, arguments)
        return float(self._run(self._forward or self._loss_only, arguments))

    def _trace(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        import tensorflow as tf

        weights = tf.nest.map_structure(lambda v: tf.TensorSpec(v.shape, v.dtype), arguments[1:])
        compiled = tf.function(function, autograph=False, input_signature=[self._spec, *weights])
        operations = _operations(compiled.get_concrete_function())
        _refuse_side_effects(operations)
        self._repeatable = not any(name.startswith(_UNREPEATABLE) for name in operations)
        return compiled

    def _loss_only(self, batch: Any, trainable: list[Any], state: list[Any]) -> Any:
        return self._objective(_without_optionals(batch), trainable, state).loss

    def _compute(
        self, batch: Any, trainable: list[Any], state: list[Any], after: list[Any], rate: Any
    ) -> tuple[Any, Any, Any]:
        """Statistics of activations by layer, those of gradients by layer and by variable, and the series but one."""
        import keras
        import tensorflow as tf

        batch = _without_optionals(batch)
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        calls = CallLog(self.layers)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for tensor in [*trainable, *[t for t in keras.tree.flatten(x) if is_float(t)]]:
                tape.watch(tensor)
            with calls:
                objective = self._objective(batch, trainable, state)
        if not tf.executing_eagerly():
            self.traced = traced_graph(len(self.layers), calls.flows, graph_tensors(objective.predicted))
        weight_gradients, output_gradients = self._gradients(tape, objective.loss, trainable, calls.calls)
        none = len(ACTIVATION_STATISTICS)
        activations = [self._activation(i, call) for i, call in enumerate(calls.calls)]
        by_layer = [
            numbers(output_gradient_norm, [gradient], 1) if gradient is not None else _unknown(1)
            for gradient in output_gradients
        ]
        by_variable = [_variable_gradient(*given) for given in zip(weight_gradients, trainable, after, strict=True)]
        missing = tf.constant(float("nan"))
        loss = missing if objective.loss is None else objective.loss
        series = tf.stack([loss, objective.penalty, rate_from(getattr(self.model, "optimizer", None), rate)])
        activated = tf.concat(activations, 0) if activations else _unknown(none)
        return activated, tf.concat([*by_layer, *by_variable, _unknown(1)], 0), series

    def _gradients(
        self, tape: Any, loss: Any, trainable: list[Any], calls: list[Call | None]
    ) -> tuple[list[Any], list[Any]]:
        """Gradients by trainable variable and by layer (of its output), None where there is none."""
        if loss is None:
            return [None] * len(trainable), [None] * len(calls)
        seen = [(i, call) for i, call in enumerate(calls) if call is not None]
        logits = [(i, call.logits) for i, call in seen if call.logits is not None]
        sources = [*trainable, *[call.output for _, call in seen], *[tensor for _, tensor in logits]]
        gradients = tape.gradient(loss, sources)
        outputs: list[Any] = [None] * len(calls)
        for (i, _), gradient in zip(seen, gradients[len(trainable) :], strict=False):
            outputs[i] = gradient
        for (i, _), gradient in zip(logits, gradients[len(trainable) + len(seen) :], strict=True):
            if outputs[i] is None:  # Keras takes the loss from the logits, around the softmax or sigmoid
                outputs[i] = gradient
        return gradients[: len(trainable)], outputs

    def _activation(self, index: int, call: Call | None) -> Any:
        count = len(ACTIVATION_STATISTICS)
        if call is None:
            return _unknown(count)
        layer = self.layers[index]
        name = activation_name(layer)
        direct = type(layer).__name__ not in _RECURRENT  # of a recurrent layer the output says little of its activation
        dying = direct and _is_dying(layer, name)
        bounds = BOUNDED.get(name or "") if direct else None
        measure = functools.partial(activation_statistics, dying=dying, bounds=bounds)
        return numbers(measure, [call.output], count)

    def _unpacked(self, seen: list[np.ndarray], before: Snapshot, after: list[Any], loss_after: float) -> Observation:
        activations, gradients, (loss, penalty, rate) = seen
        layers = len(self.layers)
        values = dict.fromkeys(LAYER_STATISTICS, np.full(layers, np.nan)) | {
            name: activations[i :: len(ACTIVATION_STATISTICS)][:layers] for i, name in enumerate(ACTIVATION_STATISTICS)
        }
        values["output_gradient_norm"] = gradients[:layers]
        by_variable = gradients[layers : layers + 3 * len(after)].reshape(-1, 3)
        table = np.stack([np.array(values[name], np.float32) for name in LAYER_STATISTICS])
        for index, mine in enumerate(self._variables_of_layers()):
            self._add_weights(table[:, index], mine, by_variable, before, after)
        known = by_variable[~np.isnan(by_variable[:, 1])]  # the share of non-finite entries is known of each gradient
        series = {
            "loss_before": float(loss),
            "loss_after": loss_after,
            "predicted_change": float(known[:, 2].sum()) if self.one_step and len(known) else float("nan"),
            "penalty": float(penalty),
            "learning_rate": float(rate),
        }
        whole = float(np.sqrt(np.sum(known[:, 0] ** 2))) if len(known) else float("nan")
        return Observation(table, whole, series)

    def _add_weights(
        self, column: np.ndarray, mine: tuple[list[int], list[int]], by_variable: np.ndarray, *around: Any
    ) -> None:
        """Write what is known of a layer's weights and their gradients into its column of the table."""
        before, after = around
        place = {name: i for i, name in enumerate(LAYER_STATISTICS)}
        trained, held = mine
        weights = [view(before.trainable[i]) for i in trained] or [view(before.state[i]) for i in held]
        for name, value in zip(WEIGHT_STATISTICS, weight_statistics(weights), strict=True):
            column[place[name]] = value
        if not trained:
            return
        if after is not before.trainable:
            column[place["update_norm"]] = norm([view(after[i]) - w for i, w in zip(trained, weights, strict=True)])
        sizes = np.array([w.size for w in weights])
        norms, nonfinite = by_variable[trained, 0], by_variable[trained, 1]
        known = ~np.isnan(nonfinite)
        if known.any():
            column[place["gradient_norm"]] = np.sqrt(np.sum(norms[known] ** 2))
            column[place["gradient_nonfinite"]] = np.average(nonfinite[known], weights=sizes[known])

    def _variables_of_layers(self) -> list[tuple[list[int], list[int]]]:
        """By layer, the places of its trainable variables among the model's, and those of its frozen float weights."""
        if self._places is None:
            trainable = {id(v): i for i, v in enumerate(self.model.trainable_variables)}
            state = {id(v): i for i, v in enumerate(self.model.non_trainable_variables) if is_float(_read(v))}
            self._places = [
                (
                    [trainable[id(v)] for v in layer.trainable_variables if id(v) in trainable],
                    [state[id(v)] for v in layer.weights if id(v) in state],
                )
                for layer in self.layers
            ]
        return self._places

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
            penalty = _total([*getattr(model, "losses", ())])
        return _Objective(predicted, None if loss is None else _total([loss]), penalty)

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


def _unknown(count: int) -> Any:
    import tensorflow as tf

    return tf.fill([count], tf.constant(float("nan"), tf.float64))


def _variable_gradient(gradient: Any, before: Any, after: Any) -> Any:
    import tensorflow as tf

    if gradient is None:
        return _unknown(3)
    if isinstance(gradient, tf.IndexedSlices):
        return numbers(sparse_gradient_statistics, [gradient.values, gradient.indices, before, after], 3)
    return numbers(gradient_statistics, [gradient, before, after], 3)


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


def _total(values: list[Any]) -> Any:
    """Sum of all entries of all tensors as a float32 scalar, 0 for no tensors."""
    import tensorflow as tf

    return tf.add_n([tf.constant(0.0), *[tf.reduce_sum(tf.cast(value, tf.float32)) for value in values]])


def _operations(concrete: Any) -> set[str]:
    """Types of all operations of a traced function and of the functions in it, without those that measure."""
    graph = concrete.graph.as_graph_def()
    nodes = itertools.chain(graph.node, *(function.node_def for function in graph.library.function))
    return {node.op for node in nodes if not is_ours(node.name)}


def _refuse_side_effects(operations: set[str]) -> None:
    bad = sorted(n for n in operations if any(part in n for part in _STATEFUL_OPERATIONS))
    if bad:
        raise NotObservable(f"its forward pass changes state outside of Keras ({', '.join(bad[:3])})")


@dataclass(frozen=True)
class KeptObserver:
    """The observer of the last fit. A script that calls ``fit`` again and again need not trace it each time.

    It serves as long as Keras itself goes on with the same compiled function; ``compile`` makes another.
    """

    function: Any
    spec: Any
    weights: tuple[int, ...]
    observer: StepObserver

    def get(self, model: Any, function: Any, spec: Any) -> StepObserver | None:
        """The observer, None when it is that of another model, compilation or kind of batch."""
        same = self.observer.model is model and self.function is function and self.spec == spec
        return self.observer if same and self.weights == tuple(id(v) for v in model.trainable_variables) else None
