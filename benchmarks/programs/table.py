"""The table of the programs, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlfix.knowledge_base.loader import load_cases

from ..run.judge import is_gain, mean, shows_fault, skills
from ..run.programs import BETTER, BUGGY, PUBLISHED

VARIANTS = (BUGGY, PUBLISHED, BETTER)


def as_markdown(results: Mapping[str, Any]) -> str:
    """Every program with the skill of its variants, and what that says about the published patch."""
    lines = [
        "# What the programs reach",
        "",
        "Mean skill over seeds (0 trivial, 1 perfect; least and largest in brackets), of the program as it was, with"
        " its published patch, and with the fix that the audit of the case found better. Each variant is measured for"
        " itself, as dlfix measures trials.",
        "",
        "| case | genuine fault | audit of the patch | rows | buggy | published patch | better fix |"
        " published patch helps | fault shows here | stand-in |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    cases = load_cases()
    for name, row in results["programs"].items():
        case = cases[name]
        program = row.get("program", {})
        if not program.get("rebuilt"):
            cells = [name, case.assessment.genuine_fault, case.assessment.patch, "", "not rebuilt", "", "", "", "",
                     program.get("remarks", "")]  # fmt: skip
            lines.append("| " + " | ".join(_text(cell) for cell in cells) + " |")
            continue
        reached = {name: skills(row[name]["seeds"]) for name in VARIANTS if name in row}
        buggy, published = reached.get(BUGGY), reached.get(PUBLISHED)
        seeds = row.get(BUGGY, {}).get("seeds", [])
        cells = [
            name,
            case.assessment.genuine_fault,
            case.assessment.patch,
            seeds[0]["split"] if seeds else "",
            *(_range(list(reached.get(name, {}).values())) for name in VARIANTS),
            "" if buggy is None or published is None else _yes(is_gain(buggy, published)),
            _yes(shows_fault(buggy, (published, reached.get(BETTER)))) if buggy else "",
            program.get("data", ""),
        ]
        lines.append("| " + " | ".join(_text(cell) for cell in cells) + " |")
    missing = len(cases) - len(results["programs"])
    if missing:
        lines += ["", f"**{missing} of {len(cases)} cases are not measured yet.**"]
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    lines += ["", f"Measured {results['date']} with Python {results['python']}, {versions}. Run it again with"
              " `python -m benchmarks.programs`.", ""]  # fmt: skip
    return "\n".join(lines)


def _range(values: list[float]) -> str:
    return f"{mean(values):.2f} ({min(values):.2f}, {max(values):.2f})" if values else "–"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _text(cell: Any) -> str:
    return str(cell).replace("|", "/").replace("\n", " ")
