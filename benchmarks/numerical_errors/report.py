"""The results as JSON and as a table."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .measure import Planting

GOAL = 0.98


def document(results: Sequence[Planting]) -> dict[str, Any]:
    import keras
    import tensorflow as tf

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__},
        "goal": GOAL,
        "plantings": len(results),
        "right": sum(item.right for item in results),
        "known_step": sum(item.step is not None for item in results),
        "right_step": sum(item.right_step for item in results if item.step is not None),
        "exact": sum(item.exact for item in results),
        "results": [asdict(item) for item in results],
    }


def table(data: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    rows, count = data["results"], data["plantings"]
    lines = [
        "# The first culprit of a numerical error",
        "",
        f"{data['date']}, {data['machine']}, {versions}. `python -m benchmarks.numerical_errors` measures this again.",
        "",
        f"Of {count} trainings under the probe with a fault planted at a random step, operation and direction of the",
        f"first culprit were named right in {data['right']} ({data['right'] / count:.1%}; goal {data['goal']:.0%}). In",
        f"{data['exact']} the step was replayed from the state before it; the step was right in {data['right_step']}",
        f"of the {data['known_step']} where it is known beforehand (programs break at a step that nobody set).",
        "",
        "| planted in | fault | direction | right |",
        "|---|---|---|---:|",
    ]
    for key in dict.fromkeys((row["kind"], row["fault"], row["direction"]) for row in rows):
        group = [row for row in rows if (row["kind"], row["fault"], row["direction"]) == key]
        right = sum(row["right"] for row in group)
        lines.append(f"| {key[0]} | {key[1]} | {key[2]} | {right} of {len(group)} |")
    wrong = [row for row in rows if not row["right"]]
    if wrong:
        lines += ["", "Not named right:", ""]
    for row in wrong:
        named = f"{row['named_operation']}, {row['named_direction']}, {row['named_tensor']}"
        lines.append(
            f"- {row['kind']}, {row['fault']}, step {row['step']}: {named if row['named_step'] else 'nothing'}"
        )
    return "\n".join([*lines, ""])


def write(data: dict[str, Any], folder: Path) -> None:
    (folder / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    (folder / "results.md").write_text(table(data))


def read(folder: Path) -> dict[str, list[Planting]]:
    """The results in a folder, by kind."""
    found: dict[str, list[Planting]] = {}
    for row in json.loads((folder / "results.json").read_text())["results"]:
        found.setdefault(row["kind"].removeprefix("program "), []).append(Planting(**row))
    return found
