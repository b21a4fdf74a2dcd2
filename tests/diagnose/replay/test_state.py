"""Taking and restoring everything that a step may change."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from dlfix.diagnose.replay.state import State, all_variables
from keras import layers as L

pytestmark = pytest.mark.slow


def test_everything_is_found_once_and_put_back() -> None:
    model = keras.Sequential([keras.Input((3,)), L.Dense(2), L.BatchNormalization(), L.Dropout(0.5)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.other = keras.optimizers.Adam()
    model.other.build(model.trainable_variables)
    model.generator = tf.random.Generator.from_seed(3)
    model.plain = {"a": [tf.Variable(1.0)]}
    found = all_variables(model)
    assert len(found) == len({id(v) for v in found})
    known = [*model.variables, *model.optimizer.variables, *model.metrics_variables, *model.other.variables]
    expected = {id(v.value) for v in known} | {id(model.generator.state), id(model.plain["a"][0])}
    assert expected <= {id(v) for v in found}
    state = State.of(found)
    before = [v.numpy().copy() for v in found]
    for variable in found:
        variable.assign(tf.cast(tf.ones_like(variable) * 7, variable.dtype))
    state.restore()
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, found, strict=True))
    assert state.bytes == sum(a.nbytes for a in before)


def test_a_state_is_of_its_moment() -> None:
    variable = tf.Variable([1.0, 2.0])
    state = State.of([variable])
    variable.assign_add([1.0, 1.0])
    np.testing.assert_array_equal(state.values[0].numpy(), [1.0, 2.0])
