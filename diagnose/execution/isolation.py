"""Nothing a script writes reaches the user's files: choice and entry of the protection.

Three kinds, strongest first. ``overlay`` (see overlay.py) covers the whole machine. ``redirect+landlock`` sends what
Python, h5py, sqlite and TensorFlow write to a copy-on-write folder (redirect.py), and the kernel refuses all other
writes (landlock.py). ``redirect`` is the same without the kernel's help, for systems that have neither.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from . import landlock, overlay


class Isolation(StrEnum):
    """A kind of protection."""

    OVERLAY = "overlay"
    REDIRECT_LANDLOCK = "redirect+landlock"
    REDIRECT = "redirect"


@dataclass(frozen=True)
class IsolationPlaces:
    """The directories of one job, all absolute and without symbolic links.

    Attributes:
        scratch: Directory of this job alone, removed afterwards; has the folders ``tmp`` and ``layers``.
        output: The one directory that is really written to.
        trees: What must appear writable, the project first.
        size_bytes: What the job may write besides ``output``.
    """

    scratch: str
    output: str
    trees: tuple[str, ...]
    size_bytes: int


def strongest_isolation(scratch: Path, wanted: str = "auto") -> Isolation:
    """Find out by trying which protection this machine allows; ``wanted`` names one kind, or is "auto".

    Raises:
        OSError: ``wanted`` is not possible here.
    """
    if wanted in ("auto", Isolation.OVERLAY):
        failure = _try_overlay(scratch)
        if not failure:
            return Isolation.OVERLAY
        if wanted == Isolation.OVERLAY:
            raise OSError(f"overlay isolation is not possible here: {failure}")
    has_landlock = landlock.landlock_version() >= landlock.NEEDED_VERSION
    if wanted == Isolation.REDIRECT_LANDLOCK and not has_landlock:
        raise OSError("redirect+landlock isolation is not possible here: the kernel has no Landlock, or an old one")
    return Isolation.REDIRECT_LANDLOCK if has_landlock and wanted != Isolation.REDIRECT else Isolation.REDIRECT


def enter_isolation(kind: Isolation, places: IsolationPlaces) -> Isolation:
    """Protect this process and all it will start, for good; return what is in force.

    Where an overlay turns out to be impossible for this very project (a mount inside of it, say), redirection takes
    over.
    """
    if kind is Isolation.OVERLAY:
        try:
            overlay.enter_overlay(f"{places.scratch}/layers", places.output, places.trees, places.size_bytes)
            return kind
        except OSError:
            has_landlock = landlock.landlock_version() >= landlock.NEEDED_VERSION
            kind = Isolation.REDIRECT_LANDLOCK if has_landlock else Isolation.REDIRECT
    from .redirect import install_redirection

    free = ["/dev", "/proc"] if os.name == "posix" else []
    free += [places.output, places.scratch]
    install_redirection(Path(places.scratch, "layers"), free)
    if kind is Isolation.REDIRECT_LANDLOCK:
        landlock.allow_writes_only_in(free)
    _limit_file_size(places.size_bytes)
    return kind


def _limit_file_size(size_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = size_bytes if hard == resource.RLIM_INFINITY else min(size_bytes, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))


def _try_overlay(scratch: Path) -> str:
    """Set up an overlay in a process of its own; return why it failed, or an empty string. Call it single-threaded."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    layers, output = scratch / "layers", scratch / "output"
    for directory in (layers, output):
        directory.mkdir(parents=True, exist_ok=True)
    read_end, write_end = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(read_end)
            overlay.enter_overlay(str(layers), str(output), [str(scratch)], 1 << 20)
            (scratch / "kept").write_text("x", encoding="ascii")  # this one must not be seen outside
            (output / "seen").write_text("x", encoding="ascii")
        except BaseException as error:
            os.write(write_end, str(error).encode(errors="replace") or b"unknown")
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        failure = pipe.read().decode()
    os.waitpid(process, 0)
    if failure:
        return failure
    if (scratch / "kept").exists() or not (output / "seen").exists():
        return "what was written to it reached the real files"
    return ""
