"""What a baseline says about a program, and what its child process writes down."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

_NAME = "baseline.json"


@dataclass(frozen=True)
class BaselineOutcome:
    """A baseline on a program.

    Attributes:
        detected: Whether it reports a fault; None where it cannot run.
        layer: Index in ``model.layers`` of the layer it names.
        phase: Where in training, in the tool's words.
        message: What it says; empty when it says nothing.
        seconds: Wall-clock time of the run; it ends with the verdict.
        error: Why it cannot run.
    """

    tool: str
    detected: bool | None
    layer: int | None
    phase: str | None
    message: str
    seconds: float
    error: str | None


@dataclass(frozen=True)
class Finding:
    """A fault as a tool reports it."""

    layer: int | None
    phase: str
    message: str


@dataclass(frozen=True)
class Observation:
    """How far a child process is.

    Attributes:
        watched: Number of fits that ended under the tool's eyes without a finding.
        fitting: Inside of a fit.
        unusable: Why the tool could not watch the first of the fits that it could not watch.
    """

    watched: int = 0
    fitting: bool = False
    unusable: str | None = None
    finding: Finding | None = None

    def write(self, folder: Path) -> None:
        (folder / _NAME).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Observation:
        """What was written last, an empty observation if nothing was."""
        try:
            document = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        finding = document.pop("finding")
        return cls(**document, finding=None if finding is None else Finding(**finding))
