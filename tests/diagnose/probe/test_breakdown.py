"""Trainings that break numerically under the probe: the step is found, and training itself is not changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from dlfix.diagnose.probe import checkpoints
from dlfix.diagnose.probe.callback import Localizer
from dlfix.diagnose.trace import Breakdown
from keras import layers as L

pytestmark = pytest.mark.slow

ROWS, BATCH = 160, 16


class Late(L.Layer):  # type: ignore[misc]
    """Overflows forward or backward at one step of training."""

    def __init__(self, at: int, backward: bool = False) -> None:
        super().__init__(name="late")
        self.at, self.backward = at, backward
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, inputs: Any, training: Any = None) -> Any:
        if training:
            self.count.assign(self.count + 1.0)
        hit = tf.equal(tf.convert_to_tensor(self.count.value), self.at + 1.0)
        factor = tf.where(hit, 1e30, 1.0)
        if not self.backward:
            return inputs * factor * factor

        @tf.custom_gradient
        def through(value: Any) -> Any:
            return tf.identity(value), lambda upstream: upstream * factor * factor

        return through(inputs)


def make(at: int, backward: bool = False, **options: Any) -> Any:
    keras.utils.set_random_seed(7)
    layers = [L.Dense(8, name="first"), L.Dropout(0.3), Late(at, backward), L.Dense(1, "sigmoid", name="head")]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile("adam", "binary_crossentropy", jit_compile=False, **options)
    return model


def arrays() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(ROWS, 6)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("float32")


def batches(kind: str) -> dict[str, Any]:
    x, y = arrays()
    if kind == "arrays":
        return {"x": x, "y": y, "batch_size": BATCH}
    if kind == "tf.data":
        return {"x": tf.data.Dataset.from_tensor_slices((x, y)).shuffle(50, seed=3).batch(BATCH)}

    def endless() -> Any:
        generator = np.random.default_rng(1)
        while True:
            rows = generator.integers(0, ROWS, BATCH)
            yield x[rows], y[rows]

    return {"x": endless(), "steps_per_epoch": 10}


def train(model: Any, kind: str = "arrays", epochs: int = 3, **options: Any) -> tuple[Breakdown | None, Localizer]:
    localizer = Localizer(verbose=0)
    model.fit(**batches(kind), epochs=epochs, verbose=0, callbacks=[localizer, *options.pop("callbacks", [])])
    trace = localizer.trace
    assert trace is not None
    return trace.fits[0].breakdown, localizer


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "generator"])
@pytest.mark.parametrize(("at", "backward"), [(0, False), (13, True), (20, False)])
def test_the_step_is_found_however_the_data_come(kind: str, at: int, backward: bool) -> None:
    found, localizer = train(make(at, backward), kind)
    assert found is not None
    assert (found.step, found.epoch, found.exact) == (at, at // 10, True), localizer.notes
    direction = "backward" if backward else "forward"
    assert (found.direction, found.operation, found.layer) == (direction, "late", 2)
    assert [point.operation for point in found.trail] == ["first", found.trail[1].operation, "late", "head", "loss"]
    assert localizer.notes == ()


def test_several_steps_in_one_call() -> None:
    found, _ = train(make(6, steps_per_execution=4))
    assert found is not None
    assert (found.step, found.direction, found.operation) == (6, "forward", "late")


def test_the_layer_of_the_symptom() -> None:
    _, localizer = train(make(5))
    diagnosis = localizer.diagnosis
    assert diagnosis is not None
    symptom = next(s for s in diagnosis.symptoms if s.check == "nonfinite-activation")
    assert symptom.layer is not None
    assert (symptom.layer.index, symptom.details["step"]) == (2, 5)
    assert symptom.text.startswith("Layer 2 (late), forward: output is infinite in Mul of ")
    assert not any(s.check == "nonfinite-gradient" for s in diagnosis.symptoms)


class Passing(L.Layer):  # type: ignore[misc]
    """Adds a loss that is infinite at one step and has no gradient: training goes on as if nothing had been."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, inputs: Any, training: Any = None) -> Any:
        if training:
            self.count.assign(self.count + 1.0)
            hit = tf.equal(tf.convert_to_tensor(self.count.value), self.at + 1.0)
            self.add_loss(tf.where(hit, np.inf, 0.0))
        return inputs


