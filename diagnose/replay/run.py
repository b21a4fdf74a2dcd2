"""Runs one training step of a Keras model imperatively and leaves the model as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..probe.model_facts import flat_layers
from ..probe.session import untouched_randomness
from .backward import Gradients, run_backward
from .recorder import Record, Recorder, weight_name
from .state import State, all_variables, backend_variable
from .step import Operation, Step, Update, scalar, values_of
from .values import Value


@dataclass(frozen=True)
class Batch:
    """What one step trains on: tensors, or structures of tensors; ``None`` where there is nothing."""

    x: Any
    y: Any = None
    sample_weight: Any = None


@dataclass(frozen=True)
class StepOptions:
    """How a step is run.

    Attributes:
        loss: Replaces the compiled loss; as ``compile`` makes it (``CompileLoss``).
        optimizer: Replaces the compiled optimizer; it keeps what the update makes of its own variables.
        detail: Name TensorFlow's operation that breaks within each operation. Slower.
    """

    loss: Any = None
    optimizer: Any = None
    detail: bool = False


def run_step(model: Any, batch: Batch, state: State | None = None, options: StepOptions | None = None) -> Step:
    """One training step from ``state`` (the model's present one by default), operation by operation.

    Everything happens on the model itself, so that its layers do exactly what they do in training; afterwards all
    variables and random generators get back what they held.
    """
    kept = State.of(all_variables(model))
    try:
        with untouched_randomness():
            if state is not None:
                state.restore()
            return _Run(model, batch, options or StepOptions()).step()
    finally:
        kept.restore()
        model._clear_losses()


def fresh_copy(optimizer: Any, variables: list[Any]) -> Any:
    """An optimizer with the same settings that has made no step yet.

    Raises:
        Exception: Whatever a class of the user's raises that cannot be made from its configuration.
    """
    copy = type(optimizer).from_config(optimizer.get_config())
    copy.build(variables)
    return copy


class _Run:
    def __init__(self, model: Any, batch: Batch, options: StepOptions) -> None:
        self.model, self.batch, self.detail = model, batch, options.detail
        self.notes: list[str] = []
        self._loss_function = options.loss
        self._before: dict[int, Value] = {}
        self._rate: float | None = None
        self._optimizer = self._usable_optimizer() if options.optimizer is None else options.optimizer
        self._recorder = Recorder(model, not getattr(model, "run_eagerly", False), options.detail)

    def step(self) -> Step:
        model, recorder = self.model, self._recorder
        self._before = {id(v): Value(f"weight {v.name}", _read(v)) for v in model.trainable_variables}
        model._clear_losses()
        with recorder.recording():
            recorder.feed(self.batch.x)
            predicted = _call(model, self.batch.x)
            with _loss_in_place(model, self._loss_function):
                total, parts = self._loss(predicted)
        gradients = run_backward(recorder.records, self.detail)
        self._rate = _learning_rate(self._optimizer)
        self._apply(gradients)
        return self._summary(predicted, total, parts, gradients)

    def _loss(self, predicted: Any) -> tuple[float, dict[str, float]]:
        """Run the loss as the last operation."""
        import keras

        model, batch, recorder = self.model, self.batch, self._recorder
        flat = keras.tree.flatten(predicted)
        added = recorder.added_losses(list(model._flatten_layers()), again=True)
        logits = [recorder.logits_of(t) for t in flat]
        given = [*flat, *[t for t in logits if t is not None], *added]
        given = [t for t in given if getattr(t, "dtype", None) is not None and t.dtype.is_floating]
        record = Record(0, "loss", "loss")
        trackers = _loss_trackers(model)
        for tracker in trackers:
            tracker.reset_state()
        seen: list[Any] = []

        def compute() -> Any:
            with _logits_of_compiled_code(recorder):
                value = _compute_loss(model, batch, predicted)
            seen.append(value)
            return value if self._optimizer is None else self._optimizer.scale_loss(value)

        recorder.enclosed(record, given, model, compute)
        parts = {str(t.name): scalar(t.result()) for t in trackers}
        regularization = list(model.losses)
        if regularization:
            parts["regularization"] = float(sum(float(keras.ops.sum(one)) for one in regularization))
        return scalar(seen[0]), parts

    def _usable_optimizer(self) -> Any:
        """The compiled optimizer, or a copy where it has never made a step: building lasts."""
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None or optimizer.built:
            return optimizer
        try:
            return fresh_copy(optimizer, self.model.trainable_variables)
        except Exception as error:
            self.notes.append(f"The update was left out: {type(optimizer).__name__} cannot be copied ({error}).")
            return None

    def _apply(self, gradients: Gradients) -> None:
        trained = self.model.trainable_variables
        pairs = [(gradients.totals.get(id(backend_variable(v))), v) for v in trained]
        if self._optimizer is not None and any(gradient is not None for gradient, _ in pairs):
            self._optimizer.apply_gradients(pairs)

    def _summary(self, predicted: Any, total: float, parts: dict[str, float], gradients: Gradients) -> Step:
        import keras

        batch, model, optimizer = self.batch, self.model, self._optimizer
        flat = keras.tree.flatten(predicted)
        targets = [t for t in keras.tree.flatten((batch.y, batch.sample_weight)) if t is not None]
        data = [t for t in keras.tree.flatten(batch.x) if t is not None]
        return Step(
            model=str(model.name),
            operations=tuple(_operation(record, gradients) for record in self._recorder.records),
            loss=total,
            losses=parts,
            data=values_of(_numbered("input", data), data),
            targets=values_of(_numbered("target", targets), targets),
            predictions=values_of(_numbered("output", flat), flat),
            updates=_updates(model, gradients, self._before),
            optimizer_state=() if optimizer is None else _optimizer_values(optimizer),
            learning_rate=self._rate,
            is_loss_scaled=hasattr(optimizer, "dynamic_scale"),
            state_after=State.of(all_variables(model)),
            notes=tuple(self.notes),
        )


def _call(model: Any, x: Any) -> Any:
    return model(x, training=True) if getattr(model, "_call_has_training_arg", True) else model(x)


def _compute_loss(model: Any, batch: Batch, predicted: Any) -> Any:
    compute = getattr(model, "_compute_loss", None) or model.compute_loss
    return compute(x=batch.x, y=batch.y, y_pred=predicted, sample_weight=batch.sample_weight)


def _loss_trackers(model: Any) -> list[Any]:
    """Keras's running means of the loss of each output; there are none for a single output."""
    return list(getattr(getattr(model, "_compile_loss", None), "metrics", ()) or ())


@contextmanager
def _loss_in_place(model: Any, loss: Any) -> Iterator[None]:
    """The given loss instead of the compiled one, or a copy of that where it was never built: building lasts."""
    compiled = getattr(model, "_compile_loss", None)
    if loss is None and compiled is not None and not compiled.built:
        loss = type(compiled)(
            compiled._user_loss, compiled._user_loss_weights, compiled.reduction, compiled.output_names
        )
    if loss is None:
        yield
        return
    was_there = "_compile_loss" in model.__dict__
    model.__dict__["_compile_loss"] = loss  # past Keras's tracking of attributes
    try:
        yield
    finally:
        del model.__dict__["_compile_loss"]
        if was_there:
            model.__dict__["_compile_loss"] = compiled


@contextmanager
def _logits_of_compiled_code(recorder: Recorder) -> Iterator[None]:
    """In a graph, Keras's losses find the logits behind any softmax or sigmoid; let them do so here, too."""
    try:
        from keras.src.backend.tensorflow import nn

        original = nn._get_logits
    except (ImportError, AttributeError):
        yield
        return

    def _get_logits(output: Any, from_logits: bool, op_type: str, fn_name: str) -> Any:
        logits = None if hasattr(output, "_keras_logits") else recorder.expression_logits(output, op_type)
        return original(output, from_logits, op_type, fn_name) if logits is None else (logits, True)

    nn._get_logits = _get_logits
    try:
        yield
    finally:
        nn._get_logits = original


def _read(variable: Any) -> Any:
    import tensorflow as tf

    return tf.identity(backend_variable(variable))


def _numbered(name: str, values: list[Any]) -> list[str]:
    return [name] if len(values) == 1 else [f"{name} {i + 1}" for i in range(len(values))]


def _operation(record: Record, gradients: Gradients) -> Operation:
    made, inputs = gradients.of_made[record.index], gradients.of_inputs[record.index]
    names = _numbered("input", record.inputs)
    by_variable = {id(v): g for v, g in gradients.of_weights[record.index] if g is not None}
    return Operation(
        index=record.index,
        name=record.name,
        kind=record.kind,
        layer=record.layer,
        call=record.call,
        inputs=values_of(names, record.inputs),
        sources=tuple(None if link is None else link[0] for link in record.links),
        outputs=values_of(record.names, record.made),
        weights=tuple(Value(f"weight {name}", tensor) for name, tensor in record.weights),
        state=tuple(Value(f"state {name}", tensor) for name, tensor in record.state),
        output_gradients=tuple(_gradient(n, g) for n, g in zip(record.names, made, strict=True)),
        input_gradients=tuple(_gradient(n, g) for n, g in zip(names, inputs, strict=True)),
        weight_gradients={
            record.titles[key]: Value(f"gradient of {record.titles[key]}", g) for key, g in by_variable.items()
        },
        broken=record.broken or gradients.broken.get(record.index),
    )


def _gradient(name: str, tensor: Any) -> Value | None:
    return None if tensor is None else Value(f"gradient of {name}", tensor)


def _updates(model: Any, gradients: Gradients, before: dict[int, Value]) -> tuple[Update, ...]:
    owners: dict[int, tuple[int | None, str, Any]] = {}
    for index, (name, layer) in enumerate(flat_layers(model)):
        for variable in layer.weights:
            owners.setdefault(id(variable), (index, name, layer))
    found = []
    for variable in model.trainable_variables:
        place, owner, layer = owners.get(id(variable)) or (None, str(model.name), model)
        name = weight_name(variable, layer)
        gradient = gradients.totals.get(id(backend_variable(variable)))
        found.append(
            Update(
                path=str(variable.path),
                name=name,
                layer=place,
                owner=owner,
                before=Value(f"weight {name}", before[id(variable)].tensor),
                gradient=None if gradient is None else Value(f"gradient of {name}", gradient),
                after=Value(f"weight {name}", _read(variable)),
            )
        )
    return tuple(found)


def _optimizer_values(optimizer: Any) -> tuple[Value, ...]:
    return tuple(Value(str(getattr(v, "path", v.name)), _read(v)) for v in optimizer.variables)


def _learning_rate(optimizer: Any) -> float | None:
    try:
        return None if optimizer is None else scalar(optimizer.learning_rate)
    except Exception:
        return None
