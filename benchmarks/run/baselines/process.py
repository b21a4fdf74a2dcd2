"""Runs a script under a baseline in a child process."""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path

from dlfix.diagnose.execution import Executor
from dlfix.diagnose.execution.job import Job, JobOutcome, JobState, Limits

from .outcome import BaselineOutcome, Observation

TOOLS = ("deeplocalize", "terminate_on_nan", "early_stopping_loss", "early_stopping_accuracy")

_BENCHMARKS = Path(__file__).resolve().parents[2]
_MEMORY = 6 << 30


def run_baseline(tool: str, script: Path, seconds: float, seed: int) -> BaselineOutcome:
    """Run ``script`` under a baseline; see the package for what counts as detected.

    What the script prints is swallowed, what it writes is thrown away.

    Args:
        tool: One of :data:`TOOLS`.
        seconds: Limit for the whole run.
        seed: Of everything random, whatever the script sets itself.
    """
    if tool not in TOOLS:
        raise ValueError(f"there is no baseline {tool!r}; known are {', '.join(TOOLS)}")
    script = script.resolve()
    with tempfile.TemporaryDirectory(prefix="dlfix-baseline-") as folder:
        output = Path(folder)
        job = Job(
            agent="benchmarks.run.baselines.agent:watch",
            script=str(script),
            project_root=str(script.parent),
            output=str(output),
            limits=Limits(seconds, _MEMORY),
            working_directory=str(script.parent),
            environment=_environment(),
            parameters={"tool": tool, "seed": seed},
            threads=os.cpu_count() or 1,
        )
        ended = _executor().run(job)
        return _judge(tool, Observation.read(output), ended)


def _judge(tool: str, seen: Observation, ended: JobOutcome) -> BaselineOutcome:
    seconds = round(ended.seconds, 2)
    if seen.finding is not None:
        found = seen.finding
        return BaselineOutcome(tool, True, found.layer, found.phase, found.message, seconds, None)
    error = None
    # What fails behind the last training is not the tool's matter.
    trained = bool(seen.watched or seen.unusable) and not seen.fitting
    if ended.state is not JobState.COMPLETED and not (ended.state is JobState.RAISED and trained):
        error = ended.reason or ended.state.value
    elif not seen.watched:
        error = seen.unusable or "the script trains nothing by fit"
    return BaselineOutcome(tool, None if error else False, None, None, "", seconds, error)


@cache
def _package_folder() -> str:
    """A folder with nothing in it but this package; beside it lie the sources of dlfix, which would be in the way."""
    folder = tempfile.TemporaryDirectory(prefix="dlfix-baselines-")
    atexit.register(folder.cleanup)
    (Path(folder.name) / "benchmarks").symlink_to(_BENCHMARKS, target_is_directory=True)
    return folder.name


def _environment() -> dict[str, str]:
    """This process's own, by which the child finds this package."""
    path = [_package_folder(), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@cache
def _executor() -> Executor:
    """One for all runs, as its start takes longer than most of them."""
    before = dict(os.environ)
    os.environ.update(_environment())  # a child is only forked from a server that has the same path
    try:
        executor = Executor()
        executor.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    atexit.register(executor.close)
    return executor
