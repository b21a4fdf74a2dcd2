"""``python -m benchmarks.examples``: every example through suggest, apply, a plain run and undo; writes the results."""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .measure import WRITTEN_WITH, measure

_HERE = Path(__file__).parent


def main() -> None:
    """Parse arguments, measure one example after the other, write after each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.examples", description=__doc__)
    parser.add_argument("examples", nargs="*", help="scripts below examples/ (default: all)")
    parser.add_argument("--budget", default="5m", help="budget of each suggest (default: 5m)")
    parser.add_argument("--output", type=Path, default=_HERE, help="folder for the results (default: this benchmark's)")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.examples or WRITTEN_WITH:
        rows.append(measure(name, arguments.budget))
        print(json.dumps(rows[-1]), flush=True)
        _write({**_circumstances(arguments.budget), "examples": rows}, arguments.output)


def _circumstances(budget: str) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "budget": budget,
        "versions": {name: version(name) for name in ("dlfix", "tensorflow", "keras", "scikit-learn", "numpy")},
        "python": platform.python_version(),
        "machine": {"system": platform.system(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)},
    }


def _write(results: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(_as_markdown(results), encoding="utf-8")


def _as_markdown(results: dict[str, Any]) -> str:
    lines = [
        "# The examples, from suggest to undo",
        "",
        "| example | exit | first fault | first suggestion | skill before → after (per seed) | applied: diagnosis, skill |"
        " restored | seconds | as it must be |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results["examples"]:
        before, after = _skills(row.get("baseline")), _skills(row.get("patched"))
        cells = [
            row["example"],
            row["exit_code"],
            row["faults"][0] if row["faults"] else "none",
            f"{row['verdict']}: {row.get('title', '')}" if "verdict" in row else "none",
            f"{before} → {after}" if before else "",
            f"{row['diagnosis_after']}, {_skills(row['skill_after'])}" if "diagnosis_after" in row else "",
            {True: "yes", False: "no", None: ""}[row.get("restored")],
            row["seconds"],
            "yes" if row["passed"] else "NO",
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    machine = results["machine"]
    lines += [
        "",
        f"Measured {results['date']} with Python {results['python']}, {versions}; {machine['system']}, {machine['cores']}"
        f" cores, load {machine['load']} at the end; `--budget {results['budget']}`. Run it again with"
        " `python -m benchmarks.examples`.",
        "",
    ]
    return "\n".join(lines)


def _skills(values: list[float | None] | None) -> str:
    return ", ".join("-" if value is None else f"{value:.2f}" for value in values or ())


if __name__ == "__main__":
    main()