@pytest.mark.parametrize("kind", ["arrays", "tf.data"])
def test_looking_changes_nothing_of_the_training_that_goes_on(kind: str) -> None:
    def run(callbacks: list[Any]) -> list[np.ndarray]:
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((6,)), L.Dense(8), L.BatchNormalization(), L.Dropout(0.3)])
        model.add(Passing(14))
        model.add(L.Dense(1, "sigmoid"))
        model.compile("adam", "binary_crossentropy", jit_compile=False)
        model.fit(**batches(kind), epochs=5, verbose=0, callbacks=callbacks)
        return [np.array(v.value) for v in [*model.variables, *model.optimizer.variables]]

    localizer = Localizer(verbose=0)
    plain, watched = run([]), run([localizer])
    assert all(np.array_equal(a, b) for a, b in zip(plain, watched, strict=True))
    assert localizer.trace is not None
    found = localizer.trace.fits[0].breakdown
    assert found is not None
    assert (found.step, found.tensor, found.kind) == (14, "added loss", "Passing")


def test_a_learning_rate_that_a_callback_sets() -> None:
    def rate(epoch: int, _: float) -> float:
        return 1e-3 if epoch < 2 else 1e38

    found, _ = train(make(10_000), callbacks=[keras.callbacks.LearningRateScheduler(rate)], epochs=4)
    assert found is not None
    assert found.step >= 20
    assert found.exact


def test_weights_that_break_while_the_loss_is_sound() -> None:
    class Breaking(keras.constraints.Constraint):  # type: ignore[misc]
        def __call__(self, weight: Any) -> Any:
            return tf.convert_to_tensor(weight) + tf.constant([0.0] * 7 + [np.inf])

    keras.utils.set_random_seed(7)
    parts = [L.Dense(8, "relu", kernel_constraint=Breaking(), name="only"), L.Lambda(lambda t: t[:, :7]), L.Dense(1)]
    model = keras.Sequential([keras.Input((6,)), *parts])
    model.compile("sgd", "binary_crossentropy", jit_compile=False)
    found, _ = train(model, epochs=1)
    assert found is not None
    assert (found.step, found.direction, found.operation, found.tensor) == (0, "update", "only", "weight kernel")


def test_a_state_too_large_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MEMORY_SHARE", 1e-9)
    found, localizer = train(make(13))
    assert found is not None
    assert not found.exact
    assert found.step > 13
    assert any("too large to be kept" in note for note in localizer.notes)


def test_a_step_that_must_not_run_twice_is_not_run_twice() -> None:
    calls: list[int] = []

    def look(value: np.ndarray) -> np.ndarray:
        calls.append(len(value))
        return value

    keras.utils.set_random_seed(7)
    python = L.Lambda(lambda t: tf.ensure_shape(tf.numpy_function(look, [t], tf.float32), [None, 8]))
    model = keras.Sequential([keras.Input((6,)), L.Dense(8), Late(13), python, L.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    _, localizer = train(model, epochs=2)
    assert calls.count(BATCH) == 20  # predictions afterwards come in larger batches
    assert any("cannot be repeated" in note for note in localizer.notes)


def test_an_infinity_that_a_layer_holds_on_purpose() -> None:
    class Masked(L.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            mask = keras.initializers.Constant([0.0] * 7 + [-np.inf])
            self.mask = self.add_weight(shape=(8,), initializer=mask, trainable=False, name="mask")

        def call(self, inputs: Any) -> Any:
            return keras.ops.softmax(inputs + self.mask)

    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((6,)), L.Dense(8), Masked(), L.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    found, localizer = train(model)
    assert found is None
    assert localizer.notes == ()


def test_a_healthy_training_has_none_and_costs_little() -> None:
    watched: list[Any] = []
    original: Callable[..., Any] = checkpoints.Checkpoints.take

    def take(self: Any, *arguments: Any) -> Any:
        watched.append(self)
        return original(self, *arguments)

    checkpoints.Checkpoints.take = take  # type: ignore[method-assign]
    try:
        found, localizer = train(make(10_000), epochs=8)
    finally:
        checkpoints.Checkpoints.take = original  # type: ignore[method-assign]
    assert found is None
    assert localizer.notes == ()
    assert 2 <= len(watched) <= 10
    assert watched[-1].spent < checkpoints.FREE_SECONDS
