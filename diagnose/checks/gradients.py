"""Gradients that fade or blow up on their way back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..structure import weighted_layers
from .registry import check
from .subject import Subject

FADE_RATIO = 1e-3
NO_GRADIENT = 1e-7
GROWTH = 100.0


@check("vanishing-gradient", requires=("statistic gradient_norm",))
def vanishing_gradient(subject: Subject) -> Iterator[Symptom]:
    """The gradient fades before it reaches the first layers.

    Symptom: In the median over the run, the gradient norm of the first layer with weights is below one thousandth of
        the last layer's; or no layer at all has a gradient above 1e-7.
    Why: Saturating or tiny derivatives multiply from layer to layer; the first layers never learn.
    Threshold and its source: AutoTrainer's β1 = 1e-3 for the ratio (its β2, an absolute bound, depends on the loss's
        units and is left out); DeepDiagnosis's and SageMaker Debugger's 1e-7.
    When not: A run that has converged: gradients then vanish everywhere, and the loss is low.
    """
    values = subject.series("gradient_norm")
    if values is None:
        return
    layers = [layer for layer in weighted_layers(subject.fit.model) if layer.trainable_parameters > 0]
    if not layers:
        return
    medians = [_median(values[:, subject.column_of(layer)]) for layer in layers]
    known = [(layer, value) for layer, value in zip(layers, medians, strict=True) if value is not None]
    if not known:
        return
    (first, low), (_, high) = known[0], known[-1]
    if max(value for _, value in known) < NO_GRADIENT:
        yield Symptom(
            "vanishing-gradient",
            "No layer receives a gradient.",
            value=max(value for _, value in known),
            threshold=NO_GRADIENT,
            layer=subject.reference_to(known[-1][0]),
            strength=1.0,
            details={"everywhere": True},
        )
    elif len(known) > 1 and low < FADE_RATIO * high:
        yield Symptom(
            "vanishing-gradient",
            f"The gradient falls from {high:.2g} at the last layer to {low:.2g} at layer {first.index} ({first.name}).",
            value=low / high,
            threshold=FADE_RATIO,
            layer=subject.reference_to(first),
            strength=min(1.0, 0.7 + 0.1 * float(np.log10(FADE_RATIO * high / max(low, 1e-30)))),
            details={"everywhere": False},
        )


def _median(column: np.ndarray) -> float | None:
    finite = column[np.isfinite(column)]
    return float(np.median(finite)) if finite.size else None


@check("exploding-gradient", requires=("gradient norms",))
def exploding_gradient(subject: Subject) -> Iterator[Symptom]:
    """The gradient grows by orders of magnitude.

    Symptom: The largest global gradient norm is more than a hundred times the norm of the first steps, later on.
    Why: Steps leave the region where the slope is informative; recurrent layers multiply it along the sequence.
    Threshold and its source: A factor of 100, near AutoTrainer's β3 = 70 (there between layers); relative, since the
        norm scales with the loss's units (Pascanu et al. 2013 clip at 1 to 10 times the usual norm).
    When not: Single spikes: the 90th percentile of the later samples is taken.
    """
    norms = subject.fit.statistics.gradient_norm
    finite = norms[np.isfinite(norms)]
    if finite.size < 6:
        return
    start = float(np.median(finite[:3]))
    late = float(np.percentile(finite[finite.size // 3 :], 90))
    if start > 0 and late > GROWTH * start and late > 1.0:
        yield Symptom(
            "exploding-gradient",
            f"The gradient norm grew from {start:.3g} to {late:.3g}.",
            value=late / start,
            threshold=GROWTH,
            strength=min(1.0, 0.6 + 0.1 * float(np.log10(late / start / GROWTH) + 1)),
        )
