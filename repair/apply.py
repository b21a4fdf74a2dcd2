"""Writing a patch into the user's files, and taking it back. Nothing else in dlfix writes there.

Both are all or nothing: every file is checked before the first one is touched, and a failure midway restores what was
written. Files are replaced atomically, so that no reader ever sees half of one.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import stat
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MANIFEST = "applied.json"


class ApplyRefused(Exception):
    """A patch was not applied or not undone, and nothing was changed. The message says what happened and what to do.

    Attributes:
        files: Project-relative paths of the files that are in the way.
    """

    def __init__(self, message: str, files: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.files = tuple(files)


class AlreadyApplied(ApplyRefused):
    """All files have the patch's content already."""


@dataclass(frozen=True)
class PlannedFile:
    """One file of a patch: where it is, what it must be, and the exact bytes it becomes.

    Attributes:
        path: POSIX path relative to the project root.
    """

    path: str
    sha256_before: str
    sha256_after: str
    patched: bytes


@dataclass(frozen=True)
class _Write:
    path: str
    target: Path
    before: bytes
    after: bytes


def apply_patch(project_root: Path, files: Sequence[PlannedFile], backup: Path) -> tuple[str, ...]:
    """Write the patched bytes of all files, keeping the originals in ``backup``.

    Args:
        project_root: Directory that the paths are relative to.
        files: What to write; each file must still have the content the patch was made from.
        backup: Directory (made if missing) that receives the originals, for ``undo``.

    Returns:
        The paths written.

    Raises:
        AlreadyApplied: The files are as the patch leaves them.
        ApplyRefused: A file changed, is missing or cannot be written. Nothing was changed.
    """
    if not files:
        raise ApplyRefused("This patch changes no file, so there is nothing to apply.")
    current = {file.path: _read(project_root, file.path) for file in files}
    if all(_sha256(current[file.path][1]) == file.sha256_after for file in files):
        raise AlreadyApplied(
            f"Already applied: {_names(files)} as this patch leaves it.", [file.path for file in files]
        )
    changed = [file.path for file in files if _sha256(current[file.path][1]) != file.sha256_before]
    if changed:
        raise ApplyRefused(
            f"{', '.join(changed)} changed since this patch was made and tested, so it was not applied. "
            "Run `dlfix suggest` again, or undo your changes.",
            changed,
        )
    for file in files:
        _check_patched(file)
    writes = [_Write(file.path, current[file.path][0], current[file.path][1], file.patched) for file in files]
    _check_writable(writes)
    _back_up(writes, backup, files)
    _write_all(writes)
    return tuple(file.path for file in files)


