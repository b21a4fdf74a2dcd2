"""Numbers that stopped being numbers: NaN or infinity in loss, activations, gradients or weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
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
    first_value = float(series[0]) if series.size and np.isfinite(series[0]) else None
    yield Symptom(
        "nonfinite-loss",
        f"The loss is not a finite number {where} on.",
        value=float(step if step is not None else epoch or 0),
        threshold=0.0,
        epoch=epoch,
        strength=1.0,
        details={"step": step, "first_loss": first_value},
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
    When not: Never harmless.
    """
    yield from _first_nonfinite(subject, "activation_nonfinite", "nonfinite-activation", "The outputs")


@check("nonfinite-gradient", requires=("statistic gradient_nonfinite",))
def nonfinite_gradient(subject: Subject) -> Iterator[Symptom]:
    """A gradient is NaN or infinite.

    Symptom: Some entry of the gradient with respect to a layer's weights is not finite; the first layer is named.
    Why: The update that follows destroys the weights.
    Threshold and its source: Any entry; DeepLocalize and AutoTrainer.
    When not: Under mixed precision with loss scaling a rare overflow is skipped by the optimizer; then weights stay
        finite and nothing else fires.
    """
    yield from _first_nonfinite(subject, "gradient_nonfinite", "nonfinite-gradient", "The gradients")


@check("nonfinite-weight", requires=("statistic weight_nonfinite",))
def nonfinite_weight(subject: Subject) -> Iterator[Symptom]:
    """A weight is NaN or infinite.

    Symptom: Some weight of a layer is not finite; the first layer is named.
    Why: The model can no longer predict anything.
    Threshold and its source: Any entry; DeepLocalize and DeepFD.
    When not: Never harmless.
    """
    yield from _first_nonfinite(subject, "weight_nonfinite", "nonfinite-weight", "The weights")
