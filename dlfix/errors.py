"""What can go wrong, how it is said, and with which exit code the command line ends."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``suggest`` and ``diagnose``; the other commands use those that apply to them."""

    HEALTHY = 0  # no fault found (other commands: done)
    FAULTY = 1  # at least one fault found, patch or not (`apply`: refused)
    USAGE = 2  # wrong usage or configuration
    SCRIPT = 3  # the script failed, or never trained a model
    BUG = 4  # a bug in dlfix
    INTERRUPTED = 130  # Ctrl-C; what was finished is reported


class DlfixError(Exception):
    """An error with a message for the user.

    Args:
        slug: Stable name of the kind of error: an anchor of ``docs/troubleshooting.md``, a word for ``dlfix explain``.
        what: What happened and what was received, one sentence.
        hint: What to do about it.
    """

    exit_code = ExitCode.BUG

    def __init__(self, slug: str, what: str, hint: str = "") -> None:
        super().__init__(what if not hint else f"{what}\n{hint}")
        self.slug = slug
        self.what = what
        self.hint = hint


class UsageError(DlfixError):
    """dlfix was called or configured in a way it cannot follow; nothing was run."""

    exit_code = ExitCode.USAGE


class ScriptError(DlfixError):
    """The user's script failed or trained nothing; the pipeline turns it into a result with the verdict ``error``.

    Args:
        traceback: Text to show below the message: the script's own traceback, trimmed to the user's frames.
        type_name: Class of the script's exception, if there was one.
    """

    exit_code = ExitCode.SCRIPT

    def __init__(self, slug: str, what: str, hint: str = "", *, traceback: str = "", type_name: str = "") -> None:
        super().__init__(slug, what, hint)
        self.traceback = traceback
        self.type_name = type_name


class ApplyRefused(DlfixError):
    """A patch was not applied; nothing was written."""

    exit_code = ExitCode.FAULTY


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean x?"`` for the nearest of ``known``, or an empty string when none is near.

    Example:
        >>> did_you_mean("trian.py", ["train.py", "model.py"])
        'Did you mean train.py?'
    """
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f"Did you mean {lowered[near[0]]}?" if near else ""
