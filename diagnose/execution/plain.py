"""The agent that does nothing but run the script."""

from __future__ import annotations

from collections.abc import Callable

from .job import Job


def run(_job: Job, run_script: Callable[[], None]) -> None:
    """Run the script; used to measure a start and by whoever needs a script's effects alone."""
    run_script()
