"""Scores a trained Keras model on given rows, without leaving a trace in it.

The model is passed in, and only its documented methods are used, so nothing here imports TensorFlow. Predictions go
through ``model(x, training=False)``-like ``predict_on_batch`` calls in the inference mode: no weight, no optimizer
state and no random generator moves, and no callback runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .agreement import agreement_facts
from .findings import Task
from .nested import concatenate, leaves, map_leaves, take_rows
from .skill import Score, combine, score

BATCH_SIZE = 256
#: Predictions count as constant when they vary by less than this part of their size (float32 resolves about 1e-7; a
#: network whose output really follows its input varies by far more).
CONSTANT_SPREAD = 1e-5


def evaluate_model(  # noqa: PLR0917
    model: Any,
    inputs: Any,
    targets: Any,
    task: Task | Sequence[Task],
    split: str,
    from_logits: bool | Sequence[bool] = False,
    *,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """Predict and compare with the labels, as documented at ``FitTrace.evaluation``.

    Args:
        model: A Keras model.
        inputs: What ``predict`` takes: an array, or a list, tuple or dict of arrays, rows first.
        targets: One array, or one per output as list, tuple or dict.
        task: Task of the output, or one per output.
        split: ``validation``, ``test``, ``holdout`` or ``training``; copied into the result.
        from_logits: Whether outputs are logits, for all or one per output; see :func:`outputs_are_logits`.
        batch_size: Rows per call; the model's fixed batch size if it has one, else 256.

    Returns:
        The evaluation; empty when there are no rows.
    """
    labels = as_arrays(targets)
    if not labels or len(labels[0]) == 0:
        return {}
    outputs = align_outputs(as_arrays(predict(model, inputs, batch_size=batch_size), order=output_names(model)), labels)
    tasks = [task] * len(labels) if isinstance(task, Task) else list(task)
    logits = [from_logits] * len(labels) if isinstance(from_logits, bool) else list(from_logits)
    scores = [score(*one) for one in zip(tasks, labels, outputs, logits, strict=False)]
    facts = describe(combine(scores), outputs, split)
    return facts | agreement_facts(tasks, labels, outputs, logits)


def describe(result: Score, outputs: Sequence[np.ndarray], split: str) -> dict[str, Any]:
    """A score and the spread of the predictions behind it, as JSON-able facts."""
    finite = [output[np.isfinite(output)] for output in outputs]
    values = np.concatenate([part.reshape(-1) for part in finite]) if finite else np.array([])
    facts: dict[str, Any] = {
        "skill": result.skill,
        "metric": result.metric,
        "score": result.score,
        "trivial": result.trivial,
        "split": split,
        "rows": result.rows,
        "diverged": result.diverged,
        "constant": all(is_constant(output) for output in outputs),
        "prediction_min": float(values.min()) if values.size else None,
        "prediction_max": float(values.max()) if values.size else None,
        "prediction_std": float(values.std()) if values.size else None,
    }
    if result.reason:
        facts["reason"] = result.reason
    return facts


def is_constant(output: np.ndarray) -> bool:
    """Whether each column has the same value for every row: the model ignores its input. One row says nothing."""
    rows = np.asarray(output, float).reshape(len(output), -1)
    if len(rows) < 2 or not np.isfinite(rows).all():
        return False
    return bool(np.all(np.ptp(rows, axis=0) <= CONSTANT_SPREAD * np.maximum(np.abs(rows).max(axis=0), 1e-6)))


def predict(model: Any, inputs: Any, *, batch_size: int | None = None) -> Any:
    """Predictions as arrays in the structure of the model's outputs, a batch at a time, in inference mode."""
    size = batch_size or fixed_batch_size(model) or BATCH_SIZE
    rows = len(leaves(inputs)[0])
    # predict_on_batch neither builds a data pipeline nor resets or runs anything of the user's; a fixed batch size
    # leaves a remainder out of reach, so the last batch then overlaps the one before.
    fixed = fixed_batch_size(model) is not None and rows >= size
    parts = []
    for start in range(0, rows, size):
        first = rows - size if fixed and start + size > rows else start
        output = model.predict_on_batch(take_rows(inputs, slice(first, start + size)))
        parts.append(take_rows(map_leaves(np.asarray, output), slice(start - first, None)))
    return concatenate(parts)


