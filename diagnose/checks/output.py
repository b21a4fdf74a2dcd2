"""Output activation and output units against the labels: contradictions that can be read before training."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..losses import BINARY, CATEGORICAL, CROSSENTROPIES, MARGIN, SPARSE, canonical_name, loss_family
from ..measures import columns
from ..trace import ArrayFacts
from .registry import check
from .subject import Subject

UNREACHABLE = 0.02
#: Bounds of what an activation can put out.
RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
    "elu": (-1.0, math.inf),
    "selu": (-1.76, math.inf),
    "gelu": (-0.17, math.inf),
    "silu": (-0.28, math.inf),
    "swish": (-0.28, math.inf),
}
#: Activations that turn any number into a probability.
PROBABILITIES = frozenset({"sigmoid", "softmax", "hard_sigmoid"})
IS_CLASSIFICATION = frozenset({"binary", "multiclass", "multilabel"})


def _at_output(subject: Subject, check_id: str, text: str, strength: float, **details: object) -> Symptom:
    head = subject.head
    layer = subject.reference_to(head.activation_layer) if head else None
    return Symptom(check_id, text, layer=layer, strength=strength, details=dict(details))


@check("single-unit-softmax", requires=("output layer",))
def single_unit_softmax(subject: Subject) -> Iterator[Symptom]:
    """Softmax over a single unit.

    Symptom: The output layer has one unit and softmax.
    Why: Softmax divides by the sum over the units; with one unit that is always 1, whatever the input.
    Threshold and its source: Structural; NeuraLint's rule of the same name, cases 31880720, 34311586, 45442843.
    When not: Never right.
    """
    for head in subject.heads:
        if head.activation == "softmax" and head.units == 1:
            yield Symptom(
                "single-unit-softmax",
                "Softmax over one unit is always 1: the prediction cannot depend on the input.",
                value=1.0,
                threshold=2.0,
                layer=subject.reference_to(head.activation_layer),
                strength=1.0,
                details={"certain": True},
            )


@check("unreachable-targets", requires=("output layer", "targets"))
def unreachable_targets(subject: Subject) -> Iterator[Symptom]:
    """Regression targets outside of what the output activation can produce.

    Symptom: Cutting the targets to the range of the output activation leaves an error of more than 2 % of their
        variance: no training whatsoever gets beyond an R² of 0.98.
    Why: A sigmoid ends at 1, a relu at 0, a tanh at ±1.
    Threshold and its source: The error is exact (it bounds R² from above); 2 % spares single outliers.
        DeepDiagnosis alarms for any target outside.
    When not: Targets inside of the range (relu for prices, sigmoid for shares) are fine.
    """
    head, target = subject.head, subject.target
    if head is None or target is None or subject.task.kind != "regression" or head.activation not in RANGES:
        return
    if subject.family in CROSSENTROPIES and subject.fit.compile.losses[0].from_logits:
        return
    low, high = RANGES[head.activation]
    lost = _lost_share(subject, low, high)
    if lost is None or lost <= UNREACHABLE:
        return
    yield _at_output(
        subject,
        "unreachable-targets",
        f"Targets reach from {target.minimum:.4g} to {target.maximum:.4g}, but {head.activation} puts out values "
        f"{_interval(low, high)} only.",
        min(1.0, 0.7 + lost / 3),
        lost_share=lost,
        certain=lost >= 0.1,
        shifted=_is_shifted(target, low, high),
    )


def _is_shifted(target: ArrayFacts, low: float, high: float) -> bool:
    """Whether targets would fit into the range, were they not ten times their own range away from it."""
    spread, away = target.maximum - target.minimum, max(low - target.maximum, target.minimum - high)
    return spread <= high - low and away > 10 * spread


def _interval(low: float, high: float) -> str:
    return f"from {low:g} to {high:g}" if math.isfinite(high) else f"above {low:g}"


def _lost_share(subject: Subject, low: float, high: float) -> float | None:
    """Share of the targets' variance that no output within ``low..high`` can explain."""
    sample, target = subject.fit.sample, subject.target
    if sample is not None and sample.targets:
        values = np.asarray(sample.targets[0], dtype=float).ravel()
        values = values[np.isfinite(values)]
        if values.size and values.var() > 0:
            return float(np.mean((values - np.clip(values, low, high)) ** 2) / values.var())
    if target is None or not target.std > 0:
        return None
    outside = max(low - target.minimum, target.maximum - high, 0.0)
    return 1.0 if outside > target.std else (outside / target.std) ** 2 / 10


