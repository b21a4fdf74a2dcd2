from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import traces
from dlfix.diagnose.execution.job import Job, JobOutcome, JobState
from dlfix.diagnose.recording import record_script
from dlfix.diagnose.trace import Trace
from dlfix.diagnose.trace_io import save_trace


@dataclass
class FakeExecutor:
    """Leaves the given trace behind and ends as told."""

    state: JobState
    trace: Trace | None = None
    reason: str = ""
    job: Job | None = None

    def run(self, job: Job) -> JobOutcome:
        self.job = job
        if self.trace is not None:
            save_trace(self.trace, Path(job.output))
        log = Path(job.output) / "log"
        return JobOutcome(self.state, 5.0, 0, self.reason, Path(job.output), log)


def recorded(executor: FakeExecutor, folder: Path, seconds: float = 60.0) -> Trace:
    return record_script(
        executor,
        Path("/project/train.py"),
        ["--epochs", "3"],
        project_root=Path("/project"),
        working_directory=Path("/project"),
        seconds=seconds,
        memory_bytes=2**30,
        seed=7,
        output=folder,
        environment={"A": "b"},
    )


def test_completed_run(tmp_path: Path) -> None:
    executor = FakeExecutor(JobState.COMPLETED, traces.trace())
    trace = recorded(executor, tmp_path)
    assert trace.state == "completed"
    assert trace.notes == ()
    assert executor.job is not None
    assert executor.job.arguments == ("--epochs", "3")
    assert executor.job.parameters["seed"] == 7
    assert executor.job.environment == {"A": "b"}


@pytest.mark.parametrize("seconds", [2.0, 10.0, 300.0])
def test_a_fit_is_stopped_before_the_process_is_killed(tmp_path: Path, seconds: float) -> None:
    executor = FakeExecutor(JobState.COMPLETED, traces.trace())
    recorded(executor, tmp_path, seconds)
    assert executor.job is not None
    assert 0 < executor.job.parameters["seconds"] < executor.job.limits.seconds == seconds


def test_an_exception_of_the_script_keeps_its_facts(tmp_path: Path) -> None:
    trace = traces.trace(state="raised", exception=traces.raised())
    found = recorded(FakeExecutor(JobState.RAISED, trace, "ValueError: …"), tmp_path)
    assert found.state == "raised"
    assert found.exception == traces.raised()
    assert found.notes == ()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (JobState.TIMED_OUT, "timed out"),
        (JobState.OUT_OF_MEMORY, "out of memory"),
        (JobState.CRASHED, "killed"),
        (JobState.CANCELLED, "killed"),
    ],
)
def test_a_killed_run_keeps_what_was_saved(tmp_path: Path, state: JobState, expected: str) -> None:
    running = replace(traces.fit_trace(), state="stopped")
    trace = recorded(FakeExecutor(state, traces.trace(running, state="killed"), "the reason"), tmp_path)
    assert trace.state == expected
    assert trace.fits[-1].state == "stopped"
    assert "the reason" in trace.notes[-1]


def test_a_crash_before_the_first_save(tmp_path: Path) -> None:
    trace = recorded(FakeExecutor(JobState.CRASHED, None, "killed by signal 11 (SIGSEGV)"), tmp_path)
    assert trace.state == "killed"
    assert trace.fits == ()
    assert "SIGSEGV" in trace.notes[-1]


def test_a_process_that_ends_without_the_agent(tmp_path: Path) -> None:
    """``os._exit(0)`` in the script: the process ended well, the trace is the last one saved on the way."""
    trace = recorded(FakeExecutor(JobState.COMPLETED, traces.trace(state="killed")), tmp_path)
    assert trace.state == "completed"


def test_a_run_that_was_cut_off_took_as_long_as_its_process(tmp_path: Path) -> None:
    early = replace(traces.trace(), state="killed", seconds=0.01)  # what was saved before the training
    assert recorded(FakeExecutor(JobState.TIMED_OUT, early), tmp_path).seconds == 5.0
    assert recorded(FakeExecutor(JobState.COMPLETED, traces.trace()), tmp_path / "b").seconds == traces.trace().seconds
