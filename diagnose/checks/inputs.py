"""Inputs and targets in unsuitable units, and missing values."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..losses import CROSSENTROPIES, REGRESSION, canonical_name
from ..measures import inputs_are_tokens, starts_with_normalization
from ..structure import first_layers
from ..trace import ArrayFacts
from .registry import check
from .subject import Subject

LARGE_SCALE = 10.0
HALF_LARGE = 3.0
OFFSET = 10.0
SMALL_SCALE = 0.1
LARGE_TARGETS = 10.0
SMALL_TARGETS = 0.01
#: Losses that amounts are given to, crossentropies by mistake.
ON_AMOUNTS = CROSSENTROPIES | {REGRESSION}


def root_mean_square(inputs: ArrayFacts) -> float:
    """Typical size of an entry: what the first layer's sums are proportional to."""
    if inputs.column_std:
        means, deviations = np.asarray(inputs.column_mean), np.asarray(inputs.column_std)
        return float(np.sqrt(np.nanmean(means**2 + deviations**2)))
    return math.hypot(inputs.mean, inputs.std)


def worst_offset(inputs: ArrayFacts) -> float:
    """Largest |mean| / std over columns that vary: how far the data lies from the origin, in its own spread."""
    pairs = list(zip(inputs.column_mean, inputs.column_std, strict=True)) or [(inputs.mean, inputs.std)]
    return max((abs(mean) / std for mean, std in pairs if std > 1e-12 and abs(mean) > 1), default=0.0)


@check("nonfinite-inputs", requires=("inputs",))
def nonfinite_inputs(subject: Subject) -> Iterator[Symptom]:
    """NaN or infinity among the inputs.

    Symptom: At least one input value is not finite.
    Why: One NaN in a row makes every activation of that row NaN, and the first update makes all weights NaN.
    Threshold and its source: Any entry; UMLAUT and SageMaker Debugger.
    When not: Models with a layer that replaces them; such a run has a finite loss, and localization stays silent.
    """
    count = sum(item.nonfinite for item in subject.fit.data.inputs)
    if count:
        yield Symptom(
            "nonfinite-inputs",
            f"{count} input values are NaN or infinite.",
            value=float(count),
            threshold=0.0,
            strength=1.0,
        )


@check("unscaled-inputs", requires=("inputs", "model layers"))
def unscaled_inputs(subject: Subject) -> Iterator[Symptom]:
    """Inputs far larger, or far more off-centre, than what the first layer's initial weights are made for.

    Symptom: The root mean square of the entries is above 10 or below 0.1, or some column's mean is more than 10 of its
        standard deviations away from zero.
    Why: Glorot and He initialisation assume entries of about unit size; larger ones saturate or kill the first layer
        and make the loss surface steep in some directions and flat in others.
    Threshold and its source: One order of magnitude away from LeCun et al. 1998 (zero mean, unit variance). UMLAUT and
        DeepDiagnosis alarm beyond ±1 and were wrong on 26 of 26 and 11 of 25 healthy programs.
    When not: Inputs of an Embedding; a normalising layer first; measured values such as 0..7.9, which train well.
    """
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit):
        return
    for item in subject.fit.data.inputs:
        scale, offset = root_mean_square(item), worst_offset(item)
        if not math.isfinite(scale):
            continue
        if scale > LARGE_SCALE:
            text, value, threshold = f"Input values have a typical size of {scale:.4g}.", scale, LARGE_SCALE
            strength = min(1.0, 0.5 + 0.2 * math.log10(scale / LARGE_SCALE))
        elif offset > OFFSET:
            text = f"Some input column lies {offset:.0f} of its standard deviations away from zero."
            value, threshold, strength = offset, OFFSET, 0.5
        elif 0 < scale < SMALL_SCALE and not _is_sparse(item):
            text, value, threshold = f"Input values have a typical size of only {scale:.2g}.", scale, SMALL_SCALE
            strength = min(0.6, 0.3 + 0.15 * math.log10(SMALL_SCALE / scale))
        else:
            continue
        first = first_layers(subject.fit.model)
        yield Symptom(
            "unscaled-inputs",
            text,
            value=value,
            threshold=threshold,
            layer=subject.reference_to(first[0]) if first else None,
            strength=strength,
            details={"scale": scale, "offset": offset, "small": scale < SMALL_SCALE, "input": item.name},
        )
        return


@check("large-inputs", requires=("inputs", "model layers"))
def large_inputs(subject: Subject) -> Iterator[Symptom]:
    """Inputs larger than usual, though not by an order of magnitude.

    Symptom: The root mean square of the entries is above 3 and up to 10.
    Why: As for ``unscaled-inputs``, only less: with a rate at its upper end such inputs make the difference.
    Threshold and its source: Half an order of magnitude from unit variance (LeCun et al. 1998).
    When not: Most networks stand such inputs: it is a hint where training is poor, and no sign of that.
    """
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit):
        return
    scale = max((root_mean_square(item) for item in subject.fit.data.inputs), default=0.0)
    first = first_layers(subject.fit.model)
    if HALF_LARGE < scale <= LARGE_SCALE:
        yield Symptom(
            "large-inputs",
            f"Input values have a typical size of {scale:.3g}.",
            value=scale,
            threshold=HALF_LARGE,
            layer=subject.reference_to(first[0]) if first else None,
            strength=0.5,
        )


def _is_sparse(item: ArrayFacts) -> bool:
    """One-hot rows and word counts are small on average without being badly scaled."""
    return item.integers or item.maximum >= 1 or item.minimum <= -1


@check("unscaled-targets", requires=("targets", "losses"))
def unscaled_targets(subject: Subject) -> Iterator[Symptom]:
    """Regression targets far from the unit size that a fresh network puts out.

    Symptom: Mean or standard deviation of a target column is above 10 in absolute value, or all of them are below 0.01.
    Why: Output weights start small, so the network must first travel all the way to the targets' level; gradients of
        squared errors grow with the targets' units, so that a usual learning rate is too small or explodes.
    Threshold and its source: One order of magnitude from unit variance (LeCun et al. 1998; cases 48934338, 52800582).
    When not: Classification; losses that are relative (logarithmic or percentage errors); models that end in a layer
        of the user's that scales back; runs that reach the references anyway.
    """
    target = subject.target
    if target is None or subject.task.kind != "regression" or subject.family not in ON_AMOUNTS:
        return
    if canonical_name(subject.fit.compile.losses[0].name) in (
        "mean_squared_logarithmic_error",
        "msle",
        "mean_absolute_percentage_error",
        "mape",
    ):
        return
    if any(head.layer.class_name in ("Lambda", "Rescaling", "Normalization") for head in subject.heads):
        return
    scale = max([target.std, abs(target.mean), *target.column_std, *(abs(mean) for mean in target.column_mean)])
    if scale > LARGE_TARGETS:
        yield Symptom(
            "unscaled-targets",
            f"The targets have a mean of {target.mean:.4g} and a standard deviation of {target.std:.4g}.",
            value=scale,
            threshold=LARGE_TARGETS,
            strength=min(1.0, 0.45 + 0.15 * math.log10(scale / LARGE_TARGETS)),
            details={"scale": scale},
        )
    elif 0 < scale < SMALL_TARGETS:
        yield Symptom(
            "unscaled-targets",
            f"The targets have a mean of {target.mean:.2g} and a standard deviation of only {target.std:.2g}.",
            value=scale,
            threshold=SMALL_TARGETS,
            strength=min(1.0, 0.45 + 0.15 * math.log10(SMALL_TARGETS / scale)),
            details={"scale": scale, "small": True},
        )
