"""A replayed step against one GradientTape over the whole model, and against Keras's own compiled step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from dlfix.diagnose.replay.api import replay
from dlfix.diagnose.replay.state import State, all_variables
from dlfix.diagnose.replay.values import numpy_of
from replay_models import MODELS

pytestmark = pytest.mark.slow


def whole(model: Any, x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, float, list[Any]]:
    """Outputs, layer outputs in training, loss and gradients by one tape; the model is left as it was."""
    kept = State.of(all_variables(model))
    convert = keras.tree.map_structure
    x, y, sample_weight = (
        None if part is None else convert(tf.convert_to_tensor, part) for part in (x, y, sample_weight)
    )
    with tf.GradientTape() as tape:
        predicted = model(x, training=True)
        loss = model.compute_loss(x, y, predicted, sample_weight)
        scaled = model.optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, [v.value for v in model.trainable_variables])
    kept.restore()
    return predicted, kept, float(loss), gradients


def close(found: Any, expected: Any, precision: float = 2e-5) -> None:
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    # What is zero but for rounding (a bias before a batch normalization) is compared by the rounding of what it sums.
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-3)
    np.testing.assert_allclose(found, expected, rtol=precision, atol=precision * scale)


def precision_of(name: str) -> float:
    return 2e-3 if name == "mixed_precision" else 2e-5


@pytest.mark.parametrize("name", MODELS)
def test_equals_one_tape_over_the_whole_model(name: str) -> None:
    model, x, y, sample_weight = MODELS[name]()
    model.optimizer.build(model.trainable_variables)
    if name == "subclassed":
        model.run_eagerly = True  # outside of a graph, a softmax of TensorFlow's own hides its logits from Keras
    predicted, _, loss, gradients = whole(model, x, y, sample_weight)
    step = replay(model, x, y, sample_weight, verbose=0)
    for value, expected in zip(step.predictions, keras.tree.flatten(predicted), strict=True):
        close(value.array, expected, precision_of(name))
    assert step.loss == pytest.approx(loss, rel=2e-5)
    assert len(step.updates) == len(gradients) > 0
    for update, gradient in zip(step.updates, gradients, strict=True):
        assert (update.gradient is None) == (gradient is None), update.path
        if gradient is not None and update.gradient is not None:
            close(update.gradient.array, numpy_of(gradient), precision_of(name))
    assert step.culprit is None
    assert step.notes == ()


@pytest.mark.parametrize("name", MODELS)
def test_equals_the_compiled_step_and_leaves_the_model_as_it_was(name: str) -> None:
    """The weights after Keras's next step are those that the replay foretold; dropout draws the same masks."""
    model, x, y, sample_weight = MODELS[name]()
    before = [np.array(numpy_of(v)) for v in all_variables(model)]
    step = replay(model, x, y, sample_weight, verbose=0)
    after = [numpy_of(v) for v in all_variables(model)]
    assert len(before) == len(after)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert not model.optimizer.built
    model.train_on_batch(x, y, sample_weight)
    for update, variable in zip(step.updates, model.trainable_variables, strict=True):
        close(update.after.array, variable.numpy(), 5 * precision_of(name))
    found = {v.name: v.array for o in step.operations for v in o.state if "moving" in v.name}
    for variable in model.non_trainable_variables:
        if f"state {variable.name}" in found and name != "nested_models":
            close(found[f"state {variable.name}"], variable.numpy(), 2e-3)
