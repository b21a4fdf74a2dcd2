"""Held-out inputs on another scale than the training inputs: those of ``fit``, and those that come after it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..findings import Symptom
from ..measures import inputs_are_tokens, starts_with_normalization
from ..trace import ArrayFacts
from .inputs import root_mean_square
from .registry import check
from .split import ENOUGH_ROWS
from .subject import Subject

SCALE_RATIO = 10.0
#: Standard deviations between the training inputs and others.
FAR_AWAY = 3.0
#: Columns that vary less are taken for constant.
SMALLEST_DEVIATION = 1e-9


@check("mismatched-validation-inputs", requires=("inputs",))
def mismatched_validation_inputs(subject: Subject) -> Iterator[Symptom]:
    """Validation inputs on another scale than the training inputs.

    Symptom: The root mean square of the validation inputs is more than 10 times, or less than a tenth of, that of the
        training inputs; or their columns lie, in the median, more than 3 standard deviations away from where those of
        the training lie.
    Why: The script scales one and not the other; what was learned does not apply there, and the validation loss says
        nothing.
    Threshold and its source: One order of magnitude, as for unscaled inputs; forgotten scaling by 255 or by a scaler
        differs by more (case 59325381). 3 deviations: by Chebyshev's inequality at most one row in nine of any
        distribution lies there; of 92 pairs of inputs in 45 healthy programs the farthest lie 0.16 apart.
    When not: No validation data (test rows have a check of their own), or held-out data that differ by less; models
        that normalise first; series that grow, where the network does well.
    """
    data = subject.fit.data
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit) or subject.is_judged_later:
        return
    for train, held_out in zip(data.inputs, data.validation_inputs, strict=False):
        symptom = _mismatch("mismatched-validation-inputs", "Validation inputs", train, held_out)
        if symptom is not None:
            symptom.details["certain"] = symptom.details["certain"] and not subject.does_well
            yield symptom
            return


@check("mismatched-test-inputs", requires=("inputs", "later calls"))
def mismatched_test_inputs(subject: Subject) -> Iterator[Symptom]:
    """Inputs of ``evaluate`` or ``predict`` after training on another scale than the training inputs.

    Symptom: As for validation inputs, of the arrays that one of the first few calls is given.
    Why: The script scales one and not the other; what was learned does not apply there, and good training ends in bad
        predictions.
    Threshold and its source: As for validation inputs.
    When not: Fewer than 40 rows; token ids; models that normalise first; columns that are not those of the training.
    """
    data = subject.fit.data
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit):
        return
    # Evaluations first: they come with labels, so that a patch can be proven on them.
    calls = sorted(enumerate(subject.fit.later_calls), key=lambda pair: pair[1].method != "evaluate")
    for number, call in calls:
        for train, given in _matched(data.inputs, call.inputs):
            symptom = _mismatch("mismatched-test-inputs", f"The inputs of {call.method}()", train, given)
            if symptom is not None and symptom.details["certain"]:
                symptom.details["call"] = number
                symptom.details["judged_here"] = subject.is_judged_later
                yield symptom
                return


def _matched(train: Sequence[ArrayFacts], given: Sequence[ArrayFacts]) -> list[tuple[ArrayFacts, ArrayFacts]]:
    """The arrays of two calls that mean the same, put in one order by the probe; none if one has another shape."""
    same = [(one, other) for one, other in zip(train, given, strict=False) if one.shape[1:] == other.shape[1:]]
    return same if len(train) == len(given) == len(same) else []


def _mismatch(identifier: str, what: str, train: ArrayFacts, other: ArrayFacts) -> Symptom | None:
    """The symptom where other inputs are not scaled like the training inputs; certain with enough rows of both."""
    sizes = root_mean_square(train), root_mean_square(other)
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return None
    ratio, distance = sizes[1] / sizes[0], _distance(train, other)
    if max(ratio, 1 / ratio) > SCALE_RATIO:
        text = f"have a typical size of {sizes[1]:.3g}, training inputs of {sizes[0]:.3g}."
        value, threshold = ratio, SCALE_RATIO
    elif distance > FAR_AWAY:
        text = f"lie {distance:.2g} standard deviations away from the training inputs."
        value, threshold = distance, FAR_AWAY
    else:
        return None
    return Symptom(
        identifier,
        f"{what} {text}",
        value=value,
        threshold=threshold,
        strength=1.0,
        details={
            "certain": min(train.rows_seen, other.rows_seen) >= ENOUGH_ROWS,
            "training_is_off": abs(math.log(sizes[0])) > abs(math.log(sizes[1])),
            "small": sizes[0] < 1,
        },
    )


def _distance(train: ArrayFacts, other: ArrayFacts) -> float:
    """How far the means of columns lie apart, in standard deviations of the training's: the median over those
    that vary.
    """
    by_column = bool(train.column_mean) and len(train.column_mean) == len(other.column_mean)
    deviations = np.asarray(train.column_std if by_column else [train.std])
    if by_column:
        apart = np.abs(np.asarray(train.column_mean) - np.asarray(other.column_mean))
    else:
        apart = np.abs(np.asarray([train.mean - other.mean]))
    usable = np.isfinite(apart) & (deviations > SMALLEST_DEVIATION)
    return float(np.median(apart[usable] / deviations[usable])) if usable.any() else 0.0
