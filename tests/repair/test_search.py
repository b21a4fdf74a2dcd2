"""The search on simulated trials: what it finds, in what order it asks, and that it keeps to its time."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from dlfix.diagnose.findings import ReferenceScores
from dlfix.repair.contenders import Contenders
from dlfix.repair.patch import EditContext, EditRequest, TrialState, Verdict
from dlfix.repair.search import SearchSettings, search
from dlfix.repair.trials.pool import Schedule
from trial_fakes import FakeRunner, compose, patch, trial

REFERENCE = ReferenceScores(0.0, 0.9, 0.9, "trees", "accuracy", 10_000)
PATCHES = [
    patch(name, support=support) for name, support in [("a", 0.9), ("b", 0.8), ("c", 0.3), ("d", 0.2), ("e", 0.1)]
]


def run(runner, *, seconds=1000.0, patches=PATCHES, schedule=None, reference=REFERENCE, second_look=None, **settings):
    schedule = schedule or Schedule(10, runner.fit_seconds, runner.other_seconds)
    return search(
        patches,
        runner=runner,
        compose=settings.pop("compose", compose),
        settings=SearchSettings(seconds=seconds, jobs=runner.jobs, schedule=schedule, **settings),
        reference=reference,
        second_look=second_look,
        clock=runner.clock,
        progress=settings.pop("progress", lambda event: None),
    )


def one_fault(answer):
    return lambda parts, seed: 0.9 if answer in parts else 0.1


def test_a_single_fault():
    outcome = run(FakeRunner(one_fault("b")))
    best = outcome.suggestions[0]
    assert (best.patch.key, best.verdict) == ("b", Verdict.FIXED)
    assert len(best.patched_skill) >= 3
    assert best.interval is not None
    assert len(outcome.baseline) == len(best.patched_skill)


def test_what_does_nothing_is_not_shown_as_help():
    outcome = run(FakeRunner(lambda parts, seed: 0.1))
    assert {one.verdict for one in outcome.suggestions} == {Verdict.NO_CHANGE}


@pytest.mark.parametrize("needed", [{"a", "b"}, {"c", "e"}, {"a", "c", "d"}])
def test_faults_that_hide_each_other(needed):
    """No part helps by itself; pairs help a little when three are needed, as in real programs."""

    def skill(parts, seed):
        missing = len(needed - parts)
        return 0.9 if not missing else 0.4 if missing == 1 and len(needed) == 3 else 0.1

    outcome = run(FakeRunner(skill))
    best = outcome.suggestions[0]
    assert set(best.patch.key.split("+")) == needed
    assert best.verdict is Verdict.FIXED


def test_edits_that_do_not_help_are_dropped():
    runner = FakeRunner(lambda parts, seed: 0.9 if {"a", "b"} <= parts else 0.1)
    patches = [patch(name, support=0.9) for name in "abcd"]
    assert run(runner, patches=patches).suggestions[0].patch.key == "a+b"


def test_the_time_is_kept_and_the_leader_proven():
    runner = FakeRunner(one_fault("b"), fit_seconds=9.0, jobs=2)
    outcome = run(runner, seconds=60.0)
    assert runner.now <= 60.0
    assert outcome.suggestions[0].patch.key == "b"
    assert outcome.suggestions[0].verdict is Verdict.FIXED


def test_no_trial_may_outlive_the_deadline():
    runner = FakeRunner(one_fault("b"), fit_seconds=9.0)
    starts = []
    original = runner.submit

    def submit(request, seconds):
        starts.append((runner.now, seconds))
        return original(request, seconds)

    runner.submit = submit
    run(runner, seconds=100.0)
    assert all(start + seconds <= 100.0 + 1e-6 for start, seconds in starts)


def test_long_schedules_start_short_and_end_long():
    runner = FakeRunner(one_fault("e"), fit_seconds=100.0)
    outcome = run(runner, seconds=1500.0, patches=[patch(f"p{i}", support=0.5) for i in range(11)] + PATCHES[-1:])
    fractions = [request.fraction for request in runner.requests]
    assert fractions[0] < 0.5
    assert max(fractions) > fractions[0]
    assert runner.now <= 1500.0
    assert outcome.suggestions[0].patch.key == "e"
    assert outcome.suggestions[0].verdict is Verdict.FIXED
    assert any(trial.state is TrialState.PRUNED for trial in outcome.trials)
    assert {trial.fraction for trial in outcome.baseline} == {max(fractions)}


def test_schedules_longer_than_the_budget_are_cut_for_all_alike():
    runner = FakeRunner(one_fault("a"), fit_seconds=1000.0)
    outcome = run(runner, seconds=300.0)
    assert runner.now <= 300.0
    assert outcome.suggestions[0].verdict is Verdict.FIXED
    assert any("epochs" in note for note in outcome.notes)


def test_fewer_epochs_on_request():
    runner = FakeRunner(one_fault("a"))
    run(runner, most_epochs=5)
    assert {request.fraction for request in runner.requests} == {0.5}


@pytest.mark.parametrize(("reached", "most"), [(0.97, 20), (0.9, 40)], ids=["perfect", "as good as the references"])
def test_the_budget_is_not_burned_once_nothing_can_be_gained(reached, most):
    patches = [patch(f"p{i}", support=0.9 if i == 0 else 0.1) for i in range(60)]
    runner = FakeRunner(lambda parts, seed: reached if "p0" in parts else 0.1)
    outcome = run(runner, patches=patches, seconds=1000.0)
    assert outcome.suggestions[0].verdict is Verdict.FIXED
    assert len(runner.requests) < most


def test_every_end_of_a_trial_is_a_result():
    ends = {"a": TrialState.CRASHED, "b": TrialState.DIVERGED, "c": TrialState.TIMED_OUT, "d": 0.9}

    def skill(parts, seed):
        return next(
            (ends[part] for part in sorted(parts) if part in ends and part != "d"), 0.9 if "d" in parts else 0.1
        )

    outcome = run(FakeRunner(skill))
    verdicts = {one.patch.key: one.verdict for one in outcome.suggestions}
    assert verdicts["d"] is Verdict.FIXED
    assert [verdicts[name] for name in "abc"] == [Verdict.FAILED] * 3


def test_patches_that_conflict_are_not_combined():
    def conflicting(patches):
        raise ValueError("overlap")

    outcome = run(FakeRunner(one_fault("b")), compose=conflicting)
    assert outcome.suggestions[0].patch.key == "b"
    assert all("+" not in one.patch.key for one in outcome.suggestions)


def test_a_patch_that_asks_for_nothing_more_is_not_combined():
    def asking(name, *edits):
        requests = tuple(EditRequest(edit, {}, EditContext(None)) for edit in edits)
        return replace(patch(name, support=0.9), requests=requests)

    runner = FakeRunner(lambda parts, seed: 0.1)
    outcome = run(runner, patches=[asking("a", "one", "two"), asking("b", "two"), asking("c", "three")])
    assert {one.patch.key for one in outcome.suggestions} == {"a", "b", "c", "a+c", "b+c"}


def test_an_interrupt_returns_what_was_finished():
    runner = FakeRunner(one_fault("a"), interrupt_after=4)
    outcome = run(runner)
    assert outcome.interrupted
    assert runner.cancelled
    assert len(outcome.trials) == 4
    assert outcome.suggestions


def test_the_same_seed_gives_the_same_ranking():
    def noisy(parts, seed):
        return 0.1 + 0.2 * (hash_of(parts, seed) % 100) / 100

    def hash_of(parts, seed):
        return sum(ord(letter) * 37 for letter in "".join(sorted(parts))) + seed * 17

    keys = [[one.patch.key for one in run(FakeRunner(noisy, jobs=jobs)).suggestions] for jobs in (2, 2)]
    assert keys[0] == keys[1]


def test_baseline_and_patch_share_seeds():
    runner = FakeRunner(one_fault("a"))
    run(runner, seed=7, repeats=4)
    seeds = {key: {r.seed for r in runner.requests if r.key == key} for key in (None, "a")}
    assert seeds[None] == seeds["a"] >= {7, 8, 9, 10}
    assert min(seeds["a"]) == 7


def test_an_open_question_gets_more_seeds():
    gains = {0: 0.9, 1: 0.25, 2: 0.5}
    runner = FakeRunner(lambda parts, seed: gains.get(seed, 0.55) if "a" in parts else 0.1)
    outcome = run(runner, patches=PATCHES[:1])
    assert len(outcome.suggestions[0].patched_skill) > 3


def test_no_patches():
    outcome = run(FakeRunner(one_fault("a")), patches=[])
    assert outcome.suggestions == ()
    assert outcome.baseline


def test_progress_tells_how_far_and_what_is_best():
    events = []
    runner = FakeRunner(one_fault("b"))
    search(
        PATCHES,
        runner=runner,
        compose=compose,
        settings=SearchSettings(1000.0),
        reference=REFERENCE,
        progress=events.append,
        clock=runner.clock,
    )
    assert [event.done for event in events] == list(range(1, len(runner.requests) + 1))
    assert all(event.total >= event.done for event in events)
    assert events[-1].best_title == "b"


def test_estimates_that_were_too_low_still_leave_time_for_the_proof():
    """The probe run saw a quarter of what trials take, as on a machine that has become busy."""
    runner = FakeRunner(lambda parts, seed: 0.9 if "a" in parts else 0.1, other_seconds=15.0, fit_seconds=1.0)
    outcome = run(runner, seconds=130.0, schedule=Schedule(10, 1.0, 4.0), patches=PATCHES)
    assert runner.now <= 130.0
    assert outcome.suggestions[0].verdict is Verdict.FIXED


def test_what_a_fault_hides_is_found_behind_its_patch():
    """The patch for what hides behind the first fault is known only once that one is mended."""
    looks = []

    def second_look(leader, seconds, seed):
        looks.append((leader.key, seconds))
        return [patch("x", support=0.4), patch("hidden", support=0.3)]

    runner = FakeRunner(lambda parts, seed: 0.1 + 0.3 * ("b" in parts) + 0.5 * ({"b", "hidden"} <= parts))
    outcome = run(runner, second_look=second_look)
    best = outcome.suggestions[0]
    assert set(best.patch.key.split("+")) == {"b", "hidden"}
    assert best.verdict is Verdict.FIXED
    assert looks[0][0] == "b"
    assert 0 < looks[0][1] < 1000


def test_no_second_look_where_nothing_is_left_to_gain():
    def second_look(leader, seconds, seed):
        raise AssertionError("there is nothing to look at")

    run(FakeRunner(one_fault("b")), second_look=second_look)


def test_where_nothing_helps_what_is_most_probably_wrong_is_mended_to_see_behind_it():
    """As with a wrong output and too few epochs: neither patch shows anything without the other."""
    looks = []

    def second_look(leader, seconds, seed):
        looks.append(leader.key)
        return [patch("hidden", support=0.3)]

    runner = FakeRunner(lambda parts, seed: 0.9 if {"a", "hidden"} <= parts else 0.1)
    outcome = run(runner, second_look=second_look)
    assert looks[0] == "a+b"
    assert set(outcome.suggestions[0].patch.key.split("+")) == {"a", "hidden"}
    assert len(looks) == len(set(looks))


def test_a_second_look_that_breaks_down_costs_only_itself():
    def second_look(leader, seconds, seed):
        raise OSError("disk full")

    outcome = run(FakeRunner(lambda parts, seed: 0.5 if "b" in parts else 0.1), second_look=second_look)
    assert (outcome.suggestions[0].patch.key, outcome.suggestions[0].verdict) == ("b", Verdict.IMPROVED)
    assert any("OSError: disk full" in note for note in outcome.notes)


def test_an_interrupted_second_look_returns_what_was_finished():
    def second_look(leader, seconds, seed):
        raise KeyboardInterrupt

    outcome = run(FakeRunner(lambda parts, seed: 0.5 if "b" in parts else 0.1), second_look=second_look)
    assert outcome.interrupted
    assert outcome.suggestions[0].patch.key == "b"


def test_a_second_look_that_finds_a_known_composition_does_not_double_it():
    runner = FakeRunner(lambda parts, seed: 0.1 + 0.3 * ("b" in parts))
    outcome = run(runner, second_look=lambda leader, seconds, seed: [patch("a+b", support=0.4)])
    keys = [one.patch.key for one in outcome.suggestions]
    assert "a+b" in keys
    assert len(keys) == len(set(keys))


def test_what_a_second_look_brings_is_tried_fault_by_fault():
    """The answer to the last fault comes before second answers to the first."""
    found = [patch(f"variant-{number}", kind="first", support=0.5) for number in range(8)]
    runner = FakeRunner(lambda parts, seed: 0.9 if {"b", "last"} <= parts else 0.5 if "b" in parts else 0.1)
    outcome = run(runner, second_look=lambda leader, seconds, seed: [*found, patch("last", support=0.1)])
    assert set(outcome.suggestions[0].patch.key.split("+")) == {"b", "last"}


def test_three_faults_behind_another_are_mended_at_once_and_what_was_not_needed_is_dropped():
    needed = {"a", "x", "y", "z"}
    looks = [patch(name, support=0.2) for name in ("w", "x", "y", "z")]
    runner = FakeRunner(lambda parts, seed: 0.9 if needed <= parts else 0.1)
    outcome = run(runner, second_look=lambda leader, seconds, seed: looks)
    assert set(outcome.suggestions[0].patch.key.split("+")) == needed
    assert outcome.suggestions[0].verdict is Verdict.FIXED


@pytest.mark.parametrize("failing", [1, 2, 4], ids=["in the proof", "at its end", "behind it"])
def test_a_patch_that_fails_with_one_seed_is_made_reliable(failing):
    """The answer works with most seeds; what looks useless with the first makes it work with all."""

    def skill(parts, seed):
        return 0.1 if "a" not in parts or (seed == failing and "d" not in parts) else 0.96

    best = run(FakeRunner(skill)).suggestions[0]
    assert (best.patch.key, best.verdict) == ("a+d", Verdict.FIXED)
    assert min(best.patched_skill) == 0.96
    assert len(best.patched_skill) >= 3


def test_what_fails_with_one_seed_is_diagnosed_with_it():
    looks = []

    def second_look(leader, seconds, seed):
        looks.append((leader.key, seed))
        return [patch("hidden", support=0.5)] if seed == 2 else []

    def skill(parts, seed):
        return 0.1 if "a" not in parts else 0.96 if seed != 2 or "hidden" in parts else 0.3

    outcome = run(FakeRunner(skill), second_look=second_look)
    assert looks == [("a", 2)]
    assert outcome.suggestions[0].patch.key == "a+hidden"


def test_what_takes_the_lead_is_tested_with_the_seed_that_the_leader_failed_with():
    """Two ways to say the same fail with the same seed; only together with another patch is either reliable."""

    def skill(parts, seed):
        return 0.96 if parts & {"a", "b"} and (seed != 4 or "d" in parts) else 0.1

    outcome = run(FakeRunner(skill))
    best = outcome.suggestions[0]
    assert "d" in best.patch.key.split("+")
    assert best.verdict is Verdict.FIXED
    assert min(best.patched_skill) == 0.96


def test_an_alternative_that_works_with_the_hard_seed_takes_the_lead():
    outcome = run(FakeRunner(lambda parts, seed: 0.96 if parts == {"b"} or ("a" in parts and seed != 2) else 0.1))
    best = outcome.suggestions[0]
    assert (best.patch.key, min(best.patched_skill)) == ("b", 0.96)
    assert any(trial.seed == 2 and trial.patch == "b" for trial in outcome.trials)


def test_a_patch_that_nothing_makes_reliable_stays_as_it_is():
    outcome = run(FakeRunner(lambda parts, seed: 0.96 if "a" in parts and seed != 1 else 0.1))
    assert outcome.suggestions[0].patch.key == "a"


def test_long_trainings_are_not_repeated_for_certainty():
    quick, slow = FakeRunner(one_fault("a"), fit_seconds=0.1), FakeRunner(one_fault("a"), fit_seconds=20.0)
    seeds = [max(len(one.patched_skill) for one in run(runner, seconds=400.0).suggestions) for runner in (quick, slow)]
    assert seeds[0] == 6
    assert seeds[1] == 3


@pytest.mark.parametrize(
    ("skill", "rows", "expected"),
    [(0.96, 10_000, True), (0.9, 10_000, False), (0.9, 100, True), (0.7, 100, False)],
    ids=["near to 1", "as good as the references", "as near to 1 as so few rows can tell", "not even the references"],
)
def test_what_cannot_be_measured_is_not_sought(skill, rows, expected):
    known = {None: trial(0.1, key=None), "a": trial(skill, key="a", rows=rows)}
    pool = SimpleNamespace(get=lambda key, seed, fraction: known[key])
    contenders = Contenders(pool, compose, REFERENCE, seed=0)
    contenders.add_singles([patch("a")])
    assert contenders.is_perfect(contenders.singles[0]) is expected


def test_what_reaches_the_references_is_improved_further():
    skills = {frozenset("a"): 0.85, frozenset("ac"): 0.97}
    outcome = run(FakeRunner(lambda parts, seed: skills.get(frozenset(parts), 0.85 if "a" in parts else 0.1)))
    assert outcome.suggestions[0].patch.key == "a+c"


@pytest.mark.parametrize("seconds", [80, 100, 120, 160])
def test_a_leader_that_takes_longer_is_proven_too(seconds):
    runner = FakeRunner(lambda parts, seed: 0.85 if "a" in parts else 0.1, fit_seconds=5.0, slow="a", jobs=2)
    best = run(runner, seconds=seconds).suggestions[0]
    assert ("a" in best.patch.key.split("+"), best.verdict) == (True, Verdict.FIXED)
    assert runner.now <= seconds
