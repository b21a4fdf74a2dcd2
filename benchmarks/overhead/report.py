"""The results as JSON and as a table."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .measure import Overhead

MEDIAN_GOAL = 1.03
WORST_GOAL = 1.10
MEMORY_GOAL = 1.05


#: How to read the table.
_HOW = """\
Each training is built and run several times in turn with the same without the probe, epoch by epoch. *Ratio* is the
time of all epochs with the probe over that without, by the clock, tracing included, but for two things that have
other causes. Between two epochs Keras waits until TensorFlow has taken the old iterator over the data down: mostly
20 milliseconds, at random up to five seconds; *waits* gives the sums without and with the probe. And of the pairs
of epochs behind the first three, the tenth that differs most in either direction counts as the others do. *Runs* is
the least and the largest ratio of a single run. *Whole* leaves nothing out; *processor* is the same of processor
time; *start* is how many seconds the first three epochs took longer, once per training; *typical* is the median of
the ratios of single epochs after them; *booked* is what the probe itself counted. Scoring the model once after
training is in none of them. Memory is the peak of processes of their own. *DeepLocalize* is the published procedure
on the same training, per epoch (a lower bound: it is not stopped, but looks no further than its first error).
`python -m benchmarks.overhead` measures this again, with `--noise` each training against itself.
"""


def document(results: Sequence[Overhead]) -> dict[str, Any]:
    import keras
    import tensorflow as tf

    ratios = [result.ratio for result in results]
    processor = [result.processor for result in results]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "repeats": len(results[0].ratios),
        "load": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__},
        "median_ratio": statistics.median(ratios),
        "worst_ratio": max(ratios),
        "median_processor_ratio": statistics.median(processor),
        "worst_processor_ratio": max(processor),
        "worst_memory_ratio": max(result.memory_ratio for result in results),
        "goals": {"median": MEDIAN_GOAL, "worst": WORST_GOAL, "memory": MEMORY_GOAL},
        "identical_weights": all(result.identical for result in results),
        "trainings": [asdict(result) for result in results],
    }


def table(data: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    lines = [
        "# Overhead of the probe",
        "",
        f"{data['date']}, {data['machine']}, {versions}. {data['repeats']} runs of each training.",
        "",
        *_HOW.splitlines(),
        "",
        "| training | seconds | ratio | runs | whole | processor | start | typical | booked | waits | steps | observed "
        "| memory | same weights | DeepLocalize |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---|---:|",
    ]
    for row in data["trainings"]:
        same = "yes, bit for bit" if row["identical"] else "NO"
        published = "not possible" if row["deeplocalize"] is None else f"{row['deeplocalize']:.1f}"
        lines.append(
            f"| {row['name']} | {row['plain_seconds']:.0f} | {row['ratio']:.3f} "
            f"| {min(row['ratios']):.3f} to {max(row['ratios']):.3f} | {row['whole']:.3f} | {row['processor']:.3f} "
            f"| {row['start_seconds']:.1f} s | {row['typical']:.3f} | {row['declared']:.1%} "
            f"| {row['plain_waits']:.0f} s, {row['probed_waits']:.0f} s | {row['epochs'] * row['steps_per_epoch']} "
            f"| {row['observed_steps']:.0f} | {row['memory_ratio']:.3f} | {same} | {published} |"
        )
    lines += [
        "",
        f"Load average at the end {data['load']}: above the number of cores, ratios scatter by a tenth and more, "
        "also below 1.",
        "",
        f"Median {data['median_ratio']:.3f} (goal {MEDIAN_GOAL}), worst {data['worst_ratio']:.3f} (goal {WORST_GOAL}), "
        f"worst memory {data['worst_memory_ratio']:.3f} (goal {MEMORY_GOAL}). Of processor time: median "
        f"{data['median_processor_ratio']:.3f}, worst {data['worst_processor_ratio']:.3f}.",
        "",
    ]
    return "\n".join(lines)


def write(data: dict[str, Any], folder: Path) -> None:
    (folder / "results.json").write_text(json.dumps(data, indent=2) + "\n")
    (folder / "results.md").write_text(table(data))
