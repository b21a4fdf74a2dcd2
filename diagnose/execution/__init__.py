"""Running a script of the user's in a child process that starts fast and can harm nothing."""

from __future__ import annotations

from .client import Executor, ExecutorError
from .job import Job, JobOutcome, JobState, Limits
from .project import find_project_root

__all__ = ["Executor", "ExecutorError", "Job", "JobOutcome", "JobState", "Limits", "find_project_root"]
