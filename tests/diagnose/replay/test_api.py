"""``dlfix.replay`` as people call it: its table, its errors, what it accepts."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from dlfix.diagnose.replay.api import ReplayError
from keras import layers as L

import dlfix

pytestmark = pytest.mark.slow


def small(**options: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, "relu", name="first"), L.Dense(1, name="second")])
    if options:
        model.compile(**options)
    return model


X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.random.default_rng(1).normal(size=(6, 1))


def test_prints_and_returns_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    model = small(optimizer="adam", loss="mse")
    step = dlfix.replay(model, X, Y)
    printed = capsys.readouterr().out
    assert printed == f"{step}\n"
    assert printed.startswith("Sound: loss ")
    assert "first  Dense" in printed
    assert "second kernel" in printed
    dlfix.replay(model, X, Y, verbose=0)
    assert capsys.readouterr().out == ""


def test_the_first_line_names_the_culprit() -> None:
    model = small(optimizer="adam", loss="mse")
    model.get_layer("second").kernel.assign(np.full((3, 1), np.inf))
    first, *rest = str(dlfix.replay(model, X, Y, verbose=0)).splitlines()
    assert first == "Broken: Layer 1 (second), forward: weight kernel held infinity already before the step."
    assert any(line.startswith("!") for line in rest)


def test_everything_is_reachable_by_operation() -> None:
    step = dlfix.replay(small(optimizer=keras.optimizers.SGD(0.1), loss="mse"), X, Y, verbose=0)
    first, second, loss = step.operations
    assert [o.index for o in step.operations] == [0, 1, 2]
    assert [o.sources for o in step.operations] == [(-1,), (0,), (1,)]
    np.testing.assert_array_equal(second.inputs[0].array, first.output)
    kernel = second.weights[0].array
    np.testing.assert_allclose(first.output_gradient, second.output_gradient @ kernel.T, rtol=1e-5)
    np.testing.assert_allclose(
        second.weight_gradients["kernel"].array, first.output.T @ second.output_gradient, rtol=1e-5
    )
    update = step.updates[2]
    np.testing.assert_allclose(update.after.array, kernel - 0.1 * update.gradient.array, rtol=1e-5)
    assert step.operation("second") is second
    assert step.layer(0) == (first,)
    assert set(step.gradients) == {u.path for u in step.updates}
    assert loss.kind == "loss"
    with pytest.raises(KeyError, match=r"no operation 'third'.*first, second, loss"):
        step.operation("third")


def test_steps_can_be_chained() -> None:
    model = small(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    model.train_on_batch(X, Y)
    second = dlfix.replay(model, X, Y, state=dlfix.replay(model, X, Y, verbose=0).state_after, verbose=0)
    model.train_on_batch(X, Y)
    model.train_on_batch(X, Y)
    for update, variable in zip(second.updates, model.trainable_variables, strict=True):
        np.testing.assert_allclose(update.after.array, variable.numpy(), rtol=1e-4, atol=1e-6)


def test_a_loss_and_weights_of_classes_can_be_given() -> None:
    labels = np.array([0, 1, 0, 1, 1, 0])
    model = keras.Sequential([keras.Input((4,)), L.Dense(1, "sigmoid")])
    step = dlfix.replay(model, X, labels, class_weight={0: 1.0, 1: 3.0}, loss="binary_crossentropy", verbose=0)
    expected = keras.losses.BinaryCrossentropy()(labels[:, None], model(X), np.where(labels == 1, 3.0, 1.0))
    assert step.loss == pytest.approx(float(expected), rel=1e-5)
    assert step.updates[0].gradient is not None
    np.testing.assert_array_equal(step.updates[0].after.array, step.updates[0].before.array)
    assert getattr(model, "_compile_loss", None) is None


def test_nothing_of_the_users_moves() -> None:
    inputs = keras.Input((4,))
    hidden = L.Dropout(0.5)(L.BatchNormalization()(L.Dense(3)(inputs)))
    model = keras.Model(inputs, [L.Dense(1, name="a")(hidden), L.Dense(1, name="b")(hidden)])
    model.compile("adam", "mse", metrics=[["mae"], ["mae"]])
    model.fit(X, [Y, Y], verbose=0)
    keras.random.normal((2,))
    random.seed(1)
    np.random.seed(2)
    everything = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    before = [np.array(v) for v in everything]
    states = random.getstate(), np.random.get_state()[1].copy(), tf.random.get_global_generator().state.numpy()
    dlfix.replay(model, X, [Y, Y], verbose=0)
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, everything, strict=True))
    assert len(everything) == len([*model.variables, *model.optimizer.variables, *model.metrics_variables])
    assert states[0] == random.getstate()
    assert np.array_equal(states[1], np.random.get_state()[1])
    assert np.array_equal(states[2], tf.random.get_global_generator().state.numpy())
    assert keras.layers.Layer.__call__.__qualname__ == "Layer.__call__"


def test_plain_variables_of_a_layer_are_put_back() -> None:
    class Counting(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.calls = [tf.Variable(0.0, trainable=False)]

        def call(self, inputs: Any) -> Any:
            self.calls[0].assign_add(1.0)
            return inputs * self.calls[0]

    layer = Counting()
    model = keras.Sequential([keras.Input((4,)), layer, L.Dense(1)])
    model.compile("sgd", "mse")
    layer.calls[0].assign(4.0)
    step = dlfix.replay(model, X, Y, verbose=0)
    np.testing.assert_allclose(step.operations[0].output, 5.0 * X.astype("float32"), rtol=1e-6)
    assert float(layer.calls[0]) == 4.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dlfix.replay(object(), X, Y), "needs a model of Keras 3, not an object"),
        (lambda: dlfix.replay(small(), X, Y), "has no loss: compile it"),
        (lambda: dlfix.replay(small(optimizer="sgd", loss="mse"), X, Y[:3]), "x has 6 rows and y has 3"),
        (lambda: dlfix.replay(small(optimizer="sgd", loss="mse"), X[:0], Y[:0]), "x has no rows"),
        (lambda: dlfix.replay(small(optimizer="sgd", loss="mse"), np.array([{}, {}]), Y[:2]), "array of object"),
        (
            lambda: dlfix.replay(small(optimizer="sgd", loss="mse"), X, Y, Y[:, 0], class_weight={0: 1.0}),
            "class_weight or sample_weight",
        ),
    ],
)
def test_errors_say_what_to_do(call: Any, message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        call()


def test_a_model_that_is_not_built() -> None:
    model = keras.Sequential([L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ReplayError, match="is not built"):
        dlfix.replay(model, X, Y)


def test_what_the_user_raises_reaches_the_user_and_leaves_nothing_behind() -> None:
    def fail(inputs: Any) -> Any:
        if tf.executing_eagerly():
            raise RuntimeError("mine")
        return inputs

    model = keras.Sequential([keras.Input((4,)), L.Lambda(fail, output_shape=(4,)), L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="mine"):
        dlfix.replay(model, X, Y)
    assert keras.layers.Layer.__call__.__qualname__ == "Layer.__call__"
