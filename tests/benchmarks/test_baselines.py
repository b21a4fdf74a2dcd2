"""The baselines on small scripts, run for real."""

from __future__ import annotations

import pytest

from benchmarks.run.baselines import run_baseline
from benchmarks.run.baselines.outcome import Finding, Observation
from benchmarks.run.baselines.process import TOOLS

HEAD = """
import numpy as np
import keras
from keras.layers import Dense

print("a script prints")
open("written.txt", "w").write("a script writes")
rows = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
"""

REGRESSION = (
    HEAD
    + """
targets = rows @ np.array([[1.0], [2.0], [-1.0]], "float32")
model = keras.Sequential([keras.Input((3,)), Dense(6, activation="tanh"), Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
model.fit(rows, targets, epochs=3, batch_size=16, verbose=0)
raise RuntimeError("the plot behind the training fails")
"""
)

SOFTMAX_ON_ONE_UNIT = (
    HEAD
    + """
labels = (rows[:, 0] > 0).astype("float32")

def train(model):
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    for _ in range(3):
        model.fit(rows, labels, 16, 2, 0)

train(keras.Sequential([keras.Input((3,)), Dense(4, activation="relu"), Dense(1, activation="softmax")]))
"""
)

NOT_A_NUMBER = (
    HEAD
    + """
targets = rows @ np.array([[1.0], [2.0], [-1.0]], "float32")
model = keras.Sequential([keras.Input((3,)), Dense(6), Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(1e30), loss="mse")
model.fit(rows, targets, epochs=3, verbose=0)
"""
)

GENERATOR = (
    HEAD
    + """
def batches():
    while True:
        yield rows[:8], rows[:8, :1]

model = keras.Sequential([keras.Input((3,)), Dense(1)])
model.compile("sgd", "mse")
model.fit(batches(), steps_per_epoch=4, epochs=2, verbose=0)
"""
)


@pytest.fixture
def run(tmp_path, capfd):
    """Runs a tool on a script; nothing of the script's may be seen."""

    def run(tool, source):
        script = tmp_path / "train.py"
        script.write_text(source)
        outcome = run_baseline(tool, script, 120, 0)
        assert [path.name for path in tmp_path.iterdir()] == ["train.py"]
        assert "a script prints" not in "".join(capfd.readouterr())
        assert (outcome.tool, outcome.seconds > 0) == (tool, True)
        return outcome

    return run


@pytest.mark.slow
def test_a_training_without_faults_is_not_reported_and_what_fails_behind_it_does_not_matter(run):
    for tool in ("deeplocalize", "terminate_on_nan", "early_stopping_loss"):
        outcome = run(tool, REGRESSION)
        assert (outcome.detected, outcome.layer, outcome.message, outcome.error) == (False, None, "", None), tool


@pytest.mark.slow
def test_accuracy_cannot_be_watched_where_there_is_none(run):
    outcome = run("early_stopping_accuracy", REGRESSION)
    assert (outcome.detected, outcome.error) == (None, "the model is compiled without an accuracy")


@pytest.mark.slow
def test_deeplocalize_names_the_output_that_never_changes(run):
    outcome = run("deeplocalize", SOFTMAX_ON_ONE_UNIT)
    # Four batches per fit: the fifth batch is the first of the second epoch.
    assert (outcome.detected, outcome.layer, outcome.phase) == (True, 1, "forward")
    assert outcome.message == "Batch 0 layer 1: Error in forward"


@pytest.mark.slow
def test_accuracy_that_stands_still_stops_early(run):
    outcome = run("early_stopping_accuracy", SOFTMAX_ON_ONE_UNIT)
    # Every fit has two epochs, so that stopping in the second is no stop before the planned end.
    assert (outcome.detected, outcome.error) == (False, None)
    outcome = run("early_stopping_accuracy", SOFTMAX_ON_ONE_UNIT.replace("16, 2, 0", "16, 3, 0"))
    assert (outcome.detected, outcome.phase, outcome.message) == (
        True,
        "accuracy",
        "Epoch 1: accuracy did not improve",
    )


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_ends_training(run):
    outcome = run("terminate_on_nan", NOT_A_NUMBER)
    assert (outcome.detected, outcome.layer, outcome.phase) == (True, None, "loss")
    outcome = run("deeplocalize", NOT_A_NUMBER)
    assert (outcome.detected, outcome.phase) == (True, "forward")


@pytest.mark.slow
def test_what_a_tool_cannot_run_on_is_said(run):
    outcome = run("deeplocalize", GENERATOR)
    assert outcome.detected is None
    assert outcome.error.startswith("x is of type generator")
    assert run("early_stopping_loss", GENERATOR).detected is not None
    assert run("terminate_on_nan", HEAD).error == "the script trains nothing by fit"
    failed = run("terminate_on_nan", HEAD + "raise ValueError('no data')")
    assert (failed.detected, failed.error) == (None, "ValueError: no data")


def test_unknown_tools_are_refused(tmp_path):
    with pytest.raises(ValueError, match="known are deeplocalize"):
        run_baseline("deepmind", tmp_path / "train.py", 1, 0)


def test_every_tool_has_a_callback():
    callbacks = pytest.importorskip("benchmarks.run.baselines.callbacks")
    assert tuple(callbacks.MAKERS) == TOOLS


def test_an_observation_is_read_as_it_was_written(tmp_path):
    assert Observation.read(tmp_path) == Observation()
    seen = Observation(2, True, "too early", Finding(3, "forward", "Batch 0 layer 3: Error in forward"))
    seen.write(tmp_path)
    assert Observation.read(tmp_path) == seen
