"""The DeepLocalize procedure on what was kept and on the healthy programs: a run that ends at its finding."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..run.baselines import run_baseline
from ..run.records import SOURCES, source_digest
from . import cache

FILE = "deeplocalize.json"
TOOL = "deeplocalize"


def stamp() -> str:
    """State of the procedure's code."""
    return source_digest(SOURCES["baseline"])


def run_all(folders: Sequence[tuple[Path, str, str]], seconds: float, jobs: int, say: Callable[[str], None]) -> None:
    """Run the procedure where its answer is not known yet.

    Args:
        folders: Folder of the record, file name of the program, and its source, each.
        seconds: Limit per run; beyond it the tool counts as unable to run, as in the benchmark of real bugs.
    """
    now = stamp()
    missing = [one for one in folders if _stale(one[0], now)]

    def run(one: tuple[Path, str, str]) -> str:
        folder, name, source = one
        with tempfile.TemporaryDirectory(prefix="dlfix-injected-") as home:
            script = Path(home) / name
            script.write_text(source, encoding="utf-8")
            outcome = run_baseline(TOOL, script, seconds, 0)
        cache.write(folder / FILE, {"stamp": now, **asdict(outcome)})
        return f"{folder.name}: {outcome.detected} {outcome.message or outcome.error or ''}"

    with ThreadPoolExecutor(jobs) as pool:
        for line in pool.map(run, missing):
            say(line)


def answer(folder: Path) -> dict[str, Any] | None:
    """What is known of one program."""
    file = folder / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def _stale(folder: Path, now: str) -> bool:
    known = answer(folder)
    return known is None or known["stamp"] != now