@check("unsuitable-output-activation", requires=("output layer", "losses"))
def unsuitable_output_activation(subject: Subject) -> Iterator[Symptom]:
    """A crossentropy over outputs that are not probabilities.

    Symptom: The loss is a crossentropy without ``from_logits``, and the output has no sigmoid or softmax; or it has
        ``from_logits`` and the output is cut by relu, tanh or the like.
    Why: Crossentropies take logarithms: values outside of 0..1 are clipped, and clipped ones have no gradient. Logits
        must be free to take any value.
    Threshold and its source: Structural; UMLAUT, NeuraLint, DeepDiagnosis; cases 44066044, 47352366.
    When not: Custom losses; amounts beyond 0..1, which no probability can be, and a categorical crossentropy over one
        unit: there the loss is wrong.
    """
    for index, (head, loss) in enumerate(zip(subject.heads, subject.fit.compile.losses, strict=False)):
        name = canonical_name(loss.name)
        if loss_family(loss) not in CROSSENTROPIES or loss.is_custom or head.activation is None:
            continue
        if not loss.from_logits and head.activation not in PROBABILITIES:
            always_zero = head.units == 1 and loss_family(loss) == CATEGORICAL
            if always_zero or (index == 0 and _is_beyond_probabilities(subject)):
                continue  # it is the loss that does not suit
            text = f"{name} expects probabilities, but the output is {head.activation}."
            strength = 0.9 if head.activation != "linear" else 0.85
        elif loss.from_logits and head.activation not in PROBABILITIES | {"linear"}:
            text = f"{name} with from_logits=True expects unbounded values, but the output is {head.activation}."
            strength = 0.7
        else:
            continue
        yield Symptom(
            "unsuitable-output-activation",
            text,
            layer=subject.reference_to(head.activation_layer),
            strength=strength,
            details={"activation": head.activation, "from_logits": loss.from_logits},
        )


def _is_beyond_probabilities(subject: Subject) -> bool:
    target = subject.target
    return subject.task.kind == "regression" and target is not None and (target.minimum < 0 or target.maximum > 1)


@check("exclusive-multilabel-output", requires=("output layer", "targets"))
def exclusive_multilabel_output(subject: Subject) -> Iterator[Symptom]:
    """Softmax where several labels may be on at once.

    Symptom: Rows of the labels hold any number of ones, and the output is a softmax.
    Why: Softmax shares one unit of probability among the labels, so two of them can never both be likely.
    Threshold and its source: Structural; case 38648195.
    When not: One-hot labels; soft labels that sum to one.
    """
    head, target = subject.head, subject.target
    if head is None or target is None or head.activation != "softmax" or (head.units or 0) < 2:
        return
    if subject.task.kind == "multilabel" and target.row_sums is not None and target.row_sums[1] > 1:
        yield _at_output(
            subject,
            "exclusive-multilabel-output",
            f"Up to {target.row_sums[1]:.0f} labels are on at once, but softmax makes the labels exclude each other.",
            0.95,
            certain=True,
        )


@check("mixed-output-activation", requires=("output layer", "losses", "targets"))
def mixed_output_activation(subject: Subject) -> Iterator[Symptom]:
    """An output activation that works with the labels, but not as its author meant.

    Symptom: Sigmoid outputs with a categorical loss on exclusive classes, or softmax with binary crossentropy, or an
        activation together with ``from_logits=True``.
    Why: Keras 3 computes these losses from the logits, so most of it trains; gradients or predictions are still not
        what they should be.
    Threshold and its source: Structural; cases 59278771, 51930566, 55328966. Weak on its own.
    When not: The run reaches what the reference learners reach.
    """
    head, target = subject.head, subject.target
    if head is None or target is None or head.units == 1 or subject.task.kind not in ("multiclass", "binary"):
        if head is not None and subject.fit.compile.losses[0].from_logits and head.activation in PROBABILITIES:
            yield _activated_logits(subject, head.activation)
        return
    if subject.family in (CATEGORICAL, SPARSE) and head.activation in ("sigmoid", "hard_sigmoid"):
        yield _at_output(
            subject,
            "mixed-output-activation",
            f"The classes exclude each other, but each of the {head.units} outputs has a {head.activation} of its own.",
            0.5,
        )
    elif subject.family == BINARY and head.activation == "softmax":
        yield _at_output(
            subject, "mixed-output-activation", "Binary crossentropy over a softmax counts every class twice.", 0.3
        )
    elif subject.fit.compile.losses[0].from_logits and head.activation in PROBABILITIES:
        yield _activated_logits(subject, head.activation)


