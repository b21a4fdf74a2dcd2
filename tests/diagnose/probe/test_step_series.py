"""What is recorded of each sampled step against the same, computed slowly by hand from the weights around the step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dlfix.diagnose.trace import STEP_SERIES, FitTrace, Statistics

from tests.traces import statistics

pytestmark = pytest.mark.slow

ROWS = 48
BATCH = 12


def data(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(ROWS, *shape)).astype("float32")
    return x, (x.reshape(ROWS, -1).sum(1) > 0).astype("float32")


def watched(model: Any, x: Any, y: Any, **more: Any) -> FitTrace:
    from dlfix.diagnose.probe.callback import Localizer

    localizer = Localizer(verbose=0)
    callbacks = [*more.pop("callbacks", []), localizer]
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks, **more)
    assert localizer.notes == ()
    assert localizer.trace is not None
    return localizer.trace.fits[0]


class Around:
    """The values of a model's variables before and after each step of one epoch."""

    def __init__(self) -> None:
        self.values: list[list[np.ndarray]] = []

    def callback(self) -> Any:
        import keras

        note = self.note

        class Callback(keras.callbacks.Callback):  # type: ignore[misc]
            def on_train_begin(self, logs: Any = None) -> None:
                note(self.model)

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                note(self.model)

        return Callback()

    def note(self, model: Any) -> None:
        self.values.append([v.numpy() for v in model.variables])


def restore(model: Any, values: list[np.ndarray]) -> None:
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)


def objective(model: Any, batch: tuple[Any, Any, Any]) -> tuple[float, list[np.ndarray], float]:
    """Loss with penalties, gradients and penalties as the model's own step sees them, eagerly; the state moves on."""
    import tensorflow as tf

    x, y, weight = batch
    with tf.GradientTape() as tape:
        predicted = model(x, training=True)
        loss = model.compute_loss(x, y, predicted, weight)
        penalty = sum((float(one) for one in model.losses), 0.0)
    gradients = [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, model.trainable_variables)]
    return float(loss), gradients, penalty


def expected(model: Any, before: list[np.ndarray], after: list[np.ndarray], batch: Any) -> dict[str, float]:
    """The series of one step: from the state before it with the weights before it, then with those after it."""
    restore(model, before)
    weights = [v.numpy() for v in model.trainable_variables]
    loss_before, gradients, penalty = objective(model, batch)
    restore(model, after)
    changed = [v.numpy() for v in model.trainable_variables]
    restore(model, before)  # the state (dropout masks) of before …
    for variable, value in zip(model.trainable_variables, changed, strict=True):
        variable.assign(value)  # … with the weights of after
    loss_after, _, _ = objective(model, batch)
    change = sum(
        float(np.sum(g.astype(np.float64) * (new - old)))
        for g, old, new in zip(gradients, weights, changed, strict=True)
    )
    return {"loss_before": loss_before, "loss_after": loss_after, "predicted_change": change, "penalty": penalty}


def dropout_and_penalties(keras: Any) -> tuple[Any, Any, Any]:
    layers = keras.layers
    first = layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L2(0.05))
    second = layers.Dense(8, "tanh", activity_regularizer=keras.regularizers.L1(0.01))
    model = keras.Sequential(
        [keras.Input((6,)), first, layers.Dropout(0.4), second, layers.GaussianNoise(0.1), layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.SGD(0.3, momentum=0.9), "binary_crossentropy")
    return model, *data(6)


def batch_normalization(keras: Any) -> tuple[Any, Any, Any]:
    layers = keras.layers
    parts = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), layers.Dropout(0.2)]
    model = keras.Sequential([keras.Input((6, 6, 1)), *parts, layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01, clipnorm=0.5), "binary_crossentropy")
    return model, *data(6, 6, 1)


def several_outputs(keras: Any) -> tuple[Any, Any, Any]:
    layers = keras.layers
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, "relu")(inputs)
    outputs = [layers.Dense(1, name="amount")(hidden), layers.Dense(1, "sigmoid", name="kind")(hidden)]
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.RMSprop(0.01), ["mse", "binary_crossentropy"], loss_weights=[0.3, 2.0])
    x, y = data(6)
    return model, x, [x.sum(1), y]


def embedding(keras: Any) -> tuple[Any, Any, Any]:
    layers = keras.layers
    parts = [layers.Embedding(20, 4, mask_zero=True), layers.LSTM(6, dropout=0.2), layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((5,)), *parts])
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    ids = np.random.default_rng(0).integers(0, 20, (ROWS, 5))
    return model, ids, ids[:, 0] % 3


