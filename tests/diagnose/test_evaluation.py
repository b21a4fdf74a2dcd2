"""Evaluation of models: a stand-in for Keras shows what is called and what comes out."""

from __future__ import annotations

import functools

import numpy as np
from dlfix.diagnose.evaluation import evaluate_model, is_constant, outputs_are_logits, predict
from dlfix.diagnose.findings import Task

BINARY = Task("binary", 2, "zero_one", 1.0)
REAL = Task("regression", None, "real", 1.0)


class Model:
    """Predicts its input, and remembers the size of each batch."""

    def __init__(self, function=lambda x: x, input_shape=(None, 1), **attributes):
        self.function, self.input_shape, self.batches = function, input_shape, []
        self.__dict__.update(attributes)

    def predict_on_batch(self, x):
        first = next(iter(x.values())) if isinstance(x, dict) else x[0] if isinstance(x, list) else x
        self.batches.append(len(first))
        return self.function(x)


def test_facts_of_an_evaluation():
    x = np.array([[0.1], [0.9]] * 20)
    facts = evaluate_model(Model(), x, np.array([0, 1] * 20), BINARY, "holdout")
    assert facts["skill"] == 1.0
    assert facts["split"] == "holdout"
    assert (facts["prediction_min"], facts["prediction_max"]) == (0.1, 0.9)
    assert not facts["constant"]


def test_a_model_that_ignores_its_input_is_constant():
    model = Model(lambda x: np.ones((len(x), 1)))
    assert evaluate_model(model, np.arange(40.0)[:, None], np.array([0, 1] * 20), BINARY, "training")["constant"]
    assert is_constant(np.full((5, 2), [1.0, 2.0]))
    assert not is_constant(np.array([[1.0], [1.001]]))


def test_batches_cover_all_rows_in_order():
    model, x = Model(), np.arange(600.0)[:, None]
    assert np.array_equal(predict(model, x), x)
    assert model.batches == [256, 256, 88]


def test_a_fixed_batch_size_is_kept():
    model, x = Model(input_shape=(32, 1)), np.arange(70.0)[:, None]
    assert np.array_equal(predict(model, x), x)
    assert model.batches == [32, 32, 32]


def test_several_outputs_in_the_order_of_their_names():
    good = np.array([0.0, 1.0] * 20)
    model = Model(lambda x: {"b": -x["in"], "a": x["in"]}, {"in": (None, 1)}, output_names=["b", "a"])
    facts = evaluate_model(model, {"in": good[:, None]}, [-good, good], [REAL, BINARY], "validation")
    assert facts["skill"] == 1.0


def test_no_rows_no_evaluation():
    assert evaluate_model(Model(), np.zeros((0, 1)), np.zeros(0), BINARY, "holdout") == {}


class Loss:
    def __init__(self, from_logits):
        self._fn_kwargs = {"from_logits": from_logits}


class Layer:
    def __init__(self, activation):
        self.activation = activation


class Tensor:
    def __init__(self, layer):
        self._keras_history = type("History", (), {"operation": layer})()


def test_logits_are_what_the_loss_takes_for_logits_unless_squashed():
    def sigmoid():
        """Stands for Keras's function; only its name counts."""

    def linear():
        """Likewise."""

    def model(loss, activation):
        return Model(loss=loss, output_names=["out"], outputs=[Tensor(Layer(activation))])

    assert outputs_are_logits(model(Loss(True), linear)) == (True,)
    assert outputs_are_logits(model(Loss(True), sigmoid)) == (False,)
    assert outputs_are_logits(model(Loss(False), linear)) == (False,)
    assert outputs_are_logits(model("binary_crossentropy", linear)) == (False,)
    assert outputs_are_logits(model(functools.partial(print, from_logits=True), linear)) == (True,)
