"""Runs a script under the probe in a child process and returns its trace."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .execution.job import Job, JobOutcome, JobState, Limits
from .rates import HIGHEST, LOWEST, STEPS
from .trace import RangeTest, Trace
from .trace_io import TraceError, load_trace

AGENT = "dlfix.diagnose.probe.agent:record"
RANGE_TEST_AGENT = "dlfix.diagnose.probe.range_test:run_range_test"
#: The probe stops a running fit by itself before the process would be killed: the evaluation afterwards and the last
#: save need some time.
_RESERVE_SHARE = 0.15
_MIN_RESERVE_SECONDS = 3.0


class Runs(Protocol):
    """What an executor must do for a recording."""

    def run(self, job: Job) -> JobOutcome: ...


def record_script(
    executor: Runs,
    script: Path,
    arguments: Sequence[str],
    *,
    project_root: Path,
    working_directory: Path,
    seconds: float,
    memory_bytes: int,
    seed: int,
    output: Path,
    environment: Mapping[str, str] | None = None,
    threads: int = 1,
    probe_budget: float = 0.03,
    overrides: Mapping[str, bytes] | None = None,
    seeded_as_trial: bool = False,
) -> Trace:
    """Run a script under the probe, unmodified or with a patch.

    Args:
        executor: Runs jobs in child processes.
        script: The script; its directory and ``project_root`` decide what counts as the user's source.
        seconds: Wall clock for the whole run. A fit that is still running shortly before is stopped on purpose.
        output: Directory for the trace.
        environment: Environment of the child, None for this process's own.
        overrides: Absolute path -> source to run instead of the file's.
        seeded_as_trial: Blend the script's own seeds with ``seed``, as trials do, to see what a trial with that seed
            saw. Without it the seeds that a script sets are left as they are, and it trains as its user knows it.

    Returns:
        The trace; ``state`` says how the script ended. A run that was killed still has what was saved before.
    """
    reserve = max(_MIN_RESERVE_SECONDS, seconds * _RESERVE_SHARE)
    parameters: dict[str, Any] = {
        "seed": seed,
        "seeded_as_trial": seeded_as_trial,
        "seconds": max(seconds - reserve, seconds / 2),
        "probe_budget": probe_budget,
    }
    job = Job(
        agent=AGENT,
        script=str(script),
        project_root=str(project_root),
        output=str(output),
        limits=Limits(seconds=seconds, memory_bytes=memory_bytes),
        arguments=tuple(arguments),
        working_directory=str(working_directory),
        environment=dict(environment) if environment is not None else None,
        overrides=dict(overrides or {}),
        parameters=parameters,
        threads=threads,
    )
    return trace_of(job, executor.run(job))


def record_range_test(executor: Runs, probe: Job, fit: int, *, seconds: float, output: Path) -> RangeTest | None:
    """Run the script of a probe job again, with one of its trainings at ever larger learning rates.

    Args:
        executor: Runs jobs in child processes.
        probe: The job that recorded the trace; script, arguments, environment and seed are taken from it.
        fit: Which call of ``fit`` to test, counted from 0 over the whole script.
        seconds: Wall clock for the run; what was seen until then counts.
        output: Directory for the outcome.

    Returns:
        What was seen; None if the training could not be run like that.
    """
    parameters = {"seed": probe.parameters.get("seed", 0), "fit": fit, "low": LOWEST, "high": HIGHEST, "steps": STEPS}
    limits = Limits(seconds, probe.limits.memory_bytes)
    executor.run(replace(probe, agent=RANGE_TEST_AGENT, output=str(output), limits=limits, parameters=parameters))
    try:
        seen = json.loads((output / "range_test.json").read_bytes())
    except (OSError, ValueError):
        return None
    losses = np.asarray(seen["losses"], dtype=np.float64)
    return RangeTest(np.asarray(seen["rates"], dtype=np.float64), losses) if losses.size else None


def trace_of(job: Job, outcome: JobOutcome) -> Trace:
    """The trace that a finished probe job left, with the job's own end taken into account."""
    try:
        trace = load_trace(Path(job.output))
    except TraceError as error:
        trace = _empty_trace(job, str(error) if outcome.state is JobState.COMPLETED else "")
    state = _STATES[outcome.state]
    if outcome.state in (JobState.COMPLETED, JobState.RAISED) and trace.state != "killed":
        state = trace.state
    cut_off = state not in ("completed", "raised")  # what was saved last may be from long before the end
    notes = trace.notes
    if cut_off or (state == "raised" and trace.exception is None):
        notes = (*notes, f"The script did not end by itself: {outcome.reason or outcome.state.value}.")
    seconds = max(trace.seconds, outcome.seconds) if cut_off else trace.seconds or outcome.seconds
    return replace(trace, state=state, notes=notes, seconds=seconds)


_STATES = {
    JobState.COMPLETED: "completed",
    JobState.RAISED: "raised",
    JobState.CRASHED: "killed",
    JobState.CANCELLED: "killed",
    JobState.TIMED_OUT: "timed out",
    JobState.OUT_OF_MEMORY: "out of memory",
}


def _empty_trace(job: Job, why: str) -> Trace:
    return Trace(
        script=job.script,
        project_root=job.project_root,
        arguments=tuple(job.arguments),
        state="killed",
        seconds=0.0,
        fits=(),
        notes=(why,) if why else (),
    )