def half_precision(keras: Any) -> tuple[Any, Any, Any]:
    layers = keras.layers
    parts = [layers.Dense(16, "relu", dtype="mixed_bfloat16"), layers.Dropout(0.2, dtype="mixed_bfloat16")]
    model = keras.Sequential([keras.Input((6,)), *parts, layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, *data(6)


def subclassed(keras: Any) -> tuple[Any, Any, Any]:
    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.hidden = keras.layers.Dense(8, "relu")
            self.head = keras.layers.Dense(1, "sigmoid")

        def call(self, x: Any, training: bool = False) -> Any:
            hidden = self.hidden(x)
            self.add_loss(0.1 * keras.ops.mean(hidden**2))
            return self.head(hidden)

    model = Net()
    model(np.zeros((1, 6), "float32"))
    model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
    return model, *data(6)


UNWEIGHTED = [dropout_and_penalties, batch_normalization, several_outputs, half_precision, subclassed]
CASES = [*((make, False) for make in UNWEIGHTED), (embedding, True), (dropout_and_penalties, True)]


@pytest.mark.parametrize(("make", "weighted"), CASES)
def test_losses_around_a_step(make: Callable[..., Any], weighted: bool) -> None:
    import keras

    keras.utils.set_random_seed(2)
    model, x, y = make(keras)
    several = isinstance(y, list)
    weight = np.linspace(0.2, 3, ROWS).astype("float32") if weighted and not several else None
    around = Around()
    fit = watched(model, x, y, epochs=1, sample_weight=weight, callbacks=[around.callback()])
    found = fit.statistics
    assert list(found.steps) == [0, 1, 2, 3]
    for step in range(4):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        targets = [one[rows, None] for one in y] if several else _column(y[rows])
        batch = (x[rows], targets, None if weight is None else weight[rows, None])
        wanted = expected(model, around.values[step], around.values[step + 1], batch)
        loose = make is half_precision
        for name, value in wanted.items():
            measured = getattr(found, name)[step]
            assert measured == pytest.approx(value, rel=2e-2 if loose else 1e-3, abs=1e-5), (step, name)


def _column(y: np.ndarray) -> np.ndarray:
    return y[:, None] if y.dtype.kind == "f" else y


def test_penalty_is_zero_without_any() -> None:
    import keras

    model, x, y = several_outputs(keras)
    np.testing.assert_array_equal(watched(model, x, y).statistics.penalty, 0.0)


def test_gain_ratio_of_a_quadratic() -> None:
    """On a quadratic with curvature c, gradient descent with rate r has the gain ratio 1 - c r / 2."""
    import keras

    x = np.ones((ROWS, 1), "float32")
    for rate, ratio in ((0.1, 0.9), (0.5, 0.5), (1.5, -0.5)):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        found = watched(model, x, 100 * x[:, 0]).statistics
        gain = (found.loss_after[0] - found.loss_before[0]) / found.predicted_change[0]
        assert gain == pytest.approx(ratio, abs=1e-3)
        curvature = 2 * (found.loss_after - found.loss_before - found.predicted_change)
        change = found.layers["update_norm"][0, 0]
        assert curvature[0] / change**2 == pytest.approx(2.0, rel=1e-3)


def test_learning_rate_of_schedules_and_callbacks() -> None:
    import keras

    def rates(rate: Any, **more: Any) -> list[float]:
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        return list(watched(model, *data(6), epochs=2, **more).statistics.learning_rate[:5])

    assert rates(0.25) == [0.25] * 5
    halving = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    assert rates(halving) == [1.0, 0.5, 0.25, 0.125, 0.0625]
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))
    assert rates(0.1, callbacks=[scheduler]) == [0.5] * 4 + [0.25]


def test_what_cannot_be_told_is_unknown() -> None:
    import keras
    import tensorflow as tf

    class Noise(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x + tf.random.normal(tf.shape(x))

    model = keras.Sequential([keras.Input((6,)), Noise(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    found = watched(model, *data(6)).statistics
    assert np.isnan(found.loss_after).all()
    assert np.isfinite(found.loss_before).all()
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=2)
    found = watched(model, *data(6)).statistics
    assert np.isnan([*found.loss_after, *found.predicted_change]).all()
    assert np.isfinite([*found.loss_before, *found.learning_rate]).all()


def test_an_older_trace_has_no_series() -> None:
    made = statistics(2)
    older = Statistics(made.steps, made.epochs, made.layers, made.gradient_norm, made.loss_steps, made.loss)
    for name in STEP_SERIES:
        assert getattr(older, name).shape == made.steps.shape
        assert np.isnan(getattr(older, name)).all()
