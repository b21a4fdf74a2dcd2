"""Which directory is the project of a script."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")


def find_project_root(script: Path) -> Path:
    """Return the directory that is to be left as it is when ``script`` runs.

    It is the nearest ancestor that carries a project marker, and the script's own directory when there is none. The
    home directory, the root of the filesystem and the directory of temporary files are never a project, whatever lies
    in them: a stray ``setup.cfg`` there would make a project of everything the user owns.

    Args:
        script: Path of the script; it need not exist.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp()).resolve()
        >>> (root / "pyproject.toml").touch()
        >>> find_project_root(root / "src" / "train.py") == root
        True
    """
    directory = script.absolute().parent.resolve()
    never = _directories_that_are_no_project()
    for candidate in (directory, *directory.parents):
        if candidate in never:
            break
        if any((candidate / marker).exists() for marker in _MARKERS):
            return candidate
    return directory


def _directories_that_are_no_project() -> set[Path]:
    never = {Path("/").resolve(), Path(tempfile.gettempdir()).resolve()}
    never.update(Path(name).resolve() for name in ("/tmp", "/var/tmp", "/dev/shm"))
    with contextlib.suppress(RuntimeError):  # no home directory is known for this user
        never.add(Path.home().resolve())
    return never
