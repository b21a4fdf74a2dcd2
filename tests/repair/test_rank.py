"""Verdicts and order."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from dlfix.diagnose.findings import ReferenceScores
from dlfix.repair.patch import TrialState, Verdict
from dlfix.repair.rank import Evidence, goal, interval, pair, rank, sampling_error
from trial_fakes import patch, trial

BASELINE = tuple(trial(0.1, key=None, seed=seed) for seed in range(3))
REFERENCE = ReferenceScores(0.0, 0.8, 0.9, "trees", "accuracy", 10_000)


def evidence(name, *skills, fraction=1.0, epochs=10, kind=None, rule=""):
    trials = tuple(
        trial(skill, key=name, seed=seed, fraction=fraction, epochs=epochs) for seed, skill in enumerate(skills)
    )
    return Evidence(patch(name, kind=kind, rule=rule), trials, frozenset(name.split("+")))


def verdict(*skills, baseline=BASELINE, reference=REFERENCE):
    (suggestion,) = rank([evidence("p", *skills)], baseline, reference)
    return suggestion.verdict


@pytest.mark.parametrize(
    ("skills", "expected"),
    [
        pytest.param((0.9, 0.9, 0.9), Verdict.FIXED, id="as good as the reference"),
        pytest.param((0.85, 0.84, 0.86), Verdict.FIXED, id="within a tenth of the reference"),
        pytest.param((0.5, 0.52, 0.51), Verdict.IMPROVED, id="better, not good"),
        pytest.param((0.11, 0.11, 0.11), Verdict.NO_CHANGE, id="a gain not worth an edit"),
        pytest.param((0.9, 0.1, 0.1), Verdict.NO_CHANGE, id="one lucky seed"),
        pytest.param((-0.5, -0.5, -0.6), Verdict.WORSE, id="worse"),
        pytest.param((0.9,), Verdict.UNTESTED, id="promising, not repeated"),
        pytest.param((0.9, 0.9), Verdict.UNTESTED, id="two seeds prove nothing"),
        pytest.param((0.1,), Verdict.NO_CHANGE, id="nothing with the first seed"),
        pytest.param((-0.5,), Verdict.WORSE, id="worse with the first seed"),
        pytest.param((TrialState.CRASHED,), Verdict.FAILED, id="crashed"),
        pytest.param((TrialState.TIMED_OUT,), Verdict.FAILED, id="timed out"),
        pytest.param((TrialState.DIVERGED,) * 3, Verdict.FAILED, id="diverged"),
        pytest.param((TrialState.PRUNED,), Verdict.UNTESTED, id="cancelled"),
        pytest.param((0.9, 0.9, TrialState.DIVERGED), Verdict.NO_CHANGE, id="diverges with one seed in three"),
    ],
)
def test_verdicts(skills, expected):
    assert verdict(*skills) is expected


def test_nan_never_wins():
    suggestions = rank([evidence("nan", math.nan, math.nan, math.nan), evidence("good", 0.9, 0.9, 0.9)], BASELINE, None)
    assert [one.patch.key for one in suggestions] == ["good", "nan"]
    assert suggestions[1].verdict not in (Verdict.FIXED, Verdict.IMPROVED)


def test_a_crashed_baseline_is_at_the_floor():
    baseline = [trial(TrialState.CRASHED, key=None, seed=seed) for seed in range(3)]
    assert verdict(0.9, 0.9, 0.9, baseline=baseline) is Verdict.FIXED


def test_a_baseline_that_was_cut_off_compares_with_nothing():
    baseline = [trial(TrialState.TIMED_OUT, key=None, seed=seed) for seed in range(3)]
    assert verdict(0.9, 0.9, 0.9, baseline=baseline) is Verdict.UNTESTED


def test_pairs_are_of_the_same_seed_and_share_of_the_schedule():
    baseline = [*BASELINE, trial(0.0, key=None, seed=0, fraction=0.25)]
    short = evidence("p", 0.5, fraction=0.25)
    paired = pair(baseline, short.trials)
    assert (paired.seeds, paired.baseline, paired.patched) == ((0,), (0.0,), (0.5,))
    assert pair(baseline, [*short.trials, trial(0.7, seed=2)]).seeds == (2,)


def test_interval_against_a_table():
    """Student's 95 % quantile for 2 degrees of freedom is 2.920; the standard error of 1, 2, 3 is 1/sqrt(3)."""
    low, high = interval([1.0, 2.0, 3.0])
    assert (low, high) == (pytest.approx(2 - 2.920 / math.sqrt(3)), pytest.approx(2 + 2.920 / math.sqrt(3)))
    assert interval([0.4]) is None