def undo(project_root: Path, backup: Path) -> tuple[str, ...]:
    """Restore the originals that ``apply_patch`` kept, byte for byte.

    Returns:
        The paths restored.

    Raises:
        ApplyRefused: Nothing was applied, or a file was changed since; nothing was changed.
    """
    entries = _manifest(backup)
    if entries is None:
        raise ApplyRefused("This patch was not applied, so there is nothing to undo.")
    writes, edited, restored = [], [], []
    for position, (path, before_hash, after_hash) in enumerate(entries):
        target, now = _read(project_root, path)
        original = _kept(backup, position, before_hash, path)
        if _sha256(now) == before_hash:
            restored.append(path)
        elif _sha256(now) != after_hash:
            edited.append(path)
        writes.append(_Write(path, target, now, original))
    if edited:
        raise ApplyRefused(
            f"{', '.join(edited)} changed since the patch was applied, so undoing it would lose those changes. "
            f"The original is kept in {backup}.",
            edited,
        )
    if len(restored) == len(writes):
        raise ApplyRefused(f"Already undone: {', '.join(restored)} has its original content.", restored)
    _check_writable(writes)
    _write_all(writes)
    return tuple(write.path for write in writes)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _names(files: Sequence[PlannedFile]) -> str:
    names = [file.path for file in files]
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _read(project_root: Path, path: str) -> tuple[Path, bytes]:
    """Give the real file behind a path (a symbolic link stays one; its target is written) and its bytes."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ApplyRefused(f"{path} is outside of the project, so dlfix does not write it.", [path])
    target = project_root / pure
    try:
        target = target.resolve(strict=True)
        if not target.is_file():
            raise ApplyRefused(f"{path} is not a regular file, so the patch was not applied.", [path])
        return target, target.read_bytes()
    except FileNotFoundError as error:
        raise ApplyRefused(
            f"{path} no longer exists in {project_root}. Put it back, or run `dlfix suggest` again.", [path]
        ) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        raise ApplyRefused(f"{path} cannot be read ({error}). Check its permissions.", [path]) from error


def _check_patched(file: PlannedFile) -> None:
    if _sha256(file.patched) != file.sha256_after:
        raise ApplyRefused(
            f"The stored patch for {file.path} is damaged: its bytes do not have the recorded hash. "
            "Run `dlfix suggest` again.",
            [file.path],
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(file.patched, file.path)
    except (SyntaxError, ValueError) as error:
        raise ApplyRefused(f"The patched {file.path} would not be valid Python ({error}).", [file.path]) from error


def _check_writable(writes: Sequence[_Write]) -> None:
    for write in writes:
        mode = write.target.stat().st_mode
        if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(write.target, os.W_OK):
            raise ApplyRefused(
                f"{write.path} is read-only. Make it writable (chmod u+w) and apply again.", [write.path]
            )
        if not os.access(write.target.parent, os.W_OK | os.X_OK):
            raise ApplyRefused(
                f"{write.target.parent} does not allow new files, which a safe replacement of {write.path} needs. "
                "Change its permissions and apply again.",
                [write.path],
            )


def _back_up(writes: Sequence[_Write], backup: Path, files: Sequence[PlannedFile]) -> None:
    try:
        backup.mkdir(parents=True, exist_ok=True)
        for position, write in enumerate(writes):
            _replace(backup / f"{position}.original", write.before)
        entries = [[file.path, file.sha256_before, file.sha256_after] for file in files]
        _replace(backup / _MANIFEST, json.dumps({"files": entries}, indent=1).encode())
    except OSError as error:
        raise ApplyRefused(f"The originals cannot be kept in {backup} ({error}), so nothing was changed.") from error


def _manifest(backup: Path) -> list[tuple[str, str, str]] | None:
    try:
        document = json.loads((backup / _MANIFEST).read_bytes())
        return [(str(path), str(before), str(after)) for path, before, after in document["files"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ApplyRefused(
            f"The record of what was applied, {backup / _MANIFEST}, cannot be read ({error})."
        ) from error


def _kept(backup: Path, position: int, expected: str, path: str) -> bytes:
    kept = backup / f"{position}.original"
    try:
        data = kept.read_bytes()
    except OSError as error:
        raise ApplyRefused(f"The original of {path}, {kept}, cannot be read ({error}).", [path]) from error
    if _sha256(data) != expected:
        raise ApplyRefused(f"The original of {path} kept in {kept} is damaged, so it was not restored.", [path])
    return data


def _write_all(writes: Sequence[_Write]) -> None:
    done: list[_Write] = []
    try:
        for write in writes:
            if write.target.read_bytes() != write.before:
                raise ApplyRefused(
                    f"{write.path} was changed by another program just now; nothing was applied.", [write.path]
                )
            _replace(write.target, write.after)
            done.append(write)
    except (OSError, ApplyRefused) as error:
        lost = []
        for write in reversed(done):
            try:
                _replace(write.target, write.before)
            except OSError:
                lost.append(write.path)
        if isinstance(error, ApplyRefused) and not lost:
            raise
        outcome = f"and {', '.join(lost)} could not be restored" if lost else "so nothing was changed"
        raise ApplyRefused(f"{writes[len(done)].path} cannot be written ({error}), {outcome}.", lost) from error


def _replace(target: Path, data: bytes) -> None:
    """Write a file atomically: a temporary file beside it, synced, renamed over it; mode and owner stay."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".dlfix", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            _keep_attributes(target, stream.fileno())
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(target.parent)


def _keep_attributes(target: Path, descriptor: int) -> None:
    try:
        present = target.stat()
    except FileNotFoundError:
        return
    if hasattr(os, "fchown"):
        with contextlib.suppress(OSError):  # only a privileged user may give a file to another owner
            os.fchown(descriptor, present.st_uid, present.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(present.st_mode))


def _sync_directory(directory: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can sync a directory
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
