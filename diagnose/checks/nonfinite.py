"""Numbers that stopped being numbers: NaN or infinity in loss, activations, gradients or weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..breakdown_text import sentence_of
from ..findings import LayerReference, Symptom
from ..trace import Breakdown
from .registry import check
from .subject import Subject


@check("nonfinite-loss", requires=("step losses",))
def nonfinite_loss(subject: Subject) -> Iterator[Symptom]:
    """The training loss is NaN or infinite.

    Symptom: The loss of a step, or of an epoch, is NaN or infinite.
    Why: From then on every gradient is NaN, and so is every weight: training is over.
    Threshold and its source: Any single value. Keras's own TerminateOnNaN, DeepLocalize and AutoTrainer do the same.
    When not: Never harmless.
    """
    series, steps = subject.fit.statistics.loss, subject.fit.statistics.loss_steps
    bad = np.flatnonzero(~np.isfinite(series))
    epochs = np.flatnonzero(~np.isfinite(subject.losses))
    if not bad.size and not epochs.size:
        return
    step = int(steps[bad[0]]) if bad.size else None
    epoch = int(epochs[0]) if epochs.size else None
    where = f"from step {step}" if step is not None else f"in epoch {epoch}"
    broken = subject.fit.breakdown
    why = "" if broken is None else f" Step {broken.step} broke first. {sentence_of(broken)}"
    first_value = float(series[0]) if series.size and np.isfinite(series[0]) else None
    yield Symptom(
        "nonfinite-loss",
        f"The loss is not a finite number {where} on.{why}",
        value=float(step if step is not None else epoch or 0),
        threshold=0.0,
        epoch=epoch,
        strength=1.0,
        details={"step": step, "first_loss": first_value, **_details(broken)},
    )


def _details(broken: Breakdown | None) -> dict[str, object]:
    if broken is None:
        return {}
    known = {"direction": broken.direction, "operation": broken.operation, "tensor": broken.tensor}
    return {f"breakdown_{name}": value for name, value in known.items()} | {"breakdown_step": broken.step}


def _told(check_id: str, broken: Breakdown) -> Symptom:
    """The symptom that a replayed step speaks of."""
    return Symptom(
        check_id,
        f"{sentence_of(broken)} This is what broke first, at step {broken.step}.",
        value=(broken.value.nan + broken.value.infinite) / max(1, broken.value.size),
        threshold=0.0,
        layer=None if broken.layer is None else LayerReference(broken.layer, broken.operation),
        epoch=broken.epoch,
        strength=1.0,
        details={"step": broken.step, "exact": broken.exact, **_details(broken)},
    )


def _first_nonfinite(subject: Subject, statistic: str, check_id: str, noun: str) -> Iterator[Symptom]:
    values = subject.series(statistic)
    if values is None:
        return
    bad = np.nan_to_num(values, nan=0.0) > 0
    rows = np.flatnonzero(bad.any(axis=1))
    if not rows.size:
        return
    row = int(rows[0])
    column = int(np.flatnonzero(bad[row])[0])
    layer = subject.fit.model.layers[column]
    step, epoch = int(subject.fit.statistics.steps[row]), int(subject.fit.statistics.epochs[row])
    yield Symptom(
        check_id,
        f"{noun} of layer {layer.index} ({layer.name}) are the first to hold NaN or infinity, at step {step}.",
        value=float(values[row, column]),
        threshold=0.0,
        layer=subject.reference_to(layer),
        epoch=epoch,
        strength=1.0,
        details={"step": step},
    )


@check("nonfinite-activation", requires=("statistic activation_nonfinite",))
def nonfinite_activation(subject: Subject) -> Iterator[Symptom]:
    """A layer puts out NaN or infinity.

    Symptom: Some entry of a layer's output is not finite; the first such layer is named.
    Why: Everything behind it, and the loss, is lost.
    Threshold and its source: Any entry; DeepLocalize stops at NaN or infinity in a forward value.
    When not: After a step that was replayed and broke elsewhere: what follows is a consequence, and not told.
    """
    broken = subject.fit.breakdown
    if broken is None:
        yield from _first_nonfinite(subject, "activation_nonfinite", "nonfinite-activation", "The outputs")
    elif broken.direction == "forward" and broken.cause == "operation":
        yield _told("nonfinite-activation", broken)


@check("nonfinite-gradient", requires=("statistic gradient_nonfinite",))
def nonfinite_gradient(subject: Subject) -> Iterator[Symptom]:
    """A gradient is NaN or infinite.

    Symptom: Some entry of the gradient with respect to a layer's weights is not finite; the first layer is named.
    Why: The update that follows destroys the weights.
    Threshold and its source: Any entry; DeepLocalize and AutoTrainer.
    When not: Under mixed precision with loss scaling a rare overflow is skipped by the optimizer; then weights stay
        finite and nothing else fires. After a step that was replayed and broke elsewhere: a consequence.
    """
    broken = subject.fit.breakdown
    if broken is None:
        yield from _first_nonfinite(subject, "gradient_nonfinite", "nonfinite-gradient", "The gradients")
    elif broken.direction == "backward":
        yield _told("nonfinite-gradient", broken)


@check("nonfinite-weight", requires=("statistic weight_nonfinite",))
def nonfinite_weight(subject: Subject) -> Iterator[Symptom]:
    """A weight is NaN or infinite.

    Symptom: Some weight of a layer is not finite; the first layer is named.
    Why: The model can no longer predict anything.
    Threshold and its source: Any entry; DeepLocalize and DeepFD.
    When not: Never harmless.
    """
    broken = subject.fit.breakdown
    if broken is not None and (broken.direction == "update" or broken.cause == "weights"):
        yield _told("nonfinite-weight", broken)
    else:
        yield from _first_nonfinite(subject, "weight_nonfinite", "nonfinite-weight", "The weights")


@check("nonfinite-batch", requires=("breakdown",))
def nonfinite_batch(subject: Subject) -> Iterator[Symptom]:
    """A batch that was trained on holds NaN or infinity.

    Symptom: The step that broke was replayed, and what was not finite in it was fed in: inputs, labels or weights of
        samples.
    Why: One such row in a million ends the training as surely as a thousand, and a sample of the data may miss it.
    Threshold and its source: Any entry, provided that it reaches the loss or a weight: rows that the model masks or
        replaces break nothing and are not told. The replay follows the numbers back to where they came from.
    When not: Never harmless.
    """
    broken = subject.fit.breakdown
    if broken is not None and broken.cause == "data":
        told = _told("nonfinite-batch", broken)
        yield replace(told, details={**told.details, "certain": True})


#: Operations that are not defined everywhere, however small the numbers are, and the largest number for which that, not
#: their size, is to blame.
_PARTIAL = (
    "Log",
    "RealDiv",
    "DivNoNan",
    "Reciprocal",
    "Sqrt",
    "Rsqrt",
    "Pow",
    "Acos",
    "Asin",
    "Atanh",
    "Xdivy",
    "Xlogy",
)
_ORDINARY = 1e6


def _undefined(broken: Breakdown | None, direction: str) -> bool:
    """Whether a step broke in an operation that has no value for numbers of an ordinary size."""
    if broken is None or broken.direction not in (direction, "backward") or broken.cause != "operation":
        return False
    in_loss = broken.kind == "loss"
    if in_loss != (direction == "loss") or any(item.nan or item.infinite for item in broken.inputs):
        return False
    reach = max((max(abs(item.minimum), abs(item.maximum)) for item in broken.inputs), default=0.0)
    partial = (broken.detail or "").startswith(_PARTIAL) or broken.direction == "backward"
    return partial and reach < _ORDINARY


@check("undefined-loss", requires=("breakdown", "losses"))
def undefined_loss(subject: Subject) -> Iterator[Symptom]:
    """A loss of the user's own has no finite value for predictions that a network may well make.

    Symptom: The step that broke, replayed, broke in the loss, in a logarithm, division, root or power of numbers of an
        ordinary size, or in its derivative; and the loss is the user's own.
    Why: A sigmoid or softmax reaches exactly 0 and 1 in float32; log(0), 0/0 and the derivative of sqrt at 0 are not
        finite. Keras's own losses clip, or work on logits.
    Threshold and its source: Structural, on the replayed step; inputs below 1e6, beyond which float32's range (Higham
        2002) begins to be the matter.
    When not: Keras's losses; losses that overflow because the predictions do.
    """
    broken = subject.fit.breakdown
    if broken is not None and subject.fit.compile.losses[0].is_custom and _undefined(broken, "loss"):
        yield replace(_told("undefined-loss", broken), layer=None, details={"certain": True, **_details(broken)})


@check("undefined-operation", requires=("breakdown",))
def undefined_operation(subject: Subject) -> Iterator[Symptom]:
    """A layer takes a logarithm, root or quotient of numbers for which there is none.

    Symptom: The step that broke, replayed, broke in a layer, in a logarithm, division, root or power of numbers of an
        ordinary size, or in its derivative.
    Why: The function is not defined, or has no slope, for inputs that the layer before may well put out.
    Threshold and its source: As for ``undefined-loss``.
    When not: Overflow of large numbers, which has its cause before the layer.
    """
    broken = subject.fit.breakdown
    if broken is not None and broken.layer is not None and _undefined(broken, "forward"):
        yield _told("undefined-operation", broken)
