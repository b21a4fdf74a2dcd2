"""What a diagnosis says: symptoms, faults, the task, and what the reference learners reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .source import SourceSpan


@dataclass(frozen=True)
class LayerReference:
    index: int
    name: str


@dataclass(frozen=True)
class Symptom:
    """What a check saw, with the number and the threshold that made it fire.

    Attributes:
        check: Id of the check, a kebab-case noun in the failing state (``dying-relu``).
        text: One sentence with the numbers in it.
        strength: 0..1, how far beyond the threshold; used to rank, not shown.
        fit: Index of the ``fit`` it was seen in.
        details: Further numbers by name (JSON-able) that localization or a report may need.
    """

    check: str
    text: str
    value: float | None = None
    threshold: float | None = None
    layer: LayerReference | None = None
    epoch: int | None = None
    strength: float = 0.5
    fit: int = 0
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A suspect cause.

    Attributes:
        kind: A word of the case file's fault vocabulary (``output_activation``, ``input_scaling``, …).
        layer: The faulty layer, or None.
        hyperparameter: Dotted name (``optimizer.learning_rate``, ``compile.loss``, ``fit.epochs``, ``inputs``,
            ``targets``).
        span: The call expression in the user's source to look at (layer, optimizer, compile or fit call).
        confidence: 0..1, the estimated probability that a change here is needed.
        raw: 0..1, what the evidence adds up to before it is mapped to a probability; None where that is the same.
        symptoms: Indices into the diagnosis' symptoms.
        text: One or two sentences a user understands.
        fit: Index of the ``fit`` concerned.
        details: JSON-able facts for rules, e.g. ``{"suggested_learning_rate": 0.001}``.
    """

    kind: str
    text: str
    confidence: float
    layer: LayerReference | None = None
    hyperparameter: str | None = None
    span: SourceSpan | None = None
    symptoms: tuple[int, ...] = ()
    fit: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    raw: float | None = None

    @property
    def raw_confidence(self) -> float:
        """What answers are ordered by: it tells faults apart where probabilities are all but 0 or 1."""
        return self.confidence if self.raw is None else self.raw


@dataclass(frozen=True)
class Task:
    """What is to be learned, judged from the labels alone.

    Attributes:
        kind: ``binary``, ``multiclass``, ``multilabel``, ``regression`` or ``unknown``.
        classes: Number of classes (2 for binary; labels of a multilabel task; None for regression).
        encoding: ``zero_one``, ``signed`` (-1/1), ``integer`` (0..k-1), ``one_based`` (1..k), ``other_integer``,
            ``one_hot``, ``multi_hot``, ``scaled_integer`` (class ids divided by a constant) or ``real``.
        confidence: 0..1.
    """

    kind: str
    classes: int | None
    encoding: str
    confidence: float
    text: str = ""


@dataclass(frozen=True)
class ReferenceScores:
    """Skill (0 trivial, 1 perfect) of quick scikit-learn learners on the same data and split. None: not computable.

    Attributes:
        held_out: Best skill of learners that are fitted to held-out rows and scored on the last quarter of them, on
            ``held_out_rows`` rows. None where the training rows do about as well as any could, or too few are held out.
    """

    trivial: float | None
    linear: float | None
    best: float | None
    best_name: str | None = None
    metric: str | None = None
    rows: int = 0
    seconds: float = 0.0
    held_out: float | None = None
    held_out_rows: int = 0


@dataclass(frozen=True)
class CheckOutcome:
    """One row of "what was checked": ``fired``, ``passed``, ``not applicable`` or ``failed`` (a bug of ours)."""

    check: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What is said of a run.

    Attributes:
        verdict: ``healthy``, ``faulty`` or ``error`` (the script failed or trained nothing).
        task, reference, skill: Of the fit that the report shows. The skill is that of its network after training; None
            when it was not measured, or its outputs are no predictions of the targets.
    """

    verdict: str
    task: Task
    symptoms: tuple[Symptom, ...]
    faults: tuple[Fault, ...]
    reference: ReferenceScores
    checks: tuple[CheckOutcome, ...]
    notes: tuple[str, ...] = ()
    skill: float | None = None
