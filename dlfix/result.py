"""The result document, schema ``dlfix/1``: the one thing that terminal, HTML, JSON and SARIF are views of.

Fields beyond those of the schema's first page are additions that the HTML report draws from; a report computes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null", populate_by_name=True)


class Location(_Document):
    """Lines and columns counted from 1; the end column stands behind the last character."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


class LayerName(_Document):
    index: int
    name: str


class TaskResult(_Document):
    kind: str
    classes: int | None = None
    encoding: str = "unknown"
    confidence: float = 0.0
    text: str = ""


class TrialResult(_Document):
    seed: int
    state: str
    epochs: int
    seconds: float
    skill: float | None = None
    reason: str | None = None
    fraction: float = 1.0
    metrics: dict[str, tuple[float | None, ...]] = {}


class BaselineResult(_Document):
    skill: tuple[float | None, ...] = ()
    epochs: int = 0
    seconds: float = 0.0
    metric: str | None = None
    split: str | None = None
    trials: tuple[TrialResult, ...] = ()  # the unpatched script under the same seeds and budget: the curves "before"


class ReferenceResult(_Document):
    trivial: float | None = None
    linear: float | None = None
    best: float | None = None
    best_name: str | None = None


class SymptomResult(_Document):
    """``epoch`` is counted from 0."""

    check: str
    layer: LayerName | None = None
    epoch: int | None = None
    value: float | None = None
    threshold: float | None = None
    text: str


class FaultResult(_Document):
    rank: int
    kind: str
    layer: LayerName | None = None
    hyperparameter: str | None = None
    confidence: float
    location: Location | None = None
    symptoms: tuple[int, ...] = ()
    text: str = ""


class EditResult(_Document):
    edit: str
    before: str = Field(alias="from")
    after: str = Field(alias="to")
    location: Location | None = None


class FileResult(_Document):
    path: str
    sha256_before: str
    sha256_after: str


class SkillResult(_Document):
    baseline: tuple[float | None, ...] = ()
    patched: tuple[float | None, ...] = ()
    gain: float | None = None
    interval: tuple[float, float] | None = None


class SuggestionResult(_Document):
    rank: int
    patch: str
    title: str
    why: str = ""
    verdict: Literal["fixed", "improved", "no change", "worse", "failed", "untested"]
    applicability: Literal["safe", "review", "display-only"] = "safe"
    rules: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    fault_kinds: tuple[str, ...] = ()
    edits: tuple[EditResult, ...] = ()
    files: tuple[FileResult, ...] = ()
    diff: str = ""
    skill: SkillResult = SkillResult()
    trials: tuple[TrialResult, ...] = ()


class LayerResult(_Document):
    """One layer in the picture of the model.

    Attributes:
        series: Statistic name -> values at ``ModelResult.steps`` (at most 300 points).
        faults: Ranks of the faults that name this layer.
    """

    index: int
    name: str
    class_name: str
    activation: str | None = None
    units: int | None = None
    output_shape: tuple[int | None, ...] | None = None
    parameters: int = 0
    inbound: tuple[int, ...] = ()
    location: Location | None = None
    faults: tuple[int, ...] = ()
    series: dict[str, tuple[float | None, ...]] = {}


class ModelResult(_Document):
    name: str
    kind: str
    parameters: int
    steps: tuple[int, ...] = ()
    layers: tuple[LayerResult, ...] = ()


class CostResult(_Document):
    probe_seconds: float = 0.0
    watching_share: float | None = None
    trial_seconds: float = 0.0
    wall_seconds: float = 0.0
    trials: int = 0


class CheckResult(_Document):
    check: str
    status: Literal["fired", "passed", "not applicable", "failed"]
    reason: str = ""


class ExceptionResult(_Document):
    type_name: str
    message: str
    traceback: str


class Result(_Document):
    """Everything one run of ``suggest`` or ``diagnose`` found."""

    schema_: Literal["dlfix/1"] = Field(default="dlfix/1", alias="schema")
    dlfix: str
    run: str = ""  # id of the run folder
    created: str = ""  # ISO 8601, UTC
    script: str
    arguments: tuple[str, ...] = ()
    project_root: str = ""
    verdict: Literal["healthy", "faulty", "error"]
    summary: str = ""  # the verdict as one sentence
    interrupted: bool = False  # by Ctrl-C; what was finished until then is in here
    error: str | None = None  # what went wrong when verdict is "error": what happened, what was received, what to do
    exception: ExceptionResult | None = None
    task: TaskResult = TaskResult(kind="unknown")
    baseline: BaselineResult = BaselineResult()
    reference: ReferenceResult = ReferenceResult()
    symptoms: tuple[SymptomResult, ...] = ()
    faults: tuple[FaultResult, ...] = ()
    suggestions: tuple[SuggestionResult, ...] = ()
    model: ModelResult | None = None
    metrics: dict[str, tuple[float | None, ...]] = {}  # the probe run's metrics per epoch
    loss_steps: tuple[int, ...] = ()
    loss: tuple[float | None, ...] = ()  # the probe run's loss per step, at most 300 points
    cost: CostResult = CostResult()
    checks_run: tuple[str, ...] = ()
    checks_failed: tuple[CheckResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    notes: tuple[str, ...] = ()
    environment: dict[str, Any] = {}
    settings: dict[str, Any] = {}

    def to_json(self) -> str:
        return self.model_dump_json(by_alias=True, indent=2)

    def _repr_html_(self) -> str:
        """The report for a notebook, in a frame of its own so that no style leaks either way."""
        from html import escape

        from .views.html import render_html

        page = escape(render_html(self), quote=True)
        return f'<iframe srcdoc="{page}" title="dlfix report" style="width:100%;height:640px;border:0"></iframe>'

    @classmethod
    def from_json(cls, text: str | bytes) -> Result:
        return cls.model_validate_json(text)

    @classmethod
    def load(cls, path: Path) -> Result:
        return cls.from_json(path.read_bytes())
