"""What a check looks at: one ``fit`` of a trace, with the task and the reference scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..findings import LayerReference, ReferenceScores, Task
from ..gate import GOOD
from ..losses import OTHER, loss_family
from ..measures import columns, step_gains, updates_made
from ..neighbour_votes import Neighbourhood, neighbourhood
from ..rates import RateRange, rate_range
from ..structure import OutputHead, output_heads
from ..trace import LAYER_STATISTICS, ArrayFacts, FitTrace, LayerFacts
from ..trivial_loss import trivial_loss

#: Names under which Keras records the share of right decisions, whichever way it was asked for.
ACCURACIES = (
    "accuracy",
    "acc",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
)


@dataclass(frozen=True)
class Subject:
    """One ``fit`` under examination. ``index`` is its position in the trace."""

    fit: FitTrace
    task: Task
    reference: ReferenceScores
    index: int = 0

    @cached_property
    def heads(self) -> tuple[OutputHead, ...]:
        """The model's outputs."""
        return output_heads(self.fit.model)

    @property
    def head(self) -> OutputHead | None:
        """The first output."""
        return self.heads[0] if self.heads else None

    @property
    def target(self) -> ArrayFacts | None:
        """The first target."""
        return self.fit.data.targets[0] if self.fit.data.targets else None

    @property
    def family(self) -> str:
        """Family of the first loss, see ``losses.loss_family``."""
        return loss_family(self.fit.compile.losses[0]) if self.fit.compile.losses else OTHER

    @cached_property
    def losses(self) -> np.ndarray:
        """Training loss per finished epoch."""
        return np.asarray(self.fit.epoch_metrics.get("loss", ()), dtype=float)

    @cached_property
    def trivial_loss(self) -> float | None:
        """Loss of the best constant prediction, None when it cannot be worked out."""
        return trivial_loss(self.fit)

    @cached_property
    def rate_range(self) -> RateRange | None:
        """What a range test of learning rates showed, None where none was made or it showed nothing."""
        return rate_range(self.fit.range_test) if self.fit.range_test is not None else None

    @cached_property
    def neighbours(self) -> Neighbourhood | None:
        """Which sampled rows lie near each other; None where that cannot be told."""
        return None if self.fit.sample is None else neighbourhood(self.fit.sample)

    @property
    def skill(self) -> float | None:
        """Skill after training, None when it was not measured, or of outputs that are no predictions of the targets."""
        if self.outputs_belong_to_loss:
            return None
        value = self.fit.evaluation.get("skill")
        if value is None or not math.isfinite(value) or self.task.kind == "unknown":
            return None
        if self.level_belongs_to_loss:
            return max(float(value), float(self.fit.evaluation["correlation"]) ** 2)
        return abs(float(value)) if self.direction_belongs_to_loss else float(value)

    @property
    def is_judged_later(self) -> bool:
        """Whether the held-out rows are those that the script evaluates on after training: ``fit`` was given none."""
        return self.fit.evaluation.get("split") == "test"

    @property
    def held_out_name(self) -> str:
        """What the held-out rows are called."""
        return "test" if self.is_judged_later else "validation"

    @property
    def outputs_belong_to_loss(self) -> bool:
        """Whether a loss of the user's takes several outputs for one target: quantiles, a mean and a deviation."""
        head, target, losses = self.head, self.target, self.fit.compile.losses
        if head is None or target is None or not losses or not losses[0].is_custom:
            return False
        return self.task.kind == "regression" and columns(target) == 1 and (head.units or 1) > 1

    @property
    def direction_belongs_to_loss(self) -> bool:
        """Whether a loss of the user's says which way an output points: a distance is small where labels are 1.

        A predictor turned round has the skill of the other one, with the opposite sign.
        """
        losses, head = self.fit.compile.losses, self.head
        if self.task.kind != "binary" or head is None or not losses or not losses[0].is_custom:
            return False
        return head.activation in (None, "linear") and head.units in (None, 1)

    @property
    def level_belongs_to_loss(self) -> bool:
        """Whether a loss of the user's says where in the spread of its targets a prediction lies: a quantile, say.

        Such predictions are off by a shift and a factor that is not far from 1, within 2 by our choice. They tell what
        their squared correlation with the targets says; where the factor is larger, they are on another scale.
        """
        losses, facts = self.fit.compile.losses, self.fit.evaluation
        judged = self.fit.data.validation_targets if facts.get("split") == "validation" else self.fit.data.targets
        correlation, spread = facts.get("correlation"), facts.get("prediction_std")
        if not losses or not losses[0].is_custom or len(judged) != 1 or columns(judged[0]) != 1:
            return False
        if self.task.kind != "regression" or not correlation or not spread or correlation <= 0:
            return False
        return 0.5 <= float(correlation) * judged[0].std / float(spread) <= 2.0

    @property
    def updates(self) -> int | None:
        """Number of training steps that were made."""
        return updates_made(self.fit)

    @property
    def learned(self) -> bool:
        """Whether the training shows for something: half of the way to perfect, or a loss clearly below a constant's.

        What stands still in such a run has arrived.
        """
        finite = self.losses[np.isfinite(self.losses)]
        if self.skill is not None and self.skill > 0.5:
            return True
        return self.trivial_loss is not None and bool(finite.size) and float(finite[-1]) < 0.9 * self.trivial_loss

    @property
    def does_well(self) -> bool:
        """Whether the network is known to predict well: what looks odd about its data then does no harm."""
        return self.skill is not None and self.skill >= GOOD

    def accuracies(self, *, validation: bool = False) -> np.ndarray:
        """Accuracy per finished epoch under whichever of Keras's names it was recorded; empty if it was not."""
        prefix = "val_" if validation else ""
        for name in ACCURACIES:
            if f"{prefix}{name}" in self.fit.epoch_metrics:
                return np.asarray(self.fit.epoch_metrics[f"{prefix}{name}"], dtype=float)
        return np.empty(0)

    def late_median(self, name: str, layer: LayerFacts) -> float | None:
        """Median of one layer's statistic over the last third of the samples, None where nothing was measured."""
        values = self.series(name)
        if values is None:
            return None
        column = values[self.tail(1 / 3), self.column_of(layer)]
        finite = column[np.isfinite(column)]
        return float(np.median(finite)) if finite.size else None

    def series(self, name: str) -> np.ndarray | None:
        """One layer statistic over time, shape ``(samples, layers)``; None when nothing was recorded."""
        values = self.fit.statistics.layers.get(name)
        if values is None or values.ndim != 2 or values.size == 0:
            return None
        return values

    @cached_property
    def sound(self) -> np.ndarray:
        """Sampled steps before the first in which an output or weight is not finite, as a mask, shape ``(samples,)``.

        What comes after it says nothing: a unit that puts out NaN is not dead.
        """
        broken = np.zeros(len(self.fit.statistics.steps), dtype=bool)
        for name in ("activation_nonfinite", "weight_nonfinite"):
            values = self.series(name)
            if values is not None:
                broken |= (np.nan_to_num(values, nan=0.0) > 0).any(axis=1)
        return ~np.maximum.accumulate(broken) if broken.size else broken

    def reference_to(self, layer: LayerFacts) -> LayerReference:
        """How a symptom names ``layer``."""
        return LayerReference(layer.index, layer.name)

    def column_of(self, layer: LayerFacts) -> int:
        """Column of ``layer`` in the statistics."""
        layers = self.fit.model.layers
        at_its_index = layer.index < len(layers) and layers[layer.index] is layer
        return layer.index if at_its_index else layers.index(layer)

    def tail(self, share: float = 0.2) -> slice:
        """The last part of the samples, at least one."""
        samples = len(self.fit.statistics.steps)
        return slice(max(0, samples - max(1, round(samples * share))), samples)

    def first_missing(self, requires: tuple[str, ...]) -> str | None:
        """Why a check that requires these parts cannot look at this fit; None when it can."""
        for name in requires:
            if not PARTS[name](self):
                return f"the run has no {name}"
        return None


