"""Predictions after training, compared with the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .observer import Snapshot
from .session import untouched_randomness

if TYPE_CHECKING:
    from ..findings import Task
    from ..trace import ArrayFacts
    from .fit_watch import FitWatch


def evaluate_after(watch: FitWatch, model: Any) -> dict[str, Any]:
    """Evaluate on the validation sample, else on the training sample; the model is left as it was."""
    from ..evaluation import evaluate_model

    if watch.data is None:
        return {}
    data, sample = watch.data.finish()
    if sample is None or not sample.targets:
        return {}
    held_out = bool(sample.validation_inputs and sample.validation_targets)
    if held_out and _row_shapes(sample.validation_targets) != _row_shapes(sample.targets):
        held_out = False  # labels encoded in another way: such a validation fails, or means something else
    inputs = sample.validation_inputs if held_out else sample.inputs
    targets = sample.validation_targets if held_out else sample.targets
    losses = watch.compile_facts.losses if watch.compile_facts else ()
    logits = [loss.from_logits for loss in losses] or [False]
    tasks = _tasks(data.targets, [loss.name for loss in losses], model)
    names = [name for name, _ in watch.data.training[0]]
    given: Any = inputs[0] if len(inputs) == 1 else list(inputs)
    if watch.data.inputs_are_named:
        given = dict(zip(names, inputs, strict=False))
    state = Snapshot.of(model)
    with untouched_randomness(restore=watch.data.kind == "arrays"):
        result = evaluate_model(
            on_one_device(model),
            given,
            targets[0] if len(targets) == 1 else list(targets),
            tasks[0] if len(tasks) == 1 else tasks,
            "validation" if held_out else "training",
            logits[0] if len(targets) == 1 else (logits * len(targets))[: len(targets)],
        )
    _restore_state(model, state)
    return dict(result)


def on_one_device(model: Any) -> Any:
    """The model, or what predicts like it without its devices: each of several would predict all rows again."""
    strategy = getattr(model, "distribute_strategy", None)
    return _OneDevice(model) if strategy is not None and strategy.num_replicas_in_sync > 1 else model


class _OneDevice:
    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict_on_batch(self, x: Any) -> Any:
        import keras
        import tensorflow as tf

        return keras.tree.map_structure(
            np.asarray, self._model(keras.tree.map_structure(tf.constant, x), training=False)
        )


def _tasks(targets: Sequence[ArrayFacts], losses: Sequence[str], model: Any) -> list[Task]:
    """What each output is to learn, read as the diagnosis reads it: loss and output size break ties."""
    from ..losses import canonical_name
    from ..task import infer_task

    outputs = list(getattr(model, "outputs", None) or ())  # a subclassed model has none
    tasks = []
    for place, facts in enumerate(targets):
        loss = canonical_name(losses[min(place, len(losses) - 1)]) if losses else None
        units = outputs[place].shape[-1] if place < len(outputs) and len(outputs[place].shape) > 1 else None
        tasks.append(infer_task(facts, loss=loss, output_units=units))
    return tasks


def _row_shapes(targets: tuple[np.ndarray, ...]) -> list[tuple[int, ...]]:
    return [tuple(size for size in target.shape[1:] if size != 1) for target in targets]


def _restore_state(model: Any, before: Snapshot) -> None:
    """Predicting moves the state of stateful recurrent layers only; put it back where it moved."""
    import tensorflow as tf

    for variable, value in zip(model.non_trainable_variables, before.state, strict=True):
        if not bool(tf.reduce_all(tf.equal(variable.value, value))):
            variable.assign(value)
