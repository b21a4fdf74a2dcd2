"""Random repair: what is drawn, how the best is chosen, and one search for real."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from dlfix.diagnose.task import array_facts
from dlfix.diagnose.trace import LossFacts, Trace
from dlfix.knowledge_base import load_knowledge
from dlfix.repair.patch import TrialState
from dlfix.repair.patching import SourceFiles
from dlfix.repair.search import SearchSettings
from dlfix.repair.trials.pool import Schedule
from facts_from_source import fit_from_source
from trial_fakes import FakeRunner, patch

from benchmarks.run.random_repair import CANDIDATES, MOST_ANSWERS, Hat, best_of, random_repair, search_among

PROGRAM = """\
import keras

model = keras.Sequential([
    keras.layers.Dense(16, activation="sigmoid"),
    keras.layers.Dropout(0.5),
    keras.layers.Dense(1, activation="softmax"),
])
model.compile(optimizer="sgd", loss="mean_squared_error")
model.fit(x, y, epochs=5)
"""


@pytest.fixture(scope="module")
def hat():
    x, y = np.random.default_rng(0).normal(size=(64, 4)), np.arange(64) % 2
    fit = fit_from_source(PROGRAM, x=x, y=y)
    layers = tuple(replace(layer, parameters=0 if layer.class_name == "Dropout" else 8) for layer in fit.model.layers)
    fit = replace(
        fit,
        model=replace(fit.model, layers=layers),
        compile=replace(fit.compile, losses=(LossFacts("mean_squared_error", site=fit.compile.site),)),
        data=replace(fit.data, inputs=(array_facts("x", x),), targets=(array_facts("y", y),)),
    )
    trace = Trace("/p/train.py", "/p", (), "completed", 1.0, (fit,))
    return Hat(load_knowledge(), trace, 0, SourceFiles.from_texts({"train.py": PROGRAM}), "train.py")


def test_candidates_are_different_patches_of_one_to_three_answers(hat):
    drawn = list(hat.draw(random.Random(1)))
    assert len(drawn) == CANDIDATES
    assert len({one.key for one in drawn}) == CANDIDATES
    assert {len(one.rules) for one in drawn} == set(range(1, MOST_ANSWERS + 1))
    for one in drawn:
        (change,) = one.files
        compile(change.after, "train.py", "exec")
        assert change.after != PROGRAM.encode()


def test_the_seed_decides_what_is_drawn(hat):
    first, again, other = ([one.key for one in hat.draw(random.Random(seed), 10)] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_rules_are_drawn_whatever_their_conditions_and_the_diagnosis_say(hat):
    rules = {rule for one in hat.draw(random.Random(3), 200) for rule in one.rules}
    assert "sigmoid-for-binary-output" in rules
    assert "linear-for-regression-output" in rules  # of a classifier
    assert "momentum-for-plain-sgd" in rules
    # There is nothing to remove, and what a diagnosis measures is not known.
    assert "default-kernel-initializer" not in rules
    assert "measured-learning-rate" not in rules
    assert not any(rule.applicability == "display-only" for rule in hat.rules)
    assert not any(rule.needs for rule in hat.rules)


def test_drawing_ends_when_nothing_new_comes(hat):
    alone = replace(hat.knowledge, rules=(hat.knowledge.by_id["ten-times-the-epochs"],))
    one_rule = Hat(alone, hat.trace, 0, hat.sources, "train.py")
    assert [one.rules for one in one_rule.draw(random.Random(0))] == [("ten-times-the-epochs",)]


def found(skills, *, seconds=60.0):
    """Search patches whose skill is given by name, the unpatched script having none."""
    runner = FakeRunner(lambda parts, seed: skills[next(iter(parts))] if parts else 0.0)
    settings = SearchSettings(seconds=seconds, schedule=Schedule(10, 1.0, 1.0))
    outcome = search_among([patch(name) for name in skills], runner, settings, clock=runner.clock)
    return best_of(outcome, PurePosixPath()), runner


def test_the_best_is_proven_over_the_seeds_of_a_suggestion():
    best, runner = found({"a": 0.2, "b": 0.7, "c": TrialState.CRASHED, "d": 0.4})
    assert (best.title, best.verdict, best.edits, best.tried) == ("b", "improved", 1, 4)
    # The three of a proof, and as trials are quick, three more.
    assert {request.seed for request in runner.requests if request.key == "b"} == set(range(6))
    assert {request.key for request in runner.requests} == {None, "a", "b", "c", "d"}  # nothing is combined
    assert best.trial_seconds == pytest.approx(2.0 * len(runner.requests))


def test_what_does_harm_is_not_offered():
    best, _ = found({"a": -0.5, "b": TrialState.CRASHED})
    assert (best.patch, best.files, best.verdict, best.tried) == (None, {}, "none", 2)
    assert best.title == "No candidate does any good."


def test_without_candidates_there_is_nothing_to_try():
    best, _ = found({})
    assert (best.patch, best.tried) == (None, 0)


@pytest.mark.slow
def test_a_real_script_is_repaired_by_chance_and_left_as_it_is(tmp_path, monkeypatch):
    source = """
import numpy as np
import keras

rows = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
labels = (rows[:, 0] > 0).astype("float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="softmax")])
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.5), loss="binary_crossentropy")
model.fit(rows, labels, epochs=3, batch_size=10, verbose=0)
"""
    script = tmp_path / "train.py"
    script.write_text(source)
    monkeypatch.chdir(tmp_path)
    best = random_repair(script, 60.0, 0, 1)
    assert script.read_text() == source
    assert [path.name for path in Path.cwd().iterdir()] == ["train.py"]
    assert best.tried >= 1  # on a busy machine there is time for no more
    assert best.trial_seconds > 0
    assert best.verdict in ("fixed", "improved", "untested", "no change")
    assert set(best.files) == {"train.py"}
    assert best.files["train.py"] != source
    assert best.patch.startswith("--- a/train.py")
