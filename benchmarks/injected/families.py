"""Which family a healthy program belongs to, and whether anything may be fitted to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from .anatomy import Program

BENCHMARKS = Path(__file__).resolve().parents[1]
HEALTHY = BENCHMARKS / "healthy"
SIDES = ("fit", "held-out")
#: Seconds of a run under the probe where no measurement is known.
USUAL_SECONDS = 8.0


@dataclass(frozen=True)
class Membership:
    """``side``: ``fit`` or ``held-out``."""

    family: str
    side: str


def memberships(file: Path | None = None) -> dict[str, Membership]:
    """Family and side of each program by its name.

    Raises:
        ValueError: A program is in two families, or a side is unknown.
    """
    document = yaml.safe_load((file or Path(__file__).with_name("families.yaml")).read_text(encoding="utf-8"))
    found: dict[str, Membership] = {}
    for family, entry in document.items():
        if entry["side"] not in SIDES:
            raise ValueError(f"family {family!r} has the side {entry['side']!r}; known are {', '.join(SIDES)}")
        for name in entry["programs"]:
            if name in found:
                raise ValueError(f"{name} is in two families, {found[name].family!r} and {family!r}")
            found[name] = Membership(family, entry["side"])
    return found


def programs(folder: Path = HEALTHY) -> dict[str, Program]:
    """The healthy programs that have a family, by name; what has none is left out, as it has no side.

    A test sees to it that none is forgotten.
    """
    known = memberships()
    return {
        file.stem: Program.read(file.stem, file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("*.py"))
        if file.stem in known
    }


def seconds_of(names: Mapping[str, object], results: Path = BENCHMARKS / "run" / "results.json") -> dict[str, float]:
    """How long a run of each program under the probe takes, as the benchmark measured it."""
    records = json.loads(results.read_text(encoding="utf-8"))["records"] if results.exists() else {}
    found = {}
    for name in names:
        record = records.get(f"dlfix diagnose healthy/{name}")
        found[name] = float(record["outcome"]["probe_seconds"]) if record is not None else USUAL_SECONDS
    return found
