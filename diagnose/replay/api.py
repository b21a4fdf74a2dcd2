"""``dlfix.replay``: one training step of a model, operation by operation, for people."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nested import leaves, map_leaves
from .run import Batch, StepOptions, run_step
from .state import State
from .step import Step


class ReplayError(ValueError):
    """This model or these data cannot be replayed. The message says why and what to do."""


def replay(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    class_weight: dict[int, float] | None = None,
    loss: Any = None,
    state: State | None = None,
    verbose: int = 1,
) -> Step:
    """Run one training step of a Keras model imperatively, print it, and return it.

    The step trains on all rows of ``x`` as one batch, in training mode, layer by layer forward, through the loss, and
    back by one vector-Jacobian product per operation, then makes the optimizer's update. The model is left as it was:
    weights, moving statistics, seeds, optimizer and metrics. Dropout draws the masks that the next step of ``fit``
    would draw.

    Args:
        model: A built model of Keras 3 on TensorFlow: sequential, functional or subclassed.
        x: Inputs, in the structure that ``fit`` takes. A batch is enough; the step needs memory for all values of it.
        y: Targets; None where the model adds its own loss.
        sample_weight: As for ``fit``.
        class_weight: As for ``fit``; not together with ``sample_weight``.
        loss: A loss as for ``compile``, for a model that was not compiled, or to try another one.
        state: Where the step starts, as another step's ``state_after``; None for the model as it is now.
        verbose: 1 prints the table that ``str(step)`` is, 0 prints nothing.

    Returns:
        The step with every value and gradient; ``step.culprit`` is what broke first, None if everything is finite.

    Raises:
        ReplayError: If the model is not built, has no loss, or the data do not fit together.

    Example:
        >>> step = replay(model, x[:32], y[:32])  # doctest: +SKIP
        >>> step.operation("dense_1").output_gradient.max()  # doctest: +SKIP
    """
    _check_model(model, loss)
    batch = _batch(model, x, y, sample_weight, class_weight)
    function = None if loss is None else _compiled_loss(model, loss)
    step = run_step(model, batch, state, StepOptions(function))
    if step.culprit is not None:  # a second pass, to say which operation of TensorFlow it was
        step = run_step(model, batch, state, StepOptions(function, detail=True))
    if verbose:
        print(step)
    return step


def _check_model(model: Any, loss: Any) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise ReplayError(f"replay needs a model of Keras 3, not {_article(type(model).__name__)}.")
    if keras.backend.backend() != "tensorflow":
        raise ReplayError(f"replay needs Keras on TensorFlow; the backend is {keras.backend.backend()}.")
    unbuilt = [] if model.built else [model.name]
    unbuilt += [layer.name for layer in model._flatten_layers(include_self=False) if not layer.built]
    if unbuilt:
        raise ReplayError(
            f"Model {model.name!r} is not built ({', '.join(unbuilt[:3])}): call it on a batch once, or model.build."
        )
    compiled = getattr(model, "_compile_loss", None)
    own_loss = type(model).compute_loss is not keras.Model.compute_loss
    if loss is None and compiled is None and not own_loss and not model.losses and not _adds_losses(model):
        raise ReplayError(f"Model {model.name!r} has no loss: compile it, or pass replay(..., loss=...).")


def _adds_losses(model: Any) -> bool:
    """Whether ``compile`` was called: a model may be compiled without a loss and add its own while it runs."""
    return bool(getattr(model, "compiled", False))


def _batch(model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Batch:
    if class_weight is not None:
        if sample_weight is not None:
            raise ReplayError("Pass class_weight or sample_weight, not both.")
        sample_weight = _weights_of_classes(y, class_weight)
    batch = Batch(*(_tensors(part) for part in (x, y, sample_weight)))
    rows: dict[str, int] = {}
    for name, part in (("x", batch.x), ("y", batch.y), ("sample_weight", batch.sample_weight)):
        for leaf in leaves(part):
            if leaf is None:
                continue
            if not leaf.shape.rank:
                raise ReplayError(f"{name} is a single number; replay needs rows.")
            rows.setdefault(name, int(leaf.shape[0]))
            if int(leaf.shape[0]) != next(iter(rows.values())):
                first = next(iter(rows))
                raise ReplayError(f"{first} has {rows[first]} rows and {name} has {int(leaf.shape[0])}.")
    if not rows.get("x"):
        raise ReplayError(f"x has no rows; replay makes one step on the rows of a batch. Received {type(x).__name__}.")
    return batch


def _tensors(structure: Any) -> Any:
    """Arrays as Keras would feed them: floats in Keras's precision, everything else as it is."""
    import keras
    import tensorflow as tf

    def tensor(leaf: Any) -> Any:
        if leaf is None or isinstance(leaf, tf.Tensor | tf.SparseTensor | tf.RaggedTensor):
            return leaf
        array = leaf.to_numpy() if hasattr(leaf, "to_numpy") else np.asarray(leaf)
        if array.dtype.kind not in "biufcSUO" or (array.dtype.kind == "O" and not isinstance(array.flat[0], str)):
            raise ReplayError(f"An array of {array.dtype} cannot be trained on.")
        return tf.convert_to_tensor(array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array)

    return map_leaves(tensor, structure)


def _weights_of_classes(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    flat = labels.reshape(len(labels), -1)[:, 0].astype(int)
    return np.asarray([class_weight.get(int(label), 1.0) for label in flat], dtype=np.float32)


def _compiled_loss(model: Any, loss: Any) -> Any:
    from keras.src.trainers.compile_utils import CompileLoss

    return CompileLoss(loss, None, output_names=getattr(model, "output_names", None))


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'AEIOUaeiou' else 'a'} {noun}"
