"""What is run in a child process, and how it ended.

A job runs one script of the user's as ``__main__``, possibly with some of its source files replaced in memory, under an
agent: a function of ours inside the child that installs hooks, runs the script and writes what it saw to ``output``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class JobState(StrEnum):
    """How a child process ended."""

    COMPLETED = "completed"  # the agent returned: the script ended, or the agent stopped it on purpose
    RAISED = "raised"  # the script raised (details are in the agent's own output)
    CRASHED = "crashed"  # the process died: signal, os._exit, abort inside a native library
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Limits:
    """``seconds``: wall clock from the start of the child; ``memory_bytes``: memory of its whole process tree."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Job:
    """One run of a script.

    Attributes:
        agent: ``"package.module:function"`` called in the child as ``function(job, run_script)``; see ``child.py``.
        script: Absolute path of the script.
        project_root: Absolute path of the project that must stay as it is.
        output: Directory the agent may write to; everything else the child writes is thrown away.
        overrides: Absolute path -> source bytes to run instead of the file's (the patched source).
        parameters: JSON-able settings for the agent.
        threads: Threads TensorFlow may use inside one operation.
    """

    agent: str
    script: str
    project_root: str
    output: str
    limits: Limits
    arguments: tuple[str, ...] = ()
    working_directory: str = ""
    environment: dict[str, str] | None = None
    overrides: dict[str, bytes] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    threads: int = 1


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended.

    Attributes:
        reason: One line for the user ("ran longer than 60 s", "killed by signal 11 (SIGSEGV)"), empty when completed.
        log: Path of the captured stdout and stderr (first and last part when the script prints very much).
        start_seconds: From submission until the user's first line ran (fork, hooks), None if it never did.
    """

    state: JobState
    seconds: float
    exit_code: int | None
    reason: str
    output: Path
    log: Path
    start_seconds: float | None = None
    peak_memory_bytes: int = 0
