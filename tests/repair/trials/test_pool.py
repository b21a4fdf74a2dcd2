"""Limits and starts of trials."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dlfix.repair.patch import EditContext, EditRequest, TrialState
from dlfix.repair.trials.pool import Schedule, TrialPool
from dlfix.repair.trials.runner import TrialRequest
from trial_fakes import FakeRunner, patch


def make(runner, seconds=100.0, schedule=None):
    schedule = schedule or Schedule(10, runner.fit_seconds, runner.other_seconds)
    return TrialPool(runner, 1, seconds, schedule, clock=runner.clock)


def training_for(epochs):
    request = EditRequest("set-argument", {"target": "fit", "name": "epochs", "value": epochs}, EditContext(None))
    return replace(patch(f"epochs-{epochs}"), requests=(request,))


def test_the_first_baseline_is_not_cut_off_by_a_wrong_estimate():
    runner = FakeRunner(lambda parts, seed: 0.1, fit_seconds=35.0)
    pool = make(runner, schedule=Schedule(10, 1.0, 1.0))
    pool.run([TrialRequest(None, 0)])
    assert pool.trials[0].state is TrialState.COMPLETED


def test_a_slow_patch_is_cut_off_by_the_baselines_time():
    runner = FakeRunner(lambda parts, seed: 0.1, other_seconds=2.0, fit_seconds=2.0)
    pool = make(runner, seconds=160.0)
    pool.run([TrialRequest(None, 0), TrialRequest(patch("a"), 0)])
    assert runner.limits[1] == pytest.approx(22.0)  # three times 4 s, and 10 s


def test_what_cannot_finish_is_not_started():
    runner = FakeRunner(lambda parts, seed: 0.1, fit_seconds=30.0)
    pool = make(runner)
    pool.run([TrialRequest(None, seed) for seed in range(9)])
    assert len(pool.trials) == 3
    assert pool.skipped == 6
    assert runner.now <= 100.0


def test_a_reserve_is_kept_free():
    runner = FakeRunner(lambda parts, seed: 0.1, fit_seconds=30.0)
    pool = make(runner)
    pool.run([TrialRequest(None, seed) for seed in range(9)], lambda: 50.0)
    assert len(pool.trials) == 1


def test_a_patch_whose_epochs_cannot_be_run_in_time_is_not_started():
    runner = FakeRunner(lambda parts, seed: 0.1, fit_seconds=4.0)
    pool = make(runner, schedule=Schedule(50, 4.0, 1.0))
    twice, endless = training_for(100), training_for(10_000)
    pool.run([TrialRequest(None, 0), TrialRequest(endless, 0), TrialRequest(twice, 0)])
    assert [request.patch for request in runner.requests] == [None, twice]
    assert pool.too_long == {endless.key}
    assert pool.skipped == 0


def test_long_schedules_are_tried_as_long_as_nothing_was_measured():
    runner = FakeRunner(lambda parts, seed: 0.1, fit_seconds=4.0)
    pool = make(runner)
    pool.run([TrialRequest(training_for(2000), 0)])
    assert len(runner.requests) == 1


def test_a_short_schedule_does_not_tell_how_long_a_long_one_takes():
    """Many short epochs are run at once, few are not."""
    runner = FakeRunner(lambda parts, seed: 0.1, fit_seconds=4.0)
    pool = make(runner)
    pool.run([TrialRequest(None, 0), TrialRequest(training_for(2000), 0)])
    assert len(runner.requests) == 2


def test_nothing_is_run_twice():
    runner = FakeRunner(lambda parts, seed: 0.1)
    pool = make(runner)
    pool.run([TrialRequest(None, 0), TrialRequest(None, 0)])
    pool.run([TrialRequest(None, 0)])
    assert len(runner.requests) == 1


def test_an_interrupt_keeps_what_was_finished():
    runner = FakeRunner(lambda parts, seed: 0.1, interrupt_after=1)
    pool = make(runner)
    with pytest.raises(KeyboardInterrupt):
        pool.run([TrialRequest(None, 0), TrialRequest(None, 1)])
    assert len(pool.trials) == 1
