"""The measurement: cold, spawned and forked starts of one script, in turns so that all meet the same machine load."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from dlfix.diagnose.execution import Executor, Job, JobState, Limits

GOAL = 0.35
_LIMITS = Limits(seconds=300, memory_bytes=8 << 30)


def measure(script: Path, repetitions: int) -> dict[str, Any]:
    """Time ``script`` from its start to its end in all ways, ``repetitions`` times."""
    seconds: dict[str, list[float]] = {"cold": [], "first": [], "spawned": [], "forked": []}
    first_lines: dict[str, list[float]] = {"spawned": [], "forked": []}
    with tempfile.TemporaryDirectory() as folder, Executor("spawn") as spawning, Executor("fork") as forking:
        output = Path(folder)
        first = forking.run(_job(script, output)).start_seconds
        server_seconds = first if first is not None else float("nan")
        _cold(script)  # once for the disk cache, not counted
        _run(spawning, script, output)
        for _ in range(repetitions):
            seconds["cold"].append(_cold(script))
            seconds["first"].append(_first_result(script, output))
            for name, executor in (("spawned", spawning), ("forked", forking)):
                total, first_line = _run(executor, script, output)
                seconds[name].append(total)
                first_lines[name].append(first_line)
        isolation = forking.isolation
    return _results(seconds, first_lines, server_seconds, isolation)


def _cold(script: Path) -> float:
    begin = time.monotonic()
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return time.monotonic() - begin


def _first_result(script: Path, output: Path) -> float:
    """From nothing to the end of the first run: the fork server's own start and imports are included."""
    begin = time.monotonic()
    with Executor("fork") as executor:
        _run(executor, script, output)
        return time.monotonic() - begin


def _run(executor: Executor, script: Path, output: Path) -> tuple[float, float]:
    begin = time.monotonic()
    outcome = executor.run(_job(script, output))
    total = time.monotonic() - begin
    if outcome.state is not JobState.COMPLETED or outcome.start_seconds is None:
        raise RuntimeError(f"the script ended as {outcome.state}: {outcome.reason}")
    return total, outcome.start_seconds


def _job(script: Path, output: Path) -> Job:
    return Job(
        agent="dlfix.diagnose.execution.plain:run",
        script=str(script),
        project_root=str(script.parent),
        output=str(output),
        limits=_LIMITS,
        threads=os.cpu_count() or 1,
    )


def _results(
    seconds: dict[str, list[float]], first_lines: dict[str, list[float]], server_seconds: float, isolation: str
) -> dict[str, Any]:
    pairs = [forked / cold for forked, cold in zip(seconds["forked"], seconds["cold"], strict=True)]
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": version("tensorflow"),
            "keras": version("keras"),
            "dlfix": version("dlfix"),
        },
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "load": round(os.getloadavg()[0], 1),
        },
        "isolation": isolation,
        "repetitions": len(pairs),
        "goal": GOAL,
        "ratio_forked_to_cold": {
            "of_medians": medians["forked"] / medians["cold"],
            "median_of_pairs": statistics.median(pairs),
            "worst_pair": max(pairs),
        },
        "ratio_spawned_to_cold": medians["spawned"] / medians["cold"],
        "ratio_first_to_cold": medians["first"] / medians["cold"],
        "seconds": seconds,
        "median_seconds": medians,
        "seconds_to_first_line": {name: statistics.median(values) for name, values in first_lines.items()},
        "seconds_of_first_job_with_server_start": server_seconds,
    }