def _has_series(name: str) -> Callable[[Subject], bool]:
    def present(subject: Subject) -> bool:
        values = subject.series(name)
        return values is not None and bool(np.isfinite(values).any())

    return present


#: Parts of a trace that checks may require: name -> whether this subject has it.
PARTS: Mapping[str, Callable[[Subject], bool]] = {
    "epoch losses": lambda subject: subject.losses.size > 0,
    "step losses": lambda subject: subject.fit.statistics.loss.size > 0,
    "model layers": lambda subject: bool(subject.fit.model.layers),
    "output layer": lambda subject: subject.head is not None,
    "losses": lambda subject: bool(subject.fit.compile.losses),
    "inputs": lambda subject: bool(subject.fit.data.inputs),
    "targets": lambda subject: bool(subject.fit.data.targets),
    "sample": lambda subject: subject.fit.sample is not None,
    "evaluation": lambda subject: subject.skill is not None,
    "reference scores": lambda subject: subject.reference.best is not None,
    "validation losses": lambda subject: bool(subject.fit.epoch_metrics.get("val_loss")),
    "initial weights": lambda subject: any(layer.initial for layer in subject.fit.model.layers),
    "range test": lambda subject: subject.rate_range is not None,
    "learning rate": lambda subject: subject.fit.compile.optimizer.learning_rate is not None,
    "step gains": lambda subject: step_gains(subject.fit).before.size > 0,
    "accuracy": lambda subject: subject.accuracies().size > 0,
    "validation sample": lambda subject: (
        subject.fit.sample is not None
        and bool(subject.fit.sample.validation_inputs and subject.fit.sample.validation_targets)
    ),
    "confusion table": lambda subject: bool(subject.fit.evaluation.get("confusion")),
    "correlations": lambda subject: bool(subject.fit.evaluation.get("cross_correlation")),
    "class weights": lambda subject: bool(subject.fit.data.class_weights),
    "sample weights": lambda subject: subject.fit.data.sample_weights is not None,
    "later calls": lambda subject: bool(subject.fit.later_calls),
    "breakdown": lambda subject: subject.fit.breakdown is not None,
    "gradient norms": lambda subject: subject.fit.statistics.gradient_norm.size > 0,
    **{f"statistic {name}": _has_series(name) for name in LAYER_STATISTICS},
}
