"""Merging epochs: the same batches and as many updates, or no merging at all."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from dlfix.repair.trials.merged_epochs import merge_epochs, restore_history, spread_over

pytestmark = pytest.mark.slow

FIT = {
    "x": np.arange(10.0).reshape(10, 1),
    "y": np.arange(10),
    "sample_weight": None,
    "class_weight": None,
    "batch_size": 4,
    "epochs": 100,
    "initial_epoch": 0,
    "steps_per_epoch": None,
    "validation_split": 0.0,
    "validation_data": None,
    "validation_steps": None,
    "validation_batch_size": None,
    "validation_freq": 1,
    "shuffle": True,
}
MODEL = SimpleNamespace(run_eagerly=False)


def merged(own=100, **changes):
    return merge_epochs(MODEL, {**FIT, **changes}, None, own)


def test_as_many_updates_over_the_same_batches():
    found = merged()
    assert (found.rounds, found.arguments["epochs"], found.arguments["steps_per_epoch"]) == (5, 20, 15)
    batches = [y.numpy() for _, y in found.arguments["x"].take(6)]
    assert [len(batch) for batch in batches] == [4, 4, 2] * 2
    first, second = (np.concatenate(batches[start : start + 3]) for start in (0, 3))
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)


@pytest.mark.parametrize(("epochs", "left"), [(4, 2), (20, 5), (60, 15), (80, 20), (1000, 20)])
def test_a_share_of_a_long_schedule_is_merged_alike(epochs, left):
    found = merged(own=1000, epochs=epochs)
    assert (found.arguments["epochs"], found.rounds * left) == (left, epochs)


def test_rows_keep_their_order_where_the_script_says_so():
    batches = [y.numpy() for _, y in merged(shuffle=False).arguments["x"].take(3)]
    assert list(np.concatenate(batches)) == list(range(10))


def test_the_last_rows_are_for_validation_as_keras_takes_them():
    found = merged(validation_split=0.2)
    assert found.arguments["validation_split"] == 0.0
    assert list(found.arguments["validation_data"][1]) == [8, 9]
    assert max(int(y.numpy().max()) for _, y in found.arguments["x"].take(4)) == 7


def test_several_inputs_and_weights_stay_together():
    found = merged(x={"a": FIT["x"], "b": FIT["x"] + 1}, sample_weight=np.arange(10.0))
    x, y, weight = next(iter(found.arguments["x"]))
    np.testing.assert_allclose(x["b"][:, 0] - 1, y)
    np.testing.assert_allclose(weight, y)


@pytest.mark.parametrize(
    "changes",
    [
        {"own": 39, "epochs": 39},
        {"epochs": 3},
        {"steps_per_epoch": 2},
        {"initial_epoch": 3},
        {"shuffle": "batch"},
        {"y": None},
        {"x": np.array(["a"] * 10)},
        {"x": iter([])},
        {"batch_size": 1, "x": np.zeros((60, 1)), "y": np.zeros(60)},
        {"y": np.arange(9)},
        {"sample_weight": np.array(["heavy"] * 10)},
        {"sample_weight": np.ones(10), "class_weight": {0: 2.0}},
        {"y": np.zeros((10, 3, 1), dtype=int), "class_weight": {0: 2.0}},
    ],
)
def test_what_cannot_be_merged_is_left_alone(changes):
    assert merged(**changes) is None


def test_steps_that_run_many_at_once_are_left_alone():
    assert merge_epochs(SimpleNamespace(run_eagerly=False, steps_per_execution=8), FIT, None, 100) is None


@pytest.mark.parametrize(
    "labels", [np.arange(10) % 3, np.eye(3)[np.arange(10) % 3], (np.arange(10) % 3)[:, None] + 0.0]
)
def test_class_weights_are_those_of_keras_for_arrays(labels):
    """A class without a weight counts 1, also where it comes behind all that have one."""
    found = merged(y=labels, class_weight={0: 2.0, 1: 3.0}, shuffle=False, validation_split=0.2)
    _, _, weights = next(iter(found.arguments["x"]))
    assert list(weights.numpy()) == [2.0, 3.0, 1.0, 2.0]
    assert found.arguments["class_weight"] is None
    assert len(found.arguments["validation_data"]) == 2


def test_the_size_of_batches_is_known_where_all_are_full():
    sizes = [merged(batch_size=size).arguments["x"].element_spec[0].shape[0] for size in (5, 4)]
    assert sizes == [5, None]


def test_callbacks_of_the_script_hear_of_every_epoch():
    assert merge_epochs(MODEL, FIT, [object()], 100) is None


def test_each_epoch_has_its_entry():
    assert spread_over([1.0, 2.0], 3, 7) == [1.0] * 3 + [2.0] * 3 + [2.0]
    assert spread_over([1.0], 3, 7) == [1.0] * 3  # stopped early


def test_a_history_that_stopped_early_is_as_long_as_its_entries():
    history = SimpleNamespace(epoch=[0, 1], history={"loss": [1.0, 0.5], "f1": [[0.1, 0.2], [0.3, 0.4]]})
    restore_history(history, 3, 60)
    assert history.epoch == list(range(6))
    assert history.history["loss"] == [1.0] * 3 + [0.5] * 3
    assert history.history["f1"] == [[0.1, 0.2]] * 3 + [[0.3, 0.4]] * 3
