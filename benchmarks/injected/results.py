"""Gathers records, diagnoses and the answers of other tools into one document."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..run.records import SOURCES, source_digest, versions
from . import cache, deeplocalize, measures
from .families import Membership
from .report import selection_of

#: Where the diagnoses of the last ``diagnose`` are, in the cache.
DIAGNOSES = "diagnoses.json"


def diagnosing_stamp() -> str:
    """What diagnoses depend on."""
    return source_digest(SOURCES["diagnose"])


def traces(where: cache.Cache, known: Mapping[str, Membership]) -> list[Path]:
    """Folders of all traces to diagnose: two of each healthy program, one of each kept variant."""
    healthy = [
        folder / f"trace-{run['seed']}" for folder, record in where.healthy_records(known) for run in record["probe"]
    ]
    kept = [
        folder / "trace-0"
        for folder, record in where.variant_records()
        if record["kept"] and record["program"] in known
    ]
    return [*healthy, *kept]


def document(where: cache.Cache, diagnoses: Mapping[str, Any], known: Mapping[str, Membership], seed: int) -> Any:
    """Everything that the page shows, JSON-able."""
    answers = diagnoses["answers"]

    def is_answered(folder: Path, record: Mapping[str, Any]) -> bool:
        """Whether the last ``diagnose`` knew of this record; ``record`` may be running beside."""
        relative = folder.relative_to(where.folder).as_posix()
        seeds = [run["seed"] for run in record["probe"]] if "probe" in record else [0] if record["kept"] else []
        return all(f"{relative}/trace-{seed}" in answers for seed in seeds)

    records = [pair for pair in where.variant_records() if pair[1]["program"] in known and is_answered(*pair)]
    healthy = [pair for pair in where.healthy_records(known) if is_answered(*pair)]

    def answer(folder: Path) -> dict[str, Any]:
        return answers[folder.relative_to(where.folder).as_posix()]  # type: ignore[no-any-return]

    variants = [
        measures.variant_row(record, answer(folder / "trace-0"), deeplocalize.answer(folder), known[record["program"]])
        for folder, record in records
        if record["kept"]
    ]
    quiet = [
        measures.healthy_row(
            record["program"],
            run,
            answer(folder / f"trace-{run['seed']}"),
            deeplocalize.answer(folder) if run["seed"] == 0 else None,
            known[record["program"]],
        )
        for folder, record in healthy
        for run in record["probe"]
    ]
    everything = [record for _, record in [*records, *healthy]]
    watched = [folder for folder, record in records if record["kept"]] + [folder for folder, _ in healthy]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions("dlfix"),
        "python": platform.python_version(),
        "machine": {"system": platform.system(), "cores": os.cpu_count()},
        "seed": seed,
        "sources": {"recording": cache.recording_stamp()["recording"], "diagnose": diagnoses["stamp"]},
        "stale": {
            "recorded": _stale(everything),
            "diagnosed": diagnoses["stamp"] != diagnosing_stamp(),
            "deeplocalize": _without_tool(watched),
        },
        "selection": selection_of([record for _, record in records]),
        "summary": measures.summary(variants, quiet),
        "healthy": quiet,
        "variants": variants,
    }


def _stale(records: Sequence[Mapping[str, Any]]) -> int:
    now = cache.recording_stamp().items()
    return sum(not now <= record["stamp"].items() for record in records)


def _without_tool(folders: Sequence[Path]) -> int:
    now = deeplocalize.stamp()
    known = [deeplocalize.answer(folder) for folder in folders]
    return sum(one is None or one["stamp"] != now for one in known)
