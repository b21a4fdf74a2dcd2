"""Units that no longer react: dead and saturated ones, and outputs that ignore the input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..structure import effective_activation
from .registry import check
from .subject import Subject

DEAD = 0.7
SATURATED = 0.5
_BOUNDED = frozenset({"sigmoid", "tanh", "hard_sigmoid", "softsign", "hard_tanh"})


def _before_breaking(subject: Subject, statistic: str) -> np.ndarray | None:
    """A statistic at the steps before numbers stopped being finite."""
    values = subject.series(statistic)
    sound = None if values is None else values[subject.sound]
    return None if sound is None or not len(sound) else sound


@check("dying-relu", requires=("statistic dead_fraction",))
def dying_relu(subject: Subject) -> Iterator[Symptom]:
    """Most rectified units of a layer are never active.

    Symptom: At every sampled step of the last third of the run, at least 70 % of a layer's units are zero for all
        examples of the batch. The smallest value is taken, since a unit that is silent for one batch may be alive.
    Why: A rectified unit that is never active has no gradient and never comes back; one large step, or large negative
        biases, are enough.
    Threshold and its source: 70 % of the units (DeepDiagnosis and AutoTrainer use 0.7 of the values, which healthy
        sparse layers reach; whole units are stricter).
    When not: Sparse but living layers; batches of fewer than four rows make silence common, so the minimum over the
        samples decides.
    """
    values = _before_breaking(subject, "dead_fraction")
    if values is None:
        return
    late = values[-max(1, round(len(values) / 3)) :]
    for layer in subject.fit.model.layers:
        column = late[:, subject.column_of(layer)]
        finite = column[np.isfinite(column)]
        if not finite.size or finite.min() < DEAD:
            continue
        share = float(finite.min())
        whole = values[:, subject.column_of(layer)]
        first = int(np.flatnonzero(whole >= DEAD)[0])
        yield Symptom(
            "dying-relu",
            f"{share:.0%} of the units of layer {layer.index} ({layer.name}) are never active "
            f"from epoch {int(subject.fit.statistics.epochs[first])} on.",
            value=share,
            threshold=DEAD,
            layer=subject.reference_to(layer),
            epoch=int(subject.fit.statistics.epochs[first]),
            strength=min(1.0, 0.5 + (share - DEAD) / (1 - DEAD) / 2),
            details={
                "is_output": _is_output(subject, layer.index),
                "first_step": int(subject.fit.statistics.steps[first]),
            },
        )


@check("saturated-activation", requires=("statistic saturated_fraction",))
def saturated_activation(subject: Subject) -> Iterator[Symptom]:
    """A hidden sigmoid or tanh layer sits at its bounds.

    Symptom: More than half of the outputs of a hidden layer lie within 1 % of a bound, in the median of the last third.
    Why: There the derivative is below 2 % of its maximum: hardly any gradient passes to this layer and those before.
    Threshold and its source: Half of the values, as DeepDiagnosis (pre-activations beyond ±5); SageMaker Debugger asks
        for half of the units.
    When not: The output layer, where certainty is what is wanted; gates of recurrent layers.
    """
    values = _before_breaking(subject, "saturated_fraction")
    if values is None:
        return
    late = values[-max(1, round(len(values) / 3)) :]
    for layer in subject.fit.model.layers:
        if _is_output(subject, layer.index) or effective_activation(subject.fit.model, layer) not in _BOUNDED:
            continue
        column = late[:, subject.column_of(layer)]
        finite = column[np.isfinite(column)]
        if not finite.size or np.median(finite) <= SATURATED:
            continue
        share = float(np.median(finite))
        whole = values[:, subject.column_of(layer)]
        first = int(np.flatnonzero(whole > SATURATED)[0])
        yield Symptom(
            "saturated-activation",
            f"{share:.0%} of the outputs of layer {layer.index} ({layer.name}, {layer.activation}) are at a bound.",
            value=share,
            threshold=SATURATED,
            layer=subject.reference_to(layer),
            epoch=int(subject.fit.statistics.epochs[first]),
            strength=min(1.0, 0.5 + (share - SATURATED)),
            details={"from_start": first == 0},
        )


def _is_output(subject: Subject, index: int) -> bool:
    return any(index in (head.layer.index, head.activation_layer.index) for head in subject.heads)


@check("constant-prediction", requires=("evaluation",))
def constant_prediction(subject: Subject) -> Iterator[Symptom]:
    """The model predicts the same for every row.

    Symptom: After training, predictions do not vary, or in a regression vary by less than 1 % of what the targets do.
    Why: The output is saturated, dead, normalised away (softmax on one unit), or never learned to look at the input.
    Threshold and its source: Exactly constant up to rounding, or 1 % of the targets' standard deviation: an R² of at
        most 2 % is left (R² <= 2 r s - s² with s = 0.01).
    When not: Labels of one class, where a constant is right.
    """
    facts, target = subject.fit.evaluation, subject.target
    if subject.task.classes == 1 or target is None:
        return
    spread = facts.get("prediction_std")
    relative = None
    if subject.task.kind == "regression" and spread is not None and target.std > 0:
        relative = float(spread) / target.std
    if not facts.get("constant") and (relative is None or relative >= 0.01):
        return
    value = 0.0 if relative is None else relative
    low = facts.get("prediction_min")
    yield Symptom(
        "constant-prediction",
        f"The predictions are the same for every row{'' if low is None else f', about {float(low):.4g}'}.",
        value=value,
        threshold=0.01,
        layer=subject.reference_to(subject.head.layer) if subject.head else None,
        strength=1.0 if facts.get("constant") else 0.8,
        details={"prediction": low},
    )
