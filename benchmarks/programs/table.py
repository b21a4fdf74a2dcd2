"""The table of the programs, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlfix.knowledge_base.loader import load_cases
from dlfix.repair.rank import interval

#: A gain of skill below this is not worth a finding; the same bound as for suggestions.
LEAST_GAIN = 0.05


def reached(variant: Mapping[str, Any] | None) -> list[float] | None:
    """Skills over seeds, 0 where training failed or did worse than a trivial predictor; None without the variant."""
    if variant is None:
        return None
    return [max(seed["skill"] or 0.0, 0.0) for seed in variant["seeds"]]


def gains(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """Paired by seed."""
    return [new - old for old, new in zip(before, after, strict=False)]


def is_gain(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the mean gain is worth a finding and its interval over the seeds above 0."""
    paired = gains(before, after)
    bounds = interval(paired)
    return bool(paired) and sum(paired) / len(paired) > LEAST_GAIN and bounds is not None and bounds[0] > 0


def shows_fault(row: Mapping[str, Any]) -> bool:
    """Whether the buggy variant is clearly worse than the better of its references."""
    buggy = reached(row.get("buggy"))
    references = [reached(row.get(name)) for name in ("published_patch", "better_fix")]
    return buggy is not None and any(is_gain(buggy, one) for one in references if one is not None)


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
        buggy, published = reached(row.get("buggy")), reached(row.get("published_patch"))
        seeds = row.get("buggy", {}).get("seeds", [])
        cells = [
            name,
            case.assessment.genuine_fault,
            case.assessment.patch,
            seeds[0]["split"] if seeds else "",
            *(_range(reached(row.get(variant))) for variant in ("buggy", "published_patch", "better_fix")),
            "" if buggy is None or published is None else _yes(is_gain(buggy, published)),
            _yes(shows_fault(row)) if buggy else "",
            program.get("data", ""),
        ]
        lines.append("| " + " | ".join(_text(cell) for cell in cells) + " |")
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    lines += ["", f"Measured {results['date']} with Python {results['python']}, {versions}. Run it again with"
              " `python -m benchmarks.programs`.", ""]  # fmt: skip
    return "\n".join(lines)


def _range(skills: list[float] | None) -> str:
    if not skills:
        return "–"
    return f"{sum(skills) / len(skills):.2f} ({min(skills):.2f}, {max(skills):.2f})"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _text(cell: Any) -> str:
    return str(cell).replace("|", "/").replace("\n", " ")
