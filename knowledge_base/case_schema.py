"""What the case file may hold: real bugs with their published patches, as facts."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .vocabulary import CASE_KINDS, require_word

Role = Literal["root_cause", "contributing", "not_a_fault", "harmful_change"]
Listed = Literal["both", "xlsx_only", "files_only", "not_in_patch"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Loose(BaseModel):
    """Facts whose further fields differ from case to case."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Labels(_Model):
    shape: list[int]
    encoding: str
    values: str


class DataFile(_Model):
    name: str
    bytes: int | None
    rows: int | None = None
    columns: int | None = None
    note: str | None = None


class CaseData(_Model):
    description: str
    origin: str
    files: list[DataFile]
    input_shape: list[int]
    samples: dict[str, int | str | None]
    labels: Labels
    input_range: list[float] | None
    scaling: str


class CaseLayer(_Loose):
    index: int
    type: str
    activation: str | None = None


class CaseOptimizer(_Model):
    name: str
    learning_rate: float
    momentum: float | None = None
    nesterov: bool | None = None
    decay: float | None = None
    note: str | None = None


class CaseCompile(_Model):
    loss: str
    optimizer: CaseOptimizer
    metrics: list[str]


class CaseFit(_Model):
    epochs: int | None
    batch_size: int
    validation: str | None
    shuffle: bool | Literal["batch"]
    steps_per_epoch: int | None = None
    note: str | None = None


class CaseFault(_Model):
    """One change between the faulty and the corrected program, or one that is missing there, with its judgement."""

    kind: str
    layer: int | None = None
    hyperparameter: str | None = None
    before: Any = Field(alias="from")
    after: Any = Field(alias="to")
    listed: Listed
    role: Role
    why: str | None = None

    @property
    def real(self) -> bool:
        """The old value was at fault: it caused or contributed to the symptom."""
        return self.role in ("root_cause", "contributing")

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        return require_word(kind, CASE_KINDS, "fault kind")


class CaseEdit(_Model):
    edit: str
    target: str
    before: Any = Field(alias="from")
    after: Any = Field(alias="to")
    listed: Listed


class CaseResult(_Model):
    loss: float | None
    accuracy: float | None


class Reproducible(_Model):
    verdict: Literal["yes", "needs MNIST", "needs CIFAR-10", "needs image folder", "no"]
    exact_data: bool
    recipe: str


class Assessment(_Model):
    genuine_fault: bool | Literal["partly"]
    patch: Literal["fixes", "partly_fixes", "does_not_fix", "makes_worse", "not_needed", "not_applicable"]


class Case(_Model):
    """A real bug with its published patch, as facts."""

    id: str
    source: Literal["stackoverflow", "github"]
    reference: str
    xlsx_no: int
    task: str
    data: CaseData
    model: list[CaseLayer]
    activations_are_separate_layers: bool
    compile: CaseCompile
    fit: CaseFit
    faults: list[CaseFault]
    patch: list[CaseEdit]
    result_before: CaseResult
    result_after: CaseResult
    symptom: str
    reproducible: Reproducible
    deeplocalize: Any
    assessment: Assessment
    notes: list[str]
    better_fix: str | None

    def teaches(self, kinds: frozenset[str]) -> bool:
        """Whether a fault of one of these kinds was judged real in this case."""
        return any(fault.real and fault.kind in kinds for fault in self.faults)


class CaseFile(_Model):
    benchmark: dict[str, Any]
    cases: list[Case]
    summary: dict[str, Any]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids = [case.id for case in self.cases]
        repeated = sorted({i for i in ids if ids.count(i) > 1})
        if repeated:
            raise ValueError(f"case ids must be unique, repeated: {', '.join(repeated)}")
        return self
