"""Edits, patches and what trials made of them, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..diagnose.source import SourceSpan


class Applicability(StrEnum):
    """How far an edit may go without a human: as in ruff's diagnostics. ``display-only`` patches are never applied."""

    SAFE = "safe"
    REVIEW = "review"
    DISPLAY_ONLY = "display-only"


@dataclass(frozen=True)
class EditRequest:
    """One typed source change asked for by a rule, its target already found in the trace.

    Attributes:
        edit: Id of the edit (``set-activation``); see ``repair/edits``.
        parameters: As that edit documents them; values are Python source text where they end up in source.
        context: Where things are: the recorded training, the layer to change and the script.
    """

    edit: str
    parameters: dict[str, Any]
    context: EditContext


@dataclass(frozen=True, eq=False)
class EditContext:
    """What an edit knows of the run, besides the sources.

    Two contexts are equal if they are of the very same training; the arrays in it are not compared.

    Attributes:
        fit: The ``FitTrace`` concerned (``dlfix.diagnose.trace.FitTrace``); call sites, layers, data and label facts.
        layer: Index of the layer to change in ``fit.model.layers``, or None.
        script: Project-relative POSIX path of the script that was run.
    """

    fit: Any
    layer: int | None = None
    script: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EditContext):
            return NotImplemented
        return self.fit is other.fit and (self.layer, self.script) == (other.layer, other.script)

    def __hash__(self) -> int:
        return hash((id(self.fit), self.layer, self.script))


@dataclass(frozen=True, order=True)
class TextEdit:
    """Replace the characters ``start:end`` of a decoded file by ``replacement``; ``start == end`` inserts."""

    file: str
    start: int
    end: int
    replacement: str


@dataclass(frozen=True)
class EditRecord:
    """One edit as shown: what stood there and what stands there now."""

    edit: str
    before: str
    after: str
    span: SourceSpan | None


@dataclass(frozen=True)
class FileChange:
    """A file before and after, as bytes, with SHA-256 hex digests of both."""

    path: str
    before: bytes
    after: bytes
    sha256_before: str
    sha256_after: str


@dataclass(frozen=True)
class Patch:
    """One or more edits that make one hypothesis.

    Attributes:
        key: Stable identity: hash of the changed bytes.
        title: One line in the imperative ("Use sigmoid in the output layer").
        fault_kinds: The fault kinds it answers, one per hypothesis part.
        support: 0..1, prior belief that it helps (``knowledge_base.rule_order``); orders the trials.
    """

    key: str
    title: str
    edits: tuple[EditRecord, ...]
    files: tuple[FileChange, ...]
    diff: str
    rules: tuple[str, ...]
    cases: tuple[str, ...]
    fault_kinds: tuple[str, ...]
    requests: tuple[EditRequest, ...] = ()
    applicability: Applicability = Applicability.SAFE
    support: float = 0.5
    why: str = ""

    @property
    def epochs(self) -> int | None:
        """Epochs that it makes ``fit`` train for; None if it leaves them as they are, or sets no plain number."""
        wanted = {"edit": "set-argument", "target": "fit", "name": "epochs"}
        for request in reversed(self.requests):
            said = {"edit": request.edit, **request.parameters}
            if wanted.items() <= said.items() and str(said.get("value")).isdecimal():
                return int(said["value"])
        return None


class TrialState(StrEnum):
    COMPLETED = "completed"
    PRUNED = "pruned"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Trial:
    """One short training of one patch, or of the unpatched baseline (``patch`` is None), with one seed.

    Attributes:
        skill: None when nothing could be scored (crashed); a diverged trial has the floor, -1.
        metrics: The script's own metrics per epoch, for curves.
        fraction: Share of the script's own schedule (epochs) that was run.
    """

    patch: str | None
    seed: int
    state: TrialState
    epochs: int
    seconds: float
    skill: float | None
    reason: str | None = None
    score: float | None = None
    metric: str | None = None
    metrics: dict[str, tuple[float, ...]] = field(default_factory=dict)
    fraction: float = 1.0
    start_seconds: float | None = None
    split: str | None = None
    evaluation: dict[str, Any] = field(default_factory=dict)


class Verdict(StrEnum):
    FIXED = "fixed"
    IMPROVED = "improved"
    NO_CHANGE = "no change"
    WORSE = "worse"
    FAILED = "failed"
    UNTESTED = "untested"


@dataclass(frozen=True)
class Suggestion:
    """A patch with its verdict and its effect.

    Attributes:
        gain: Mean paired gain of skill over seeds, patched minus baseline.
        interval: Confidence interval of that gain.
    """

    rank: int
    patch: Patch
    verdict: Verdict
    baseline_skill: tuple[float, ...]
    patched_skill: tuple[float, ...]
    gain: float | None
    interval: tuple[float, float] | None
    trials: tuple[Trial, ...]