def fixed_batch_size(model: Any) -> int | None:
    """The batch size written into the model's input shape, as stateful recurrent models need it."""
    shape = getattr(model, "input_shape", None)
    while isinstance(shape, (list, tuple)) and shape and isinstance(shape[0], (list, tuple)):
        shape = shape[0]
    if isinstance(shape, Mapping):
        shape = next(iter(shape.values()), None)
    first = shape[0] if isinstance(shape, (list, tuple)) and shape else None
    return first if isinstance(first, int) else None


def outputs_are_logits(model: Any) -> tuple[bool, ...]:
    """For each output: whether its predictions are logits.

    They are when the loss was told so and the output layer does not squash them all the same: then Keras trains on
    what is before the sigmoid or softmax, and the predictions are probabilities.
    """
    losses = _losses(model)
    outputs = list(getattr(model, "output_names", None) or range(max(1, len(losses))))
    flags = []
    for index in range(len(outputs)):
        loss = losses[index] if index < len(losses) else losses[-1] if losses else None
        flags.append(_loss_from_logits(loss) and not _squashed(model, index))
    return tuple(flags)


def _losses(model: Any) -> list[Any]:
    loss = getattr(model, "loss", None)
    if isinstance(loss, Mapping):
        names = list(getattr(model, "output_names", None) or loss)
        return [loss.get(name) for name in names]
    return list(loss) if isinstance(loss, (list, tuple)) else [loss]


def _loss_from_logits(loss: Any) -> bool:
    if loss is None or isinstance(loss, str):
        return False
    for holder in (getattr(loss, "_fn_kwargs", None), getattr(loss, "keywords", None)):
        if isinstance(holder, Mapping) and "from_logits" in holder:
            return bool(holder["from_logits"])
    return bool(getattr(loss, "from_logits", False))


def _squashed(model: Any, index: int) -> bool:
    try:
        tensors = model.outputs
        history = getattr(tensors[index], "_keras_history", None)
        layer = history.operation if history is not None else model.layers[-1]
    except Exception:  # a subclassed model has no symbolic outputs
        return False
    name = getattr(getattr(layer, "activation", None), "__name__", "") or type(layer).__name__.lower()
    return name in ("sigmoid", "softmax")


def output_names(model: Any) -> tuple[str, ...]:
    """Names of the outputs in the model's own order; empty when it has none yet."""
    return tuple(str(name) for name in getattr(model, "output_names", None) or ())


def in_output_order(values: Any, order: Sequence[str]) -> Any:
    """A dict of one value per output, put in the order of the outputs (of unknown outputs: sorted, as Keras does)."""
    if not isinstance(values, Mapping):
        return values
    keys = [key for key in order if key in values]
    return {key: values[key] for key in (keys if len(keys) == len(values) else sorted(values, key=str))}


def as_arrays(values: Any, order: Sequence[str] = ()) -> list[np.ndarray]:
    """Flatten arrays, or lists, tuples and dicts of them, into a list; dicts in the given order, else by sorted key."""
    if values is None:
        return []
    if isinstance(values, Mapping):
        keys = [key for key in order if key in values] or sorted(values, key=str)
        return [array for key in keys for array in as_arrays(values[key])]
    if isinstance(values, (list, tuple)) and values and not np.isscalar(values[0]):
        return [array for value in values for array in as_arrays(value)]
    return [np.asarray(values)]


def align_outputs(outputs: list[np.ndarray], labels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """As many outputs as labels, in order; an output without labels is left out."""
    return outputs[: len(labels)]
