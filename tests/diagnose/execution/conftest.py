"""A project on disk, an executor without frameworks, and a picture of a tree to compare with later."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dlfix.diagnose.execution import Executor, Job, JobOutcome, Limits

PLAIN_AGENT = "dlfix.diagnose.execution.plain:run"

Run = Callable[..., JobOutcome]


@pytest.fixture(scope="session")
def executor() -> Iterator[Executor]:
    with Executor(preload=()) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "data" / "train.csv").write_bytes(b"a,b\n1,2\n")
    (root / "model.bin").write_bytes(b"precious")
    return root


@pytest.fixture
def run(executor: Executor, project: Path, tmp_path: Path) -> Run:
    """Write a script, run it, return its outcome."""

    def run_script(source: str | bytes, using: Executor | None = None, **changes: object) -> JobOutcome:
        script = project / str(changes.pop("name", "train.py"))
        script.parent.mkdir(exist_ok=True, parents=True)
        script.write_bytes(source if isinstance(source, bytes) else source.encode())
        return (using or executor).run(make_job(script, project, tmp_path / "output", **changes))

    return run_script


def make_job(script: Path, project: Path, output: Path, **changes: object) -> Job:
    limits = Limits(seconds=float(changes.pop("seconds", 20.0)), memory_bytes=int(changes.pop("memory", 2 << 30)))  # type: ignore[call-overload]
    fields: dict[str, object] = {
        "agent": PLAIN_AGENT,
        "script": str(script),
        "project_root": str(project),
        "output": str(output),
        "limits": limits,
    }
    return Job(**{**fields, **changes})  # type: ignore[arg-type]


def log_of(outcome: JobOutcome) -> str:
    return outcome.log.read_text(encoding="utf-8", errors="replace")


def picture(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a tree that must not change: names, bytes, modes, times of modification."""
    seen: dict[str, tuple[object, ...]] = {}
    for directory, folders, files in os.walk(root):
        for name in [*folders, *files, "."]:
            path = Path(directory, name)
            state = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            seen[str(path)] = (state.st_mode, state.st_mtime_ns, state.st_ino, content)
    return seen
