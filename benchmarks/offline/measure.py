"""Reads and diagnoses a saved trace in fresh processes, which must not load TensorFlow."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .synthetic import synthetic_trace

GOAL_SECONDS = 1.0

_CHILD = """
import json, sys, time
from pathlib import Path
from dlfix.diagnose.diagnosis import diagnose
from dlfix.diagnose.trace_io import load_trace
begin, cpu = time.perf_counter(), time.process_time()
trace = load_trace(Path(sys.argv[1]))
read = time.perf_counter() - begin
diagnosis = diagnose(trace)
seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
print(json.dumps({"read": read, "seconds": seconds, "cpu": cpu, "checks": len(diagnosis.checks),
                  "tensorflow": "tensorflow" in sys.modules, "verdict": diagnosis.verdict}))
"""


@dataclass(frozen=True)
class Offline:
    """Medians over fresh processes, in seconds, imports not counted.

    Attributes:
        rows: Rows of the data sample; with none there is nothing to fit reference learners on.
        read_seconds, seconds: To read the trace; to read and diagnose it.
        cpu_seconds: The same in time of the processor, which other work on the machine disturbs less.
    """

    layers: int
    samples: int
    rows: int
    read_seconds: float
    seconds: float
    cpu_seconds: float
    checks: int


def measure(layers: int, samples: int, rows: int, repeats: int) -> Offline:
    """Save a synthetic trace and diagnose it ``repeats`` times.

    Raises:
        RuntimeError: If diagnosing loads TensorFlow.
    """
    from dlfix.diagnose.trace_io import save_trace

    with tempfile.TemporaryDirectory() as folder:
        save_trace(synthetic_trace(layers, samples, rows), Path(folder))
        runs = [_run(folder) for _ in range(repeats)]
    if any(run["tensorflow"] for run in runs):
        raise RuntimeError("Diagnosing a saved trace loaded TensorFlow.")
    read, seconds, cpu = (statistics.median(run[name] for run in runs) for name in ("read", "seconds", "cpu"))
    return Offline(layers, samples, rows, read, seconds, cpu, runs[0]["checks"])


def _run(folder: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-P", "-c", _CHILD, folder], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def document(results: Sequence[Offline]) -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "runs": [asdict(result) for result in results],
    }


def table(data: dict[str, Any]) -> str:
    lines = [
        "# Diagnosing a saved trace",
        "",
        f"{data['date']}, {data['machine']}, python {data['python']}, load average {data['load']}. Fresh processes, "
        "imports not counted, no TensorFlow. `python -m benchmarks.offline` measures this again.",
        "",
        "| layers | samples | rows for reference learners | read | read and diagnosed | processor time | checks |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for run in data["runs"]:
        lines.append(
            f"| {run['layers']} | {run['samples']} | {run['rows'] or 'none'} | {run['read_seconds']:.2f} s "
            f"| {run['seconds']:.2f} s | {run['cpu_seconds']:.2f} s | {run['checks']} |"
        )
    lines += ["", f"Goal: {GOAL_SECONDS:.0f} s without reference learners.", ""]
    return "\n".join(lines)
