"""``python -m benchmarks.programs``: what every variant of every program reaches, over seeds; writes the results.

A program counts as showing its fault when the buggy variant's mean skill lies clearly below that of one of the two
references: by more than 0.05, and significantly over the seeds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from dlfix.knowledge_base.loader import load_cases

from .skill import measure
from .table import VARIANTS, as_markdown

HERE = Path(__file__).parent


def main() -> None:
    """Parse arguments; measure what is not known yet for these very bytes; write after each variant."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.programs", description=__doc__)
    parser.add_argument("cases", nargs="*", help="ids of cases (default: all that are rebuilt)")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--seeds", type=int, default=5, help="trainings per variant, with seeds 100, 101, …")
    parser.add_argument("--seconds", type=float, default=300, help="limit per training")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time")
    parser.add_argument("--again", action="store_true", help="measure anew what is already known")
    arguments = parser.parse_args()
    for case in arguments.cases or load_cases():
        folder = HERE / case
        row = _read()["programs"].get(case, {})
        row["program"] = yaml.safe_load((folder / "program.yaml").read_text(encoding="utf-8"))
        for variant in VARIANTS:
            if not (folder / f"{variant}.py").exists():
                row.pop(variant, None)
        _write(case, row)
        for variant in arguments.variants:
            script = folder / f"{variant}.py"
            if not script.exists():
                continue
            digest = hashlib.sha256(script.read_bytes()).hexdigest()
            known = row.get(variant, {})
            if not arguments.again and known.get("sha256") == digest and len(known["seeds"]) >= arguments.seeds:
                continue
            seeds = range(100, 100 + arguments.seeds)
            measured = measure(script, seeds, seconds=arguments.seconds, jobs=arguments.jobs)
            row[variant] = {"sha256": digest, "seeds": [asdict(one) for one in measured]}
            print(case, variant, [one.skill if one.skill is None else round(one.skill, 3) for one in measured],
                  measured[0].metric, measured[0].split, f"{max(one.seconds for one in measured):.1f} s",
                  {one.reason for one in measured if one.reason} or "", flush=True)  # fmt: skip
            _write(case, row)


def _read() -> dict[str, Any]:
    path = HERE / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"programs": {}}


def _write(case: str, row: dict[str, Any]) -> None:
    """Replace one row of what is in the file now, which others may have written to."""
    programs = {**_read()["programs"], case: row}
    written = {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("dlfix", "tensorflow", "keras", "scikit-learn", "numpy")},
        "python": platform.python_version(),
        "machine": {"system": platform.system(), "cores": os.cpu_count()},
        "programs": {case: programs[case] for case in load_cases() if case in programs},
    }
    (HERE / "results.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    (HERE / "results.md").write_text(as_markdown(written), encoding="utf-8")


if __name__ == "__main__":
    main()
