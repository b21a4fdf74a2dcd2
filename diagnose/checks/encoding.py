"""Columns of a table whose numbers do not mean what a network takes them for."""

from __future__ import annotations

from collections.abc import Iterator

from ..findings import Symptom
from ..measures import (
    category_columns,
    heavy_tailed_columns,
    inputs_are_tokens,
    scaled_category_columns,
    starts_with_normalization,
)
from .registry import check
from .subject import Subject

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
