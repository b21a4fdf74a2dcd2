"""What client, server, supervisor and child hand to each other: plain JSON and a small shared page."""

from __future__ import annotations

import base64
import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .isolation import Isolation, IsolationPlaces
from .job import Job, Limits

_PAGE = 1 << 16
_STARTED, _FINISHED = 0, 512


@dataclass(frozen=True)
class JobRequest:
    """A job with everything that is decided outside of the child.

    Attributes:
        start: "fork" or "spawn".
        environment: The whole environment of the script.
        log: Where stdout and stderr go.
        submitted: ``time.monotonic()`` of the submission, which is the same clock in all processes of a machine.
        preset: Variables the script sets itself and that must hold before an agent imports a framework.
    """

    job: Job
    start: str
    isolation: Isolation
    places: IsolationPlaces
    environment: dict[str, str]
    log: str
    submitted: float
    preset: dict[str, str]

    @property
    def status_path(self) -> str:
        """The shared page in which the child says how far it came."""
        return f"{self.places.scratch}/status"

    def save(self) -> Path:
        """Write the request into its scratch directory."""
        job = self.job
        fields: dict[str, Any] = {name: getattr(job, name) for name in _PLAIN_FIELDS}
        fields["limits"] = [job.limits.seconds, job.limits.memory_bytes]
        fields["overrides"] = {path: base64.b64encode(data).decode() for path, data in job.overrides.items()}
        document = {
            "job": fields,
            "start": self.start,
            "isolation": str(self.isolation),
            "places": [self.places.scratch, self.places.output, self.places.trees, self.places.size_bytes],
            "environment": self.environment,
            "log": self.log,
            "submitted": self.submitted,
            "preset": self.preset,
        }
        path = Path(self.places.scratch, "request.json")
        path.write_text(json.dumps(document), encoding="utf-8")  # surrogates in paths are escaped by JSON
        return path

    @staticmethod
    def load(path: Path) -> JobRequest:
        """Read what ``save`` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        fields = document["job"]
        fields["arguments"] = tuple(fields["arguments"])
        fields["limits"] = Limits(*fields["limits"])
        fields["overrides"] = {name: base64.b64decode(text) for name, text in fields["overrides"].items()}
        scratch, output, trees, size = document["places"]
        document["job"] = Job(**fields)
        document["places"] = IsolationPlaces(scratch, output, tuple(trees), size)
        document["isolation"] = Isolation(document["isolation"])
        return JobRequest(**document)


_PLAIN_FIELDS = (
    "agent",
    "script",
    "project_root",
    "output",
    "arguments",
    "working_directory",
    "environment",
    "parameters",
    "threads",
)


class StatusPage:
    """A page shared by child and supervisor.

    A pipe could be closed by the script (daemons close all descriptors); a mapped page stays.
    """

    def __init__(self, path: str) -> None:
        file = Path(path)
        if not file.exists():
            file.write_bytes(bytes(_PAGE))
        with file.open("r+b") as stream:
            self._page = mmap.mmap(stream.fileno(), _PAGE)

    def write_started(self, event: dict[str, Any]) -> None:
        """Note that the user's first line is about to run."""
        self._write(_STARTED, event, _FINISHED)

    def write_finished(self, event: dict[str, Any]) -> None:
        """Note how the agent ended."""
        self._write(_FINISHED, event, _PAGE)

    @property
    def started(self) -> dict[str, Any] | None:
        """What ``write_started`` noted."""
        return self._read(_STARTED)

    @property
    def finished(self) -> dict[str, Any] | None:
        """What ``write_finished`` noted."""
        return self._read(_FINISHED)

    def _write(self, start: int, event: dict[str, Any], end: int) -> None:
        data = json.dumps(event).encode()
        if start + 4 + len(data) > end:
            raise ValueError("the event is too long for the status page")
        self._page[start + 4 : start + 4 + len(data)] = data
        # The length goes last: a reader sees either nothing or the whole event.
        self._page[start : start + 4] = len(data).to_bytes(4, "big")

    def _read(self, start: int) -> dict[str, Any] | None:
        length = int.from_bytes(self._page[start : start + 4], "big")
        if not length:
            return None
        event = json.loads(self._page[start + 4 : start + 4 + length])
        return event if isinstance(event, dict) else None