def _activated_logits(subject: Subject, activation: str | None) -> Symptom:
    text = f"The loss is told to expect logits (from_logits=True), but the output already has {activation}."
    return _at_output(subject, "mixed-output-activation", text, 0.5, from_logits=True)


@check("mismatched-output-units", requires=("output layer", "targets"))
def mismatched_output_units(subject: Subject) -> Iterator[Symptom]:
    """The number of outputs does not fit the labels.

    Symptom: One unit for three or more classes; fewer units than class ids; a number of units other than the number of
        label columns.
    Why: One number cannot tell several unordered classes apart; missing columns are broadcast or make the loss fail.
    Threshold and its source: Structural; case 50079585.
    When not: More units than classes with a sparse loss only waste a little; one linear unit on whole numbers may be
        a regression, and says less; a loss of the user's that does not fail may want quantiles, or a mean
        and a deviation.
    """
    head, target, task = subject.head, subject.target, subject.task
    failed = subject.fit.state == "raised"
    if head is None or target is None or head.units is None or (subject.outputs_belong_to_loss and not failed):
        return
    if task.kind == "unknown" and not subject.fit.compile.losses and not failed:
        return  # a training step of the user's makes something else of them
    units, width, classes = head.units, columns(target), task.classes or 0
    expected: int | None = None
    strength, certain = 0.95, True
    if task.kind == "multiclass" and width == 1 and units == 1 and classes > 2:
        expected = classes
        certain = head.activation in PROBABILITIES or subject.family in CROSSENTROPIES | {MARGIN}
        strength = 0.95 if certain else 0.45
    elif subject.family == SPARSE and width == 1 and units > 1 and target.integers and target.maximum >= units:
        expected = int(target.maximum) + 1
    elif width > 1 and units != width and subject.family != SPARSE:
        expected = width
    elif width == 1 and units > 1 and subject.family not in (SPARSE, CATEGORICAL):
        expected = 1 if task.kind in ("binary", "regression") else None
        certain = task.kind == "regression"
        strength = 0.8
    if expected is None or expected == units:
        return
    yield Symptom(
        "mismatched-output-units",
        f"The labels ask for {expected} output{'s' if expected != 1 else ''}, the output layer has {units}.",
        value=float(units),
        threshold=float(expected),
        layer=subject.reference_to(head.layer),
        strength=strength,
        details={"certain": certain, "expected_units": expected},
    )


@check("mismatched-output-shape", requires=("output layer", "targets"))
def mismatched_output_shape(subject: Subject) -> Iterator[Symptom]:
    """The output has more axes than the labels.

    Symptom: Each row of the labels is one value or one vector, but the model puts out a matrix or more per row; or it
        puts out one prediction for each of some number of steps where the labels have one per row.
    Why: A ``Flatten`` or a pooling is missing, or a recurrent layer returns whole sequences; the loss fails or is
        broadcast: every step is then held against the same label.
    Threshold and its source: Structural; NeuraLint's "missing flatten".
    When not: Axes of size 1; outputs whose last axis the sparse loss takes away; steps under losses of the user's own.
    """
    shapes, target = subject.fit.model.output_shapes, subject.target
    if not shapes or target is None:
        return
    output = [size for size in shapes[0][1:] if size != 1]
    labels = [size for size in target.shape[1:] if size != 1]
    allowed = len(labels) + (1 if subject.family == SPARSE or columns(target) == 1 else 0)
    steps = [size for size in shapes[0][1:-1] if size not in (1, None)]
    compared = _is_compared_by_keras(subject)
    broadcast = compared and len(steps) > len(labels)
    if len(output) > max(1, allowed) or broadcast:
        yield _at_output(
            subject,
            "mismatched-output-shape",
            f"Per row, the model puts out shape {tuple(shapes[0][1:])}, the labels have {tuple(target.shape[1:])}.",
            0.95,
            certain=not (broadcast and subject.does_well),
        )


def _is_compared_by_keras(subject: Subject) -> bool:
    """Whether a Keras loss is given the one output and the one target as they are."""
    fit = subject.fit
    alone = len(fit.model.output_shapes) == len(fit.data.targets) == len(fit.compile.losses) == 1
    return fit.origin == "fit" and alone and not fit.compile.losses[0].is_custom
