"""Run folders: ``.dlfix/runs/<id>/`` keeps what one run of dlfix found, and nothing of it is ever needed to train.

.dlfix/.gitignore            "*": the folder hides itself from git
.dlfix/latest                id of the newest run
.dlfix/applied.json          which suggestions are applied, for ``apply --undo``
.dlfix/runs/<id>/result.json the result (schema dlfix/1), written last: a run without it did not finish
.dlfix/runs/<id>/report.html the report
.dlfix/runs/<id>/patches/01.patch, 01/  the diff, and the bytes before and after, for ``apply``
.dlfix/runs/<id>/trace/      what the probe run recorded; ``dlfix diagnose`` reads it
.dlfix/runs/<id>/logs/       what the script printed
.dlfix/runs/<id>/key.json    what the result depends on, for ``--resume``
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .diagnose.whole_files import write_atomically
from .errors import UsageError, did_you_mean
from .repair.patch import Patch
from .result import Result, SuggestionResult

FOLDER = ".dlfix"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; its name is the id of the run."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def result_file(self) -> Path:
        return self.path / "result.json"

    @property
    def report_file(self) -> Path:
        return self.path / "report.html"

    @property
    def trace(self) -> Path:
        return self.path / "trace"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def patches(self) -> Path:
        return self.path / "patches"

    def load_result(self) -> Result:
        """Return the saved result.

        Raises:
            UsageError: There is none, or it is from another version of dlfix.
        """
        try:
            return Result.load(self.result_file)
        except FileNotFoundError:
            raise UsageError(
                "unfinished-run", f"the run {self.id} ended before it had a result", "Run it again."
            ) from None
        except ValueError:
            raise UsageError(
                "unreadable-result",
                f"{self.result_file} is not a result that this version of dlfix can read",
                "Run dlfix suggest again, or use the version that wrote it.",
            ) from None

    def save_result(self, result: Result, key: dict[str, Any] | None = None) -> None:
        """Write ``result.json`` (and what it depends on), last of all."""
        if key is not None:
            write_atomically(self.path / "key.json", json.dumps(key, indent=2).encode())
        write_atomically(self.result_file, result.to_json().encode())

    def save_patch(self, number: int, patch: Patch) -> None:
        """Write the diff for people and the exact bytes for ``apply``."""
        from .repair.patching import patch_bytes

        folder = self.patches / f"{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        for index, change in enumerate(patch.files):
            (folder / f"{index}.before").write_bytes(change.before)
            (folder / f"{index}.after").write_bytes(change.after)
        write_atomically(self.patches / f"{number:02d}.patch", patch_bytes(patch))

    def patched_bytes(self, suggestion: SuggestionResult) -> list[bytes]:
        """Return what the files of a suggestion become, in its order, checked against the hashes in the result.

        Raises:
            UsageError: The stored bytes are missing or not those that were tried.
        """
        folder = self.patches / Path(suggestion.patch).stem
        try:
            contents = [(folder / f"{index}.after").read_bytes() for index in range(len(suggestion.files))]
        except OSError:
            raise self._damaged(folder) from None
        if [hashlib.sha256(content).hexdigest() for content in contents] != [f.sha256_after for f in suggestion.files]:
            raise self._damaged(folder)
        return contents

    def backup(self, suggestion: SuggestionResult) -> Path:
        """Return the folder that keeps the originals while a suggestion is applied."""
        return self.patches / Path(suggestion.patch).stem / "backup"

    def _damaged(self, folder: Path) -> UsageError:
        return UsageError(
            "damaged-run",
            f"the patch in {folder} is missing or not the one that was tried",
            "Run dlfix suggest again.",
        )


def create_run(script: Path, base: Path | None = None) -> RunFolder:
    """Make the folder of a new run below ``base`` (default: the current folder; a temporary one if read-only)."""
    base = base or Path.cwd()
    try:
        return _create_below(base / FOLDER, script)
    except OSError:
        return _create_below(Path(tempfile.mkdtemp(prefix="dlfix-")) / FOLDER, script)


def _create_below(home: Path, script: Path) -> RunFolder:
    (home / "runs").mkdir(parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", script.stem).strip("-")[:40] or "script"
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{stem}"
    for number in range(1, 1000):
        path = home / "runs" / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        write_atomically(home / "latest", f"{path.name}\n".encode())
        return RunFolder(path)
    raise OSError(f"no free name for a run below {home}")


def existing_runs(start: Path | None = None) -> list[RunFolder]:
    """Return the runs, newest first, of the nearest ``.dlfix`` at or above ``start`` (default: the current folder)."""
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        runs = folder / FOLDER / "runs"
        if runs.is_dir():
            found = [RunFolder(path) for path in runs.iterdir() if path.is_dir()]
            if found:
                return sorted(found, key=_age)
    return []


def _age(run: RunFolder) -> tuple[float, str]:
    # The id begins with the time to the second; the folder's own time would change when a report is rendered again.
    match = re.match(r"(\d{8}-\d{6})-(.*?)(?:-(\d+))?$", run.id)
    if match is None:
        return (0.0, run.id)
    created = datetime.strptime(match.group(1), "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    return (-created, f"{999 - int(match.group(3) or 1):03d}")


def find_run(run_id: str | None = None, start: Path | None = None) -> RunFolder:
    """Return the run with that id (or a beginning of it that is unique), or the newest one that has a result.

    Raises:
        UsageError: There is no such run.
    """
    runs = existing_runs(start)
    if not runs:
        raise UsageError(
            "no-run",
            f"there is no run of dlfix in {(start or Path.cwd()).absolute()} or above it",
            "Begin with dlfix suggest SCRIPT, or change to the folder where it was run.",
        )
    if run_id is None:
        return next((run for run in runs if run.result_file.is_file()), runs[0])
    exact = [run for run in runs if run.id == run_id] or [run for run in runs if run.id.startswith(run_id)]
    if len(exact) != 1:
        ids = [run.id for run in exact or runs]
        problem = f"{run_id!r} fits {len(exact)} runs" if exact else f"there is no run {run_id!r}"
        raise UsageError("no-run", problem, did_you_mean(run_id, ids) or f"Runs: {', '.join(ids[:5])}.")
    return exact[0]


def find_identical(key: dict[str, Any], start: Path | None = None) -> RunFolder | None:
    """Return the newest finished run that depended on exactly the same things, or None."""
    for run in existing_runs(start):
        try:
            stored = json.loads((run.path / "key.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if stored == key and run.result_file.is_file():
            return run
    return None


def remove_runs(keep: int, start: Path | None = None, spare: Collection[str] = ()) -> tuple[list[str], int]:
    """Delete all but the newest ``keep`` runs and those with an id in ``spare``.

    Returns:
        The ids removed and the bytes that were freed.
    """
    runs, freed, removed = existing_runs(start), 0, []
    for run in runs[keep:]:
        if run.id in spare:
            continue
        freed += folder_bytes(run.path)
        shutil.rmtree(run.path)
        removed.append(run.id)
    if runs:
        latest = runs[0].path.parent.parent / "latest"
        left = [run for run in runs if run.id not in removed]
        if left:
            write_atomically(latest, f"{left[0].id}\n".encode())
        else:
            latest.unlink(missing_ok=True)
    return removed, freed


def folder_bytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def data_files(constants: Iterable[str], folders: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Return size and time of every existing file that the script's source names as a string.

    Files named in another way (put together at run time, given by an environment variable) stay unknown.
    """
    files = {}
    folders = tuple(folders)
    for text in constants:
        if not text or len(text) > 1000 or "\0" in text or "\n" in text:
            continue
        for folder in folders:
            try:
                path = folder / text
                status = path.stat() if path.is_file() else None
            except (OSError, ValueError):
                continue
            if status is not None:
                files[str(path)] = (status.st_size, status.st_mtime_ns)
    return files
