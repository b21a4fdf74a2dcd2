"""What was run so far, kept in results.json so that an interrupted benchmark goes on where it ended.

A record is valid for the very bytes it was made from: its stamp holds hashes of the program, of the tool's source, and
the versions of the libraries. Several processes may write to one file; each write merges under a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("tensorflow", "keras", "scikit-learn", "numpy")
_ROOT = Path(__file__).resolve().parents[2]
#: What the outcome of each kind of run depends on, as folders and files of the repository.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "diagnose": ("diagnose", "dlfix/assemble.py", "dlfix/pipeline.py", "dlfix/settings.py"),
    "suggest": (
        *("diagnose", "knowledge_base", "repair"),
        *("dlfix/assemble.py", "dlfix/pipeline.py", "dlfix/proposals.py", "dlfix/settings.py"),
    ),
    "baseline": ("benchmarks/run/baselines", "diagnose/deeplocalize.py"),
    "random": ("benchmarks/run/random_repair.py", "diagnose", "knowledge_base", "repair", "dlfix/proposals.py"),
    "skill": (
        *("repair/trials", "diagnose/evaluation.py", "diagnose/execution/seeding.py"),
        *("diagnose/skill.py", "diagnose/task.py"),
    ),
    "plain": (),
}


def stamp(kind: str, program: str, **more: str) -> dict[str, str]:
    """What a record of this kind is valid for; ``program`` is the hash of the script."""
    return {"program": program, "tool": source_digest(SOURCES[kind]), "libraries": _text(versions()), **more}


def source_digest(sources: Iterable[str], root: Path = _ROOT) -> str:
    """Hash of all Python, YAML and JSON files below some folders."""
    digest = hashlib.sha256()
    for source in sources:
        path = root / source
        files = (
            [path]
            if path.is_file()
            else sorted(one for kind in ("py", "yaml", "json") for one in path.rglob(f"*.{kind}"))
        )
        for file in files:
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def text_digest(files: Mapping[str, str]) -> str:
    """Hash of patched files."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


def versions(*more: str) -> dict[str, str]:
    """Of the libraries that an outcome depends on."""
    return {name: version(name) for name in (*more, *LIBRARIES)}


def _text(numbers: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


class Records:
    """The records in one file, by key; other parts of the document are kept as they are.

    Args:
        file: ``results.json``; made with the first record.
        again: Take no record of an earlier process as valid.
    """

    def __init__(self, file: Path, *, again: bool = False) -> None:
        self.file = file
        self._fresh: set[str] | None = set() if again else None

    def read(self) -> dict[str, Any]:
        """The whole document."""
        if not self.file.exists():
            return {"records": {}}
        document: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        return document

    def valid(self, key: str, wanted: Mapping[str, str]) -> dict[str, Any] | None:
        """The outcome under ``key`` if it was made from exactly what ``wanted`` says."""
        if self._fresh is not None and key not in self._fresh:
            return None
        record = self.read()["records"].get(key)
        return record["outcome"] if record is not None and record["stamp"] == dict(wanted) else None

    def put(self, key: str, made_from: Mapping[str, str], outcome: Mapping[str, Any]) -> None:
        """Add or replace one record."""
        if self._fresh is not None:
            self._fresh.add(key)
        record = {
            "stamp": dict(made_from),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "load": round(os.getloadavg()[0], 1),
            "outcome": dict(outcome),
        }
        self.update(lambda document: document["records"].__setitem__(key, record))

    def update(self, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Read, change and write the document as one step; other processes wait. Returns what was written."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(str(self.file.resolve()).encode()).hexdigest()[:16]
        with (Path(tempfile.gettempdir()) / f"dlfix-benchmark-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            document = self.read()
            change(document)
            temporary = self.file.with_suffix(".json.part")
            temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            temporary.replace(self.file)
        return document
