"""Runs trials: one job per patch and seed, and out of each, whatever became of it, a ``Trial``."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ...diagnose.evaluation import describe
from ...diagnose.execution.job import Job, JobOutcome, JobState, Limits
from ...diagnose.findings import Task
from ...diagnose.skill import FLOOR, Score, combine
from ...diagnose.task import array_facts, infer_task
from ..edits.shuffle_rows import SHUFFLE_ROWS
from ..patch import Patch, Trial, TrialState
from .agent import AGENT
from .files import TrialReport, read_predictions, read_report, read_rows
from .label_map import LabelMismatch, pair_reordered, pair_rows, score_against


class JobExecutor(Protocol):
    """What runs jobs: ``dlfix.diagnose.execution.Executor``, or a fake in tests."""

    def submit(self, job: Job) -> Future[JobOutcome]: ...

    def cancel_all(self) -> None: ...


@dataclass(frozen=True)
class ScriptRun:
    """How the user's script is run, the same for every trial.

    Attributes:
        watched_fit: Index of the fit to score; trials end behind it. None: the last one, for when their number is not
            known. Trials then run the script to its end, so an index is better whenever the probe run saw all fits.
        single_epoch_fits: The fits are the epochs of a loop, ``for …: model.fit(epochs=1)``.
        scored_evaluation: Trials score the rows of this call of ``evaluate`` behind the watched fit, counted from 0,
            and end there.
        metric, direction: Rank by this metric of the script's own instead of skill; ``max`` or ``min``.
    """

    script: Path
    project_root: Path
    working_directory: Path
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] | None = None
    memory_bytes: int = 1 << 32
    threads: int = 1
    watched_fit: int | None = None
    single_epoch_fits: bool = False
    scored_evaluation: int | None = None
    metric: str | None = None
    direction: str = "max"


@dataclass(frozen=True)
class TrialRequest:
    """A patch (None: the unpatched baseline), a seed, and the share of the script's own epochs to run."""

    patch: Patch | None
    seed: int
    fraction: float = 1.0

    @property
    def key(self) -> str | None:
        return None if self.patch is None else self.patch.key


@dataclass
class _Baseline:
    """Where the labels of the unpatched run with one seed are, and whether they may still come."""

    folder: Path
    finished: Future[JobOutcome]


