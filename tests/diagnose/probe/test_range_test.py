"""The range test on real training, in this process."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def blobs(rows: int = 192) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, rows)
    inputs = generator.normal(size=(rows, 4)) + 2.0 * labels[:, np.newaxis]
    return inputs.astype("float32"), labels.astype("float32")


def tried(model: Any, **options: Any) -> Any:
    import keras
    from dlfix.diagnose.probe.range_test import Ramp, rates_between, train_at_rising_rates
    from dlfix.diagnose.rates import HIGHEST, LOWEST, STEPS

    x, y = blobs()
    ramp = Ramp(rates_between(LOWEST, HIGHEST, STEPS))
    arguments = {"x": x, "y": y, "batch_size": 32, "validation_split": 0.25, **options}
    train_at_rising_rates(keras.Model.fit, model, arguments, ramp)
    return ramp


def network(optimizer: Any, **compiled: Any) -> Any:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile(optimizer, "binary_crossentropy", **compiled)
    return model


def found(ramp: Any) -> Any:
    from dlfix.diagnose.rates import rate_range
    from dlfix.diagnose.trace import RangeTest

    return rate_range(RangeTest(np.asarray(ramp.rates[: len(ramp.losses)]), np.asarray(ramp.losses)))


def test_it_finds_rates_that_learn_whatever_the_rate_of_the_script() -> None:
    import keras

    usual = found(tried(network(keras.optimizers.Adam(1e-7))))
    high = found(tried(network(keras.optimizers.Adam(50.0))))
    assert usual == high
    assert 1e-3 < usual.best < 10


def test_schedules_several_steps_per_call_and_loss_scaling_are_no_obstacle() -> None:
    import keras

    decay = keras.optimizers.schedules.CosineDecay(1e-3, 1000)
    plain = found(tried(network(keras.optimizers.Adam(1e-3))))
    scheduled = found(tried(network(keras.optimizers.Adam(decay), steps_per_execution=4)))
    scaled = found(tried(network(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(decay)))))
    assert plain == scheduled
    assert 1e-3 < scaled.best < 10


def test_callbacks_of_the_script_take_no_part() -> None:
    import keras

    class Loud(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            raise AssertionError("must not be called")

    ramp = tried(network("adam"), callbacks=[Loud()], epochs=2)
    assert len(ramp.losses) > 60
