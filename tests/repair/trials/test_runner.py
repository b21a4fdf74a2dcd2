"""From job outcomes to trials, on an executor that runs nothing but writes what a child would have written."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dlfix.diagnose.execution.job import Job, JobOutcome, JobState
from dlfix.repair.patch import EditContext, EditRequest, FileChange, Patch, TrialState
from dlfix.repair.trials import files
from dlfix.repair.trials.runner import ScriptRun, TrialRequest, TrialRunner

LABELS = np.arange(200) % 2
SCORED = np.arange(0, 200, 4) + np.arange(50) % 4


class FakeExecutor:
    """Ends each job as told: ``behave(job)`` writes files and returns the state; None leaves it running."""

    def __init__(self, behave):
        self.behave = behave
        self.jobs: list[Job] = []
        self.running: list[tuple[Job, Future]] = []

    def submit(self, job):
        self.jobs.append(job)
        future: Future = Future()
        state = self.behave(job)
        if state is None:
            self.running.append((job, future))
        else:
            future.set_result(outcome(job, state))
        return future

    def cancel_all(self):
        for job, future in self.running:
            future.set_result(outcome(job, JobState.CANCELLED))


def outcome(job, state):
    reason = "" if state is JobState.COMPLETED else f"it {state}"
    return JobOutcome(state, 2.5, 0, reason, Path(job.output), Path("log"), 0.4)


def write(job, predictions, labels=LABELS, **report):
    folder = Path(job.output)
    rows = files.CapturedRows((labels,), (labels[SCORED],), SCORED, np.ones(len(labels), bool), "holdout")
    files.write_rows(folder, rows)
    if predictions is not None:
        files.write_predictions(folder, [predictions])
    files.write_report(
        folder, files.TrialReport(**{"state": "completed", "epochs": 7, "from_logits": [False], **report})
    )
    return JobState.COMPLETED


def a_patch(key="p", after=b"patched"):
    change = FileChange("train.py", b"plain", after, "0", "1")
    return Patch(key, key, (), (change,), "", (), (), ("loss",))


@pytest.fixture
def make(tmp_path):
    def make_runner(behave, **settings):
        executor = FakeExecutor(behave)
        run = ScriptRun(tmp_path / "train.py", tmp_path, tmp_path, **settings)
        return TrialRunner(executor, run, tmp_path / "trials"), executor

    return make_runner


def test_a_finished_trial_is_scored(make):
    runner, _ = make(lambda job: write(job, LABELS[SCORED][:, None] * 0.9, metrics={"loss": [0.5, 0.1]}))
    trial = runner.submit(TrialRequest(None, 3), 60).result(1)
    assert (trial.state, trial.skill, trial.seed, trial.epochs) == (TrialState.COMPLETED, 1.0, 3, 7)
    assert trial.metrics == {"loss": (0.5, 0.1)}
    assert trial.split == "holdout"
    assert trial.start_seconds == 0.4


def test_what_the_child_is_told(make, tmp_path):
    runner, executor = make(lambda job: write(job, None), watched_fit=2, arguments=("--fast",), threads=3)
    runner.submit(TrialRequest(a_patch(), 5, 0.25), 42.0)
    (job,) = executor.jobs
    assert job.overrides == {str(tmp_path / "train.py"): b"patched"}
    assert (job.limits.seconds, job.threads, job.arguments) == (42.0, 3, ("--fast",))
    assert job.parameters["seed"] == 5
    assert job.parameters["fraction"] == 0.25
    assert job.parameters["watched_fit"] == 2


@pytest.mark.parametrize(
    ("ended", "state"),
    [
        (JobState.CRASHED, TrialState.CRASHED),
        (JobState.OUT_OF_MEMORY, TrialState.CRASHED),
        (JobState.TIMED_OUT, TrialState.TIMED_OUT),
        (JobState.CANCELLED, TrialState.PRUNED),
    ],
)
def test_every_end_is_a_trial(make, ended, state):
    runner, _ = make(lambda job: ended)
    trial = runner.submit(TrialRequest(None, 0), 60).result(1)
    assert trial.state is state
    assert trial.skill is None
    assert trial.reason == f"it {ended}"


def test_an_exception_of_the_script_is_the_reason(make):
    def raises(job):
        files.write_report(Path(job.output), files.TrialReport("raised", error="ValueError: shapes"))
        return JobState.RAISED

    runner, _ = make(raises)
    trial = runner.submit(TrialRequest(None, 0), 60).result(1)
    assert (trial.state, trial.reason) == (TrialState.CRASHED, "ValueError: shapes")


@pytest.mark.parametrize("broken", [{"loss_finite": False}, {}])
def test_divergence_has_the_floor(make, broken):
    predictions = np.full((50, 1), 0.3 if broken else np.nan)
    runner, _ = make(lambda job: write(job, predictions, **broken))
    trial = runner.submit(TrialRequest(None, 0), 60).result(1)
    assert (trial.state, trial.skill) == (TrialState.DIVERGED, -1.0)


def test_a_patch_is_scored_against_the_baselines_labels(make):
    """The patched run one-hot encodes; another one learns shuffled labels, which is another task."""
    shuffled = np.random.default_rng(0).permutation(LABELS)
    behaviours = {
        None: lambda job: write(job, np.full((50, 1), 0.3)),
        b"one-hot": lambda job: write(job, np.eye(2)[LABELS[SCORED]], np.eye(2)[LABELS]),
        b"shuffled": lambda job: write(job, np.eye(2)[shuffled[SCORED]], np.eye(2)[shuffled]),
    }
    runner, _ = make(lambda job: behaviours[next(iter(job.overrides.values()), None)](job))
    runner.submit(TrialRequest(None, 0), 60)
    assert runner.submit(TrialRequest(a_patch("a", b"one-hot"), 0), 60).result(1).skill == 1.0
    refused = runner.submit(TrialRequest(a_patch("b", b"shuffled"), 0), 60).result(1)
    assert refused.state is TrialState.CRASHED
    assert "correspond" in (refused.reason or "")


def test_a_patch_waits_for_the_labels_of_a_running_baseline(make):
    runner, executor = make(lambda job: write(job, np.eye(2)[LABELS[SCORED]]) if job.overrides else None)
    runner.submit(TrialRequest(None, 0), 60)
    patched = runner.submit(TrialRequest(a_patch(), 0), 60)
    assert not patched.done()
    job, future = executor.running.pop()
    write(job, LABELS[SCORED][:, None])
    future.set_result(outcome(job, JobState.COMPLETED))
    assert patched.result(1).skill == 1.0


def test_a_baseline_that_died_before_fit_does_not_hold_anything_up(make):
    runner, _ = make(lambda job: write(job, LABELS[SCORED][:, None]) if job.overrides else JobState.CRASHED)
    runner.submit(TrialRequest(None, 0), 60)
    assert runner.submit(TrialRequest(a_patch(), 0), 60).result(1).skill == 1.0


@pytest.mark.parametrize(("direction", "expected"), [("max", 0.25), ("min", -0.25)])
def test_a_metric_of_the_users_choice(make, direction, expected):
    runner, _ = make(lambda job: write(job, None, metrics={"mine": [1.0, 0.25]}), metric="mine", direction=direction)
    assert runner.submit(TrialRequest(None, 0), 60).result(1).skill == expected


def test_a_metric_the_script_does_not_have(make):
    runner, _ = make(lambda job: write(job, None, metrics={"loss": [1.0]}), metric="mine")
    trial = runner.submit(TrialRequest(None, 0), 60).result(1)
    assert trial.skill is None
    assert "'mine'" in (trial.reason or "")
    assert "loss" in (trial.reason or "")


def test_an_executor_that_fails_costs_the_trial_only(make):
    def fails(job):
        raise RuntimeError("no more processes")

    runner, _ = make(fails)
    trial = runner.submit(TrialRequest(None, 0), 60).result(1)
    assert trial.state is TrialState.CRASHED
    assert "no more processes" in (trial.reason or "")


def test_only_a_patch_that_shuffles_may_be_scored_on_other_rows(make):
    order = np.random.default_rng(0).permutation(200)
    ordered = np.sort(LABELS)

    def behave(job):
        labels = ordered[order] if job.overrides else ordered
        return write(job, labels[SCORED][:, None] * 0.9, labels)

    runner, _ = make(behave)
    assert runner.submit(TrialRequest(None, 0), 60).result(1).skill == 1.0
    request = EditRequest("shuffle-rows", {}, EditContext(None))
    assert runner.submit(TrialRequest(replace(a_patch(), requests=(request,)), 0), 60).result(1).skill == 1.0
    refused = runner.submit(TrialRequest(a_patch("q"), 0), 60).result(1)
    assert (refused.state, refused.skill) == (TrialState.CRASHED, None)