def test_goal():
    assert goal(None) == 0.95
    assert goal(ReferenceScores(0.0, 1.0, 1.0, "trees", "accuracy", 10_000)) <= 0.95
    assert goal(REFERENCE) == pytest.approx(0.81)
    assert goal(ReferenceScores(0.0, 0.5, 0.5, "trees", "r2", 20)) < 0.45  # 20 rows say little


def names(*pieces, baseline=BASELINE):
    return [one.patch.key for one in rank(pieces, baseline, REFERENCE)]


def test_verdict_comes_before_gain_and_gain_before_support():
    pieces = [evidence("some", 0.5, 0.5, 0.5), evidence("lucky", 1.0, 0.2, 0.0), evidence("best", 0.9, 0.9, 0.9)]
    assert names(*pieces) == ["best", "some", "lucky"]


def test_of_patches_that_tie_one_that_fails_with_a_seed_stands_behind():
    baseline = [trial(0.1, key=None, seed=seed) for seed in range(6)]
    unsteady = evidence("a", 0.9, 0.9, 0.9, 0.9, 0.9, 0.35, kind="x")
    steady = evidence("b+c", 0.83, 0.84, 0.85, kind="y")
    ranked = rank([unsteady, steady], baseline, ReferenceScores(0.0, 0.4, 0.5, "trees", "accuracy", 10_000))
    assert [(one.patch.key, one.verdict) for one in ranked] == [("b+c", Verdict.FIXED), ("a", Verdict.FIXED)]


def test_of_patches_that_tie_one_tried_with_the_seed_that_others_fail_with_stands_first():
    baseline = [trial(0.1, key=None, seed=seed) for seed in range(6)]
    failing = evidence("a", 0.9, 0.9, 0.9, 0.9, 0.9, 0.35, kind="x")
    tried = evidence("b+c", 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, kind="y")
    untried = evidence("d", 0.9, 0.9, 0.9, kind="z")
    ranked = rank([failing, untried, tried], baseline, ReferenceScores(0.0, 0.4, 0.5, "trees", "accuracy", 10_000))
    assert [one.patch.key for one in ranked] == ["b+c", "d", "a"]
    assert names(untried, tried) == ["d", "b+c"]


def test_ties_go_to_fewer_edits_then_fewer_epochs_then_rules():
    more = evidence("x+y", 0.9, 0.9, 0.91)
    long = evidence("long", 0.9, 0.9, 0.9, epochs=50)
    assert names(more, long, evidence("z", 0.9, 0.9, 0.9), evidence("a", 0.9, 0.9, 0.9)) == ["a", "z", "long", "x+y"]


def test_a_better_composition_replaces_its_parts():
    pieces = [evidence("x", 0.4, 0.4, 0.4), evidence("y", 0.1, 0.1, 0.1), evidence("x+y", 0.9, 0.9, 0.9)]
    assert names(*pieces) == ["x+y"]


def test_a_composition_no_better_does_not():
    assert names(evidence("x", 0.9, 0.9, 0.9), evidence("x+y", 0.9, 0.9, 0.9)) == ["x", "x+y"]


def test_variants_of_a_hypothesis_follow_other_hypotheses():
    first = evidence("a", 0.9, 0.9, 0.9, kind="lr")
    variant = evidence("b", 0.88, 0.88, 0.88, kind="lr")
    variant = Evidence(
        patch("b", kind="lr").__class__(**{**vars(variant.patch), "edits": first.patch.edits}),
        variant.trials,
        variant.parts,
    )
    other = evidence("c", 0.85, 0.85, 0.85, kind="loss")
    assert names(variant, other, first) == ["a", "c", "b"]


def test_ranks_count_from_one():
    suggestions = rank([evidence("a", 0.9, 0.9, 0.9), evidence("b", 0.1)], BASELINE, REFERENCE)
    assert [one.rank for one in suggestions] == [1, 2]


def test_rows_that_are_learned_by_heart_have_no_sampling_error():
    few = replace(trial(0.5, rows=4), split="training")
    assert sampling_error(few) == 0.0
    assert sampling_error(replace(few, split="holdout")) > 0.1
    assert sampling_error(replace(trial(0.5, rows=400), split="training")) > 0.0