@dataclass
class TrialRunner:
    """Turns requests into trials.

    A patched run is scored against the labels that reached ``fit`` in the baseline with the same seed, so that baseline
    must have been submitted before, if only just before.

    Attributes:
        executor: Runs the jobs.
        run: How the script is run.
        folder: Where trials may write; one folder per trial is made in it.
        task: What the first output is to learn, if the diagnosis knows; else it is inferred from the labels.
    """

    executor: JobExecutor
    run: ScriptRun
    folder: Path
    task: Task | None = None
    _count: int = 0
    _baselines: dict[int, _Baseline] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, request: TrialRequest, seconds: float) -> Future[Trial]:
        """Start a trial that may take at most ``seconds``. The future never raises: every end is a trial."""
        with self._lock:
            self._count += 1
            output = self.folder / f"trial-{self._count:04d}"
        output.mkdir(parents=True, exist_ok=True)
        result: Future[Trial] = Future()
        result.set_running_or_notify_cancel()
        try:
            finished = self.executor.submit(self._job(request, output, seconds))
        except Exception as error:  # an executor that cannot start processes any more must not end the search
            result.set_result(_failed(request, TrialState.CRASHED, 0.0, f"The trial could not be started: {error}"))
            return result
        if request.patch is None and request.seed not in self._baselines:
            self._baselines[request.seed] = _Baseline(output, finished)
        finished.add_done_callback(lambda done: self._settle(request, output, done, result))
        return result

    def cancel_all(self) -> None:
        """End everything that runs; its trials end as pruned."""
        self.executor.cancel_all()

    def _job(self, request: TrialRequest, output: Path, seconds: float) -> Job:
        changes = request.patch.files if request.patch is not None else ()
        baseline = self._baselines.get(request.seed)
        known = baseline is not None and request.patch is not None and read_rows(baseline.folder) is not None
        return Job(
            agent=AGENT,
            script=str(self.run.script),
            project_root=str(self.run.project_root),
            output=str(output),
            limits=Limits(seconds, self.run.memory_bytes),
            arguments=self.run.arguments,
            working_directory=str(self.run.working_directory),
            environment=self.run.environment,
            overrides={str(self.run.project_root / change.path): change.after for change in changes},
            parameters={
                "seed": request.seed,
                "fraction": request.fraction,
                "watched_fit": self.run.watched_fit,
                "single_epoch_fits": self.run.single_epoch_fits,
                "scored_evaluation": self.run.scored_evaluation,
                "baseline_folder": str(baseline.folder) if known and baseline is not None else None,
            },
            threads=self.run.threads,
        )

    def _settle(self, request: TrialRequest, output: Path, done: Future[JobOutcome], result: Future[Trial]) -> None:
        """Score a finished job, but not before the baseline's labels are there."""
        baseline = self._baselines.get(request.seed)
        waiting = (
            baseline is not None
            and request.patch is not None
            and not baseline.finished.done()
            and read_rows(baseline.folder) is None
        )
        if waiting and baseline is not None:
            baseline.finished.add_done_callback(lambda _: self._finish(request, output, done, result))
        else:
            self._finish(request, output, done, result)

    def _finish(self, request: TrialRequest, output: Path, done: Future[JobOutcome], result: Future[Trial]) -> None:
        try:
            trial = self._trial(request, output, done)
        except Exception as error:  # a bug in scoring costs this trial, not the search
            reason = f"The trial could not be scored ({type(error).__name__}: {error})."
            trial = _failed(request, TrialState.CRASHED, 0.0, reason)
        result.set_result(trial)

    def _trial(self, request: TrialRequest, output: Path, done: Future[JobOutcome]) -> Trial:
        if done.cancelled():
            return _failed(request, TrialState.PRUNED, 0.0, "cancelled")
        error = done.exception()
        if error is not None:
            return _failed(request, TrialState.CRASHED, 0.0, f"The trial could not be run: {error}")
        outcome = done.result()
        report = read_report(output)
        state = _state_of(outcome, report)
        if state is not TrialState.COMPLETED or report is None:
            reason = (report.error if report is not None else "") or outcome.reason or "The trial left no result."
            return _failed(request, state, outcome.seconds, reason, report, outcome.start_seconds)
        try:
            score, evaluation = self._score(request, output, report)
        except LabelMismatch as mismatch:
            state, reason = TrialState.CRASHED, report.error or str(mismatch)
            return _failed(request, state, outcome.seconds, reason, report, outcome.start_seconds)
        diverged = score.diverged or not report.loss_finite
        return Trial(
            patch=request.key,
            seed=request.seed,
            state=TrialState.DIVERGED if diverged else TrialState.COMPLETED,
            epochs=report.epochs,
            seconds=outcome.seconds,
            skill=FLOOR if diverged and self.run.metric is None else score.skill,
            reason=score.reason or ("The loss became NaN or infinite." if diverged else None),
            score=None if diverged else score.score,
            metric=score.metric,
            metrics={name: tuple(values) for name, values in report.metrics.items()},
            fraction=request.fraction,
            start_seconds=outcome.start_seconds,
            split=evaluation.get("split"),
            evaluation=evaluation,
        )

    def _score(self, request: TrialRequest, output: Path, report: TrialReport) -> tuple[Score, dict[str, Any]]:
        costs = {
            "fit_seconds": report.fit_seconds,
            "compile_seconds": report.compile_seconds,
            "own_epochs": report.own_epochs,
            "notes": list(report.notes),
        }
        rows, predictions = read_rows(output), read_predictions(output)
        if self.run.metric is not None:
            score = _own_metric(report, self.run.metric, self.run.direction)
            return score, {**costs, "split": "script"}
        if rows is None or predictions is None:
            reason = " ".join(report.notes) or "There was nothing to compare predictions with."
            return Score(None, "accuracy", None, None, 0, False, reason), costs
        baseline = self._baselines.get(request.seed)
        before = read_rows(baseline.folder) if baseline is not None else None
        reorders = request.patch is not None and any(one.edit == SHUFFLE_ROWS.id for one in request.patch.requests)
        pairs = pair_reordered(before or rows, rows) if reorders else pair_rows(before or rows, rows)
        flags = [*report.from_logits, *[False] * len(pairs)]
        scores = [
            score_against(self._task(index, len(pairs), pair.before), pair, output_, flag)
            for index, (pair, output_, flag) in enumerate(zip(pairs, predictions, flags, strict=False))
        ]
        score = combine(scores)
        return score, {**describe(score, predictions, rows.split), **costs}

    def _task(self, index: int, outputs: int, labels: Any) -> Task:
        if self.task is not None and outputs == 1 and self.task.kind != "unknown":
            return self.task
        return infer_task(array_facts(f"targets[{index}]", labels))


def _state_of(outcome: JobOutcome, report: TrialReport | None) -> TrialState:
    if outcome.state is JobState.TIMED_OUT:
        return TrialState.TIMED_OUT
    if outcome.state is JobState.CANCELLED:
        return TrialState.PRUNED
    if report is not None and report.state == "completed" and outcome.state in (JobState.COMPLETED, JobState.RAISED):
        return TrialState.COMPLETED
    return TrialState.CRASHED


def _own_metric(report: TrialReport, name: str, direction: str) -> Score:
    """The user's choice: the last value of a metric of the script's own, turned so that more is better."""
    values: Sequence[float] = report.metrics.get(name, ())
    if not values:
        known = ", ".join(sorted(report.metrics)) or "none"
        return Score(None, name, None, None, 0, False, f"The script has no metric {name!r}; it has: {known}.")
    value = float(values[-1])
    if not math.isfinite(value):
        return Score(None, name, None, None, 0, True, f"{name} is {value}.")
    return Score(value if direction == "max" else -value, name, value, None, 0)


def _failed(  # noqa: PLR0917
    request: TrialRequest,
    state: TrialState,
    seconds: float,
    reason: str,
    report: TrialReport | None = None,
    start_seconds: float | None = None,
) -> Trial:
    return Trial(
        patch=request.key,
        seed=request.seed,
        state=state,
        epochs=report.epochs if report is not None else 0,
        seconds=seconds,
        skill=None,
        reason=reason,
        metrics={name: tuple(values) for name, values in report.metrics.items()} if report is not None else {},
        fraction=request.fraction,
        start_seconds=start_seconds,
    )
