"""Where recorded runs are kept, outside of the repository: traces are large, and anybody can make them again.

- ``healthy/<program>/``: ``record.json``, ``trace-0``, ``trace-1`` of the program as it is
- ``variants/<name>/``: ``record.json``, ``planted.py``, ``trace-0`` of one planted program
- ``drawn.json``: names of the variants that the last ``record`` was asked for
- ``references/<digest>.json``: what reference learners reach on one sample of data
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..run.records import source_digest, versions

RECORD = "record.json"
DRAWN = "drawn.json"
#: What a recorded run depends on; a record of other sources is stale but still readable.
RECORDING_SOURCES = (
    "diagnose/probe",
    "diagnose/evaluation.py",
    "diagnose/skill.py",
    "diagnose/task.py",
    "diagnose/trace.py",
)


def default_folder() -> Path:
    """``~/.cache/dlfix-injected``, or below ``XDG_CACHE_HOME``."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dlfix-injected"


class Cache:
    """The folder of recorded runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def healthy(self, program: str) -> Path:
        """Folder of a healthy program."""
        return self.folder / "healthy" / program

    def variant(self, name: str) -> Path:
        """Folder of a variant."""
        return self.folder / "variants" / name

    def reference(self, digest: str) -> Path:
        """File of one set of reference scores."""
        return self.folder / "references" / f"{digest}.json"

    def healthy_records(self, programs: Collection[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Folder and record of each of some healthy programs, in order of names."""
        yield from self._records("healthy", sorted(programs))

    def variant_records(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Folder and record of each variant of the last draw: a cache may hold those of other draws as well."""
        file = self.folder / DRAWN
        yield from self._records("variants", json.loads(file.read_text(encoding="utf-8")) if file.exists() else [])

    def write_draw(self, names: Sequence[str]) -> None:
        """Note which variants are to be counted."""
        write(self.folder / DRAWN, list(names))

    def _records(self, kind: str, names: Sequence[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
        for name in names:
            record = read(self.folder / kind / name)
            if record is not None:
                yield self.folder / kind / name, record


def recording_stamp() -> dict[str, str]:
    """What recorded runs depend on besides the source of the program."""
    return {
        "recording": source_digest(RECORDING_SOURCES),
        "libraries": ", ".join(f"{name} {number}" for name, number in versions().items()),
    }


def read(folder: Path) -> dict[str, Any] | None:
    """The record in a folder, None if there is none."""
    file = folder / RECORD
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def write(file: Path, document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write JSON as one step, so that an interrupted run leaves the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
    Path(name).replace(file)
