"""Columns of a table whose numbers do not mean what a network takes them for, and held-out inputs on another scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..findings import Symptom
from ..measures import (
    category_columns,
    heavy_tailed_columns,
    inputs_are_tokens,
    scaled_category_columns,
    starts_with_normalization,
)
from ..trace import ArrayFacts
from .inputs import root_mean_square
from .registry import check
from .split import ENOUGH_ROWS
from .subject import Subject

SCALE_RATIO = 10.0
BEYOND_LINEAR = 0.2


@check("heavy-tailed-inputs", requires=("inputs", "model layers"))
def heavy_tailed_inputs(subject: Subject) -> Iterator[Symptom]:
    """Columns in which a few rows are far larger than all others.

    Symptom: A column without negative values reaches beyond 100 and deviates by more than 1.5 times its mean.
    Why: Scaled by mean and deviation, nearly all rows fall into one spot, and the few large ones rule the gradient;
        logarithms spread them evenly.
    Threshold and its source: 1.5, above the 1 of an exponential distribution; log-normal columns of the cases 58609115,
        47724077 and 31627380 have 1.5 to 7.
    When not: Pixels, token ids, and models that start with a normalising layer.
    """
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit):
        return
    columns = heavy_tailed_columns(subject.fit.data.inputs[0])
    if columns:
        yield Symptom(
            "heavy-tailed-inputs",
            f"In {columns} input column{'s' if columns > 1 else ''} a few rows are far larger than all others.",
            value=float(columns),
            threshold=0.0,
            strength=0.5,
        )


@check("coded-categories", requires=("inputs", "sample", "model layers"))
def coded_categories(subject: Subject) -> Iterator[Symptom]:
    """Codes of categories among the columns of a table, read as amounts.

    Symptom: A column holds 3 to 30 whole numbers without gaps from 0 or 1, or as many broken numbers at equal
        distances, each in five rows or more on average, and their frequencies form no hill. It weighs more where the
        best reference learner is above a linear model by more than 0.2: trees tell codes apart, sums of amounts do not.
    Why: A network takes code 2 for twice code 1, and has to spend units on telling neighbouring codes apart.
    Threshold and its source: Judgement: two codes are a flag, which is fine; turning-point test for hills (Bienayme
        1874), as for labels.
    When not: Tables of more than 20 such columns (counts, grey levels), images, token ids; models that normalise first.
    """
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit):
        return
    columns = category_columns(subject.fit) or scaled_category_columns(subject.fit)
    if columns:
        best, linear = subject.reference.best, subject.reference.linear
        split_by_trees = best is not None and linear is not None and best - linear > BEYOND_LINEAR
        yield Symptom(
            "coded-categories",
            f"{len(columns)} input column{'s' if len(columns) > 1 else ''} may hold codes of categories.",
            value=float(len(columns)),
            threshold=0.0,
            strength=0.8 if split_by_trees else 0.4,
            details={"columns": list(columns)},
        )


@check("mismatched-validation-inputs", requires=("inputs",))
def mismatched_validation_inputs(subject: Subject) -> Iterator[Symptom]:
    """Validation inputs on another scale than the training inputs.

    Symptom: The root mean square of the validation inputs is more than 10 times, or less than a tenth of, that of the
        training inputs.
    Why: The script scales one and not the other; what was learned does not apply there, and the validation loss says
        nothing.
    Threshold and its source: One order of magnitude, as for unscaled inputs; forgotten scaling by 255 or by a scaler
        differs by more (case 59325381).
    When not: No validation data, or held-out data that differ by a smaller factor; models that normalise first; series
        that grow, where the network does well.
    """
    data = subject.fit.data
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit):
        return
    for train, held_out in zip(data.inputs, data.validation_inputs, strict=False):
        sizes = _far_apart(train, held_out)
        if sizes is not None:
            yield _mismatch(
                "mismatched-validation-inputs",
                f"Validation inputs have a typical size of {sizes[1]:.3g}, training inputs of {sizes[0]:.3g}.",
                sizes,
                certain=min(train.rows_seen, held_out.rows_seen) >= ENOUGH_ROWS and not subject.does_well,
            )
            return


@check("mismatched-test-inputs", requires=("inputs", "later calls"))
def mismatched_test_inputs(subject: Subject) -> Iterator[Symptom]:
    """Inputs of ``evaluate`` or ``predict`` after training on another scale than the training inputs.

    Symptom: The root mean square of what one of the first few calls is given is more than 10 times, or less than a
        tenth of, that of the training inputs; the arrays are those of the training but for their rows.
    Why: The script scales one and not the other; what was learned does not apply there, and good training ends in bad
        predictions.
    Threshold and its source: One order of magnitude, as for validation inputs. None of 53 healthy programs reaches it.
    When not: Fewer than 40 rows; token ids; models that normalise first; columns that are not those of the training.
    """
    data = subject.fit.data
    if inputs_are_tokens(subject.fit) or starts_with_normalization(subject.fit):
        return
    for number, call in enumerate(subject.fit.later_calls):
        for train, given in _matched(data.inputs, call.inputs):
            sizes = _far_apart(train, given)
            if sizes is not None and min(train.rows_seen, given.rows_seen) >= ENOUGH_ROWS:
                symptom = _mismatch(
                    "mismatched-test-inputs",
                    f"{call.method}() is given inputs of a typical size of {sizes[1]:.3g}, training inputs have one of "
                    f"{sizes[0]:.3g}.",
                    sizes,
                    certain=True,
                )
                symptom.details["call"] = number
                yield symptom
                return


def _matched(train: Sequence[ArrayFacts], given: Sequence[ArrayFacts]) -> list[tuple[ArrayFacts, ArrayFacts]]:
    """The arrays of two calls that mean the same: by name where all names are known, else by place."""
    by_name = {facts.name: facts for facts in given}
    names = [facts.name for facts in train]
    others = [by_name[name] for name in names] if set(names) == set(by_name) else given
    same = [(one, other) for one, other in zip(train, others, strict=False) if one.shape[1:] == other.shape[1:]]
    return same if len(train) == len(given) == len(same) else []


def _far_apart(train: ArrayFacts, other: ArrayFacts) -> tuple[float, float] | None:
    """Typical sizes of training and other inputs, None where they are of one order."""
    sizes = root_mean_square(train), root_mean_square(other)
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return None
    return sizes if max(sizes) / min(sizes) > SCALE_RATIO else None


def _mismatch(identifier: str, text: str, sizes: tuple[float, float], *, certain: bool) -> Symptom:
    return Symptom(
        identifier,
        text,
        value=sizes[1] / sizes[0],
        threshold=SCALE_RATIO,
        strength=1.0,
        details={
            "certain": certain,
            "training_is_off": abs(math.log(sizes[0])) > abs(math.log(sizes[1])),
            "small": sizes[0] < 1,
        },
    )
