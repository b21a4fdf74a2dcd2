"""Which programs there are: the faulty ones of the cases, and the healthy ones that must be left in peace."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dlfix.knowledge_base.case_schema import Case
from dlfix.knowledge_base.loader import load_cases

BENCHMARKS = Path(__file__).resolve().parents[1]
BUGGY, PUBLISHED, BETTER = "buggy", "published_patch", "better_fix"


@dataclass(frozen=True)
class Program:
    """One script to be judged.

    Attributes:
        name: ``<case id>/<variant>`` or ``healthy/<file name>``.
        healthy: There is nothing wrong with it, so that every fault found is a false alarm.
        case: The case it belongs to, None for the programs of ``benchmarks/healthy``.
    """

    name: str
    script: Path
    healthy: bool
    case: Case | None = None

    def digest(self) -> str:
        return hashlib.sha256(self.script.read_bytes()).hexdigest()


def variant(case: str, name: str) -> Path | None:
    """The script of one variant of a case, None when there is none."""
    return script_of(f"{case}/{name}")


def script_of(name: str) -> Path | None:
    """The script of a program by its name, None when it is gone."""
    folder, _, stem = name.partition("/")
    script = BENCHMARKS / ("healthy" if folder == "healthy" else f"programs/{folder}") / f"{stem}.py"
    return script if script.is_file() else None


def description(case: str) -> dict[str, Any]:
    """What ``program.yaml`` says about the rebuilt case; empty when the case was not taken up yet."""
    file = BENCHMARKS / "programs" / case / "program.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}


def case_programs(chosen: Collection[str] | None) -> list[Program]:
    """The buggy program of every chosen case (None: all) that is rebuilt, in the order of the case file."""
    found = []
    for case in load_cases().values():
        script = variant(case.id, BUGGY)
        if script is not None and (chosen is None or case.id in chosen):
            faultless = case.assessment.genuine_fault is False
            found.append(Program(f"{case.id}/{BUGGY}", script, faultless, case))
    return found


def healthy_programs(chosen: Collection[str] | None) -> list[Program]:
    """The better fix of every chosen case (None: all), and everything in ``benchmarks/healthy``."""
    found = []
    for case in load_cases().values():
        script = variant(case.id, BETTER)
        if script is not None and (chosen is None or case.id in chosen):
            found.append(Program(f"{case.id}/{BETTER}", script, True, case))
    for script in sorted((BENCHMARKS / "healthy").glob("*.py")):
        if script.name != "__init__.py":
            found.append(Program(f"healthy/{script.stem}", script, True))
    return found
