"""Predictions after training, compared with the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .observer import Snapshot
from .session import untouched_randomness

if TYPE_CHECKING:
    from ..findings import Task
    from ..trace import ArrayFacts, DataFacts, DataSample, FitTrace, LossFacts
    from .fit_watch import FitWatch


#: Rows below which those that come later do not judge a model: one of them is more than 5 % of the accuracy.
JUDGING_ROWS = 20
#: Share of the rows expected among the known ones, if they were trained on, that is enough to say so.
KNOWN_ROWS = 0.25


@dataclass(frozen=True)
class HowToPredict:
    """How a model is to be asked for predictions.

    Attributes:
        inputs_are_named: It takes a dict.
        restore_randomness: False where threads of a pipeline may draw at the same time.
    """

    inputs_are_named: bool
    restore_randomness: bool


def evaluate_after(watch: FitWatch, model: Any) -> dict[str, Any]:
    """Evaluate on the validation sample, else on the training sample; the model is left as it was."""
    if watch.data is None:
        return {}
    data, sample = watch.data.finish()
    if sample is None or not sample.targets:
        return {}
    losses = watch.compile_facts.losses if watch.compile_facts else ()
    split = "validation" if _holds_out(sample) else "training"
    return _evaluated(model, (data, sample, losses), split, watch.data.how_to_predict)


def evaluate_later(fit: FitTrace, model: Any, how: HowToPredict) -> dict[str, Any]:
    """Evaluate on the held-out rows of a fit's sample, which came after it; empty where their labels look otherwise."""
    if fit.sample is None or not fit.sample.targets or not _holds_out(fit.sample):
        return {}
    if len(fit.sample.validation_targets[0]) < JUDGING_ROWS:
        return {}
    return _evaluated(model, (fit.data, fit.sample, fit.compile.losses), "test", how)


def trained_on(inputs: Sequence[np.ndarray], sample: DataSample, rows: int | None) -> bool:
    """Whether rows are those that were trained on, of which a sample is known; what cannot be told counts as yes.

    Args:
        rows: How many were trained on, None if unknown.
    """
    if not inputs or not sample.inputs or inputs[0].shape[1:] != sample.inputs[0].shape[1:] or not len(inputs[0]):
        return True
    known = {row.tobytes() for row in _comparable(sample.inputs[0])}
    hits = sum(row.tobytes() in known for row in _comparable(inputs[0]))
    seen = len(sample.inputs[0])
    return hits > KNOWN_ROWS * len(inputs[0]) * seen / max(rows or seen, seen)


def _comparable(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32) if array.dtype.kind in "biuf" else array


def _holds_out(sample: DataSample) -> bool:
    """Whether there are held-out rows, with labels that look like the training's: others mean something else."""
    given = bool(sample.validation_inputs and sample.validation_targets)
    return given and _row_shapes(sample.validation_targets) == _row_shapes(sample.targets)


def _evaluated(
    model: Any, fit: tuple[DataFacts, DataSample, Sequence[LossFacts]], split: str, how: HowToPredict
) -> dict[str, Any]:
    from ..evaluation import evaluate_model

    data, sample, losses = fit
    inputs = sample.inputs if split == "training" else sample.validation_inputs
    targets = sample.targets if split == "training" else sample.validation_targets
    logits = [loss.from_logits for loss in losses] or [False]
    tasks = _tasks(data.targets, [loss.name for loss in losses], model)
    given: Any = inputs[0] if len(inputs) == 1 else list(inputs)
    if how.inputs_are_named:
        given = dict(zip([facts.name for facts in data.inputs], inputs, strict=False))
    state = Snapshot.of(model)
    with untouched_randomness(restore=how.restore_randomness):
        result = evaluate_model(
            on_one_device(model),
            given,
            targets[0] if len(targets) == 1 else list(targets),
            tasks[0] if len(tasks) == 1 else tasks,
            split,
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
