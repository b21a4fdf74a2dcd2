"""Where recorded runs are kept, outside of the repository: traces are large, and anybody can make them again.

healthy/<program>/record.json, trace-0, trace-1      the program as it is
variants/<name>/record.json, planted.py, trace-0     one planted program
references/<digest>.json                             what reference learners reach on one sample of data
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..run.records import source_digest, versions

RECORD = "record.json"
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

    def records(self, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Every record of ``healthy`` or ``variants`` with its folder, in order of names."""
        for file in sorted((self.folder / kind).glob(f"*/{RECORD}")):
            yield file.parent, json.loads(file.read_text(encoding="utf-8"))


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


def write(file: Path, document: Mapping[str, Any]) -> None:
    """Write JSON as one step, so that an interrupted run leaves the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
    Path(name).replace(file)
