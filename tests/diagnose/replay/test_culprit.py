"""What is named as the first culprit of a broken step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from dlfix.diagnose.replay.api import replay
from dlfix.diagnose.replay.culprit import Culprit, breakdown_of
from dlfix.diagnose.replay.step import Step
from keras import layers as L

pytestmark = pytest.mark.slow


def chain(*parts: Any, loss: Any = "mse", optimizer: Any = "sgd") -> Any:
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(optimizer, loss)
    return model


def data(rows: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(rows, 4)).astype("float32"), generator.normal(size=(rows, 1)).astype("float32")


def culprit(model: Any, x: Any = None, y: Any = None) -> Culprit:
    given = data()
    step = replay(model, given[0] if x is None else x, given[1] if y is None else y, verbose=0)
    assert step.culprit is not None
    return step.culprit


def test_an_overflow_within_a_layer_with_the_range_of_its_inputs() -> None:
    model = chain(L.Dense(3, name="first"), L.Dense(5, "exponential", name="second"), L.Dense(1))
    model.get_layer("second").kernel.assign(np.full((3, 5), 90.0))
    x, y = data()
    found = culprit(model, x * 10, y)
    assert (found.direction, found.operation, found.layer) == ("forward", "second", 1)
    assert (found.tensor, found.cause) == ("output", "operation")
    assert found.detail is not None
    assert found.detail.startswith("Exp of ")
    names = {value.name: value.range for value in found.inputs}
    assert names["weight kernel"].maximum == 90.0
    assert names["input"].magnitude > 1
    assert str(found).startswith("Layer 1 (second), forward: output is ")
    assert all(value.is_finite for value in found.inputs)


def test_inputs_and_labels_that_are_not_finite_are_the_datas_fault() -> None:
    x, y = data()
    x[2, 1], model = np.nan, chain(L.Dense(3, name="first"), L.Dense(1))
    found = culprit(model, x, y)
    assert (found.direction, found.operation, found.tensor, found.cause) == ("forward", "first", "input", "data")
    assert "holds NaN in the data" in str(found)
    x, y = data()
    y[0] = np.inf
    found = culprit(model, x, y)
    assert (found.direction, found.operation, found.tensor, found.cause) == ("loss", "loss", "target", "data")
    assert str(found) == "The loss: target holds infinity among the labels or sample weights."


def test_inputs_that_are_not_finite_and_replaced_are_nobodys_fault() -> None:
    x, y = data()
    x[2, 1] = np.nan
    model = chain(L.Lambda(lambda t: tf.where(tf.math.is_nan(t), 0.0, t)), L.Dense(1))
    assert replay(model, x, y, verbose=0).culprit is None


def test_a_mask_of_minus_infinity_is_nobodys_fault() -> None:
    mask = np.array([0.0, -np.inf, 0.0, 0.0], dtype="float32")
    model = chain(L.Dense(4), L.Lambda(lambda t: t + mask), L.Softmax(), L.Dense(1))
    assert replay(model, *data(), verbose=0).culprit is None


def test_weights_that_were_broken_before_the_step() -> None:
    model = chain(L.Dense(3), L.Dense(1, name="second"))
    model.get_layer("second").bias.assign([np.nan])
    found = culprit(model)
    assert (found.operation, found.tensor, found.cause) == ("second", "weight bias", "weights")
    assert str(found) == "Layer 1 (second), forward: weight bias held NaN already before the step."


def test_the_derivative_of_a_root_at_zero() -> None:
    model = chain(L.Dense(3, name="first"), L.Lambda(tf.sqrt, name="root"), L.Dense(1))
    model.get_layer("first").kernel.assign(np.zeros((4, 3)))
    found = culprit(model)
    assert (found.direction, found.operation, found.tensor) == ("backward", "root", "gradient of input")
    assert [value.name for value in found.inputs] == ["gradient of output", "input"]


def test_a_gradient_that_reaches_no_weight_is_nobodys_fault() -> None:
    model = chain(L.Lambda(tf.sqrt), L.Dense(1))
    x, y = data()
    assert replay(model, np.zeros_like(x), y, verbose=0).culprit is None


def test_the_sum_of_branches_can_overflow_where_none_of_them_does() -> None:
    inputs = keras.Input((4,))
    shared = L.Dense(1, name="shared")(inputs)
    model = keras.Model(inputs, L.Concatenate()([L.Rescaling(1.0)(shared), L.Rescaling(1.0)(shared)]))
    model.compile("sgd", lambda y_true, y_pred: tf.reduce_sum(y_pred) * 3e38)
    model.get_layer("shared").kernel.assign(np.full((4, 1), 1e-3))
    found = culprit(model)
    assert (found.direction, found.operation, found.tensor) == ("backward", "shared", "gradient of output")
    assert [value.range.maximum for value in found.inputs] == pytest.approx([3e38, 3e38])


def test_a_loss_that_overflows() -> None:
    found = culprit(chain(L.Dense(1)), *[a * np.float32(s) for a, s in zip(data(), (1, 1e25), strict=True)])
    assert (found.direction, found.operation, found.tensor) == ("loss", "loss", "output")
    assert {value.name for value in found.inputs} >= {"input", "target"}


def test_an_update_that_overflows() -> None:
    found = culprit(chain(L.Dense(1, name="only"), optimizer=keras.optimizers.SGD(1e39)))
    assert (found.direction, found.operation) == ("update", "only")
    assert found.tensor == "weight kernel"
    assert [value.name for value in found.inputs] == ["weight kernel", "gradient of kernel"]


def test_code_between_layers_of_the_users() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = L.Dense(4, name="first"), L.Dense(1, name="second")

        def call(self, inputs: Any) -> Any:
            return self.second(tf.math.log(tf.nn.relu(self.first(inputs))))

    model = Net()
    model(data()[0])
    model.compile("sgd", "mse")
    found = culprit(model)
    assert (found.direction, found.kind, found.operation) == ("forward", "glue", "before second (Relu, Log)")
    assert found.detail is not None
    assert found.detail.startswith("Log of 0 … ")


def test_gradients_that_overflow_under_a_loss_scale_are_no_breakdown() -> None:
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=3e38)
    x, y = data()
    step = replay(chain(L.Dense(1), optimizer=optimizer), x, y * 100, verbose=0)
    assert step.is_loss_scaled
    assert step.culprit is None
    assert "skips this step" in str(step)


def test_statistics_that_overflow_while_the_loss_is_finite() -> None:
    model = chain(L.Dense(3, name="first"), L.BatchNormalization(name="norm"), L.Dense(1))
    model.get_layer("first").kernel.assign(np.full((4, 3), 1e19))
    found = replay(model, *data(), verbose=0)
    bad = [value.name for operation in found.operations for value in operation.state if not value.is_finite]
    assert found.culprit is not None
    assert found.culprit.operation == "norm"
    assert bad == ["state moving_variance"]


def test_as_plain_data_for_a_trace() -> None:
    model = chain(L.Dense(3, name="first"), L.Dense(1, name="second"))
    model.get_layer("first").kernel.assign(np.full((4, 3), 3e38))
    step: Step = replay(model, *data(), verbose=0)
    assert step.culprit is not None
    plain = breakdown_of(step, step.culprit, 12, 3)
    assert (plain.step, plain.epoch, plain.direction, plain.layer, plain.exact) == (12, 3, "forward", 0, True)
    assert [point.operation for point in plain.trail] == ["first", "second", "loss"]
    assert plain.trail[0].broken
    assert plain.value.infinite + plain.value.nan > 0
