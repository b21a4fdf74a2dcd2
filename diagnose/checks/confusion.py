"""Which classes are taken for which, and which columns for which: predictions against labels after training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..findings import Symptom
from .registry import check
from .subject import Subject

#: Rows of a class below which its recall says little: five expected cases per cell (Cochran 1954).
ROWS = 5
LOW_RECALL = 0.3
HIGH_RECALL = 0.9
IMBALANCE = 10.0


def _table(subject: Subject) -> tuple[np.ndarray, list[float]]:
    facts: dict[str, Any] = subject.fit.evaluation
    return np.asarray(facts["confusion"], dtype=float), list(facts["classes"])


@check("unpredicted-class", requires=("confusion table",))
def unpredicted_class(subject: Subject) -> Iterator[Symptom]:
    """Some class is never predicted.

    Symptom: A class with at least five rows, and at least half of an even share of them, is predicted for no row.
    Why: Its output is cut off (too few units, wrong activation), its rows are too few beside the others, or its label
        is encoded as another one.
    Threshold and its source: Exactly none; five rows as Cochran 1954 asks of an expected count. SageMaker Debugger's
        Confusion asks for 90 % on the diagonal, which hard tasks never reach.
    When not: Rarer classes (``neglected-class``); predictions that are all the same (``constant-prediction``).
    """
    table, classes = _table(subject)
    counts, predicted = table.sum(axis=1), table.sum(axis=0)
    present = int(np.count_nonzero(counts))
    if present < 2 or np.count_nonzero(predicted) < 2:
        return
    share = counts / counts.sum()
    missed = np.flatnonzero((predicted == 0) & (counts >= ROWS) & (share >= 0.5 / present))
    if missed.size:
        first = int(missed[0])
        yield Symptom(
            "unpredicted-class",
            f"{'Class' if missed.size == 1 else f'{missed.size} classes, among them'} {classes[first]:g} "
            f"({share[first]:.0%} of the rows) {'is' if missed.size == 1 else 'are'} never predicted.",
            value=0.0,
            threshold=0.0,
            strength=min(0.8, 0.4 + 0.4 * missed.size / present),
            details={"classes": [classes[int(index)] for index in missed]},
        )


@check("permuted-classes", requires=("confusion table",))
def permuted_classes(subject: Subject) -> Iterator[Symptom]:
    """The classes are told apart, but under each other's names.

    Symptom: Most rows of some classes are predicted as another one, and theirs as yet another, in a circle: renaming
        those classes would raise the accuracy by at least 0.2 and by three standard errors.
    Why: Labels of training and validation are encoded differently (other order of classes, one-hot columns from another
        set of categories), or the ids have been shifted by one.
    Threshold and its source: 0.2 and three standard errors of a share, our choice: a network that merely errs gains
        nothing by a renaming. SageMaker Debugger's Confusion only looks at the size of off-diagonal entries.
    When not: Fewer than 20 rows; two classes that one network confuses in one direction only; distances, which a loss
        of the user's makes small for what belongs together.
    """
    table, classes = _table(subject)
    rows = table.sum()
    counts = table.sum(axis=1)
    if rows < 20 or np.count_nonzero(counts) < 2 or subject.direction_belongs_to_loss:
        return
    order = _renaming(table)
    moved = [index for index in range(len(classes)) if order[index] != index and counts[index] > 0]
    plain, renamed = np.trace(table) / rows, table[np.arange(len(classes)), order].sum() / rows
    margin = max(0.2, 3 * float(np.sqrt(renamed * (1 - renamed) / rows)))
    # A renaming is one to one among the classes that occur: each is mostly taken for one other.
    mostly = all(table[index, order[index]] > 0.5 * counts[index] for index in moved)
    if not moved or renamed - plain < margin or not mostly:
        return
    first = moved[0]
    yield Symptom(
        "permuted-classes",
        f"Class {classes[first]:g} is mostly predicted as {classes[order[first]]:g}; with {len(moved)} classes renamed "
        f"the accuracy would be {renamed:.0%} instead of {plain:.0%}.",
        value=float(renamed - plain),
        threshold=margin,
        strength=0.9,
        details={"split": subject.fit.evaluation.get("split"), "moved": len(moved)},
    )


def _renaming(table: np.ndarray) -> np.ndarray:
    """The assignment of predicted names to true classes that makes most rows right (Hungarian method)."""
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(-table)[1])


@check("neglected-class", requires=("confusion table",))
def neglected_class(subject: Subject) -> Iterator[Symptom]:
    """A rare class is given up for the sake of the frequent ones.

    Symptom: A class ten times rarer than the most frequent one is recognized in less than 30 % of its rows, the most
        frequent one in more than 90 %.
    Why: Every row counts the same in the loss, so that the rare class hardly matters to it.
    Threshold and its source: SageMaker Debugger's ClassImbalance: a ratio of 10 and 70 % of mispredictions.
    When not: Classes of fewer than five rows, whose recall is a matter of luck; imbalance that the network copes with.
    """
    table, classes = _table(subject)
    counts = table.sum(axis=1)
    recall = np.diagonal(table) / np.maximum(counts, 1)
    largest = int(counts.argmax())
    rare = [
        index
        for index in range(len(classes))
        if counts[index] >= ROWS and counts[largest] >= IMBALANCE * counts[index] and recall[index] < LOW_RECALL
    ]
    if rare and recall[largest] > HIGH_RECALL:
        worst = min(rare, key=lambda index: recall[index])
        yield Symptom(
            "neglected-class",
            f"Only {recall[worst]:.0%} of the rows of class {classes[worst]:g} are recognized, of class "
            f"{classes[largest]:g} {recall[largest]:.0%}.",
            value=float(recall[worst]),
            threshold=LOW_RECALL,
            strength=0.5,
        )


@check("inverted-prediction", requires=("correlations",))
def inverted_prediction(subject: Subject) -> Iterator[Symptom]:
    """Predictions of a regression go down where the targets go up.

    Symptom: The correlation of predictions and targets is below -0.3 and below what 30 unrelated rows could show.
    Why: A sign is lost between training and evaluation, the targets are scaled with a negative factor or sorted the
        other way round; not learning at all gives a correlation near 0.
    Threshold and its source: -0.3, and four standard errors 1 / sqrt(n) of an absent correlation (Fisher 1915).
    When not: Fewer than 20 rows; several columns whose mean correlation is meant.
    """
    value, rows = subject.fit.evaluation.get("correlation"), int(subject.fit.evaluation.get("rows") or 0)
    if value is not None and rows >= 20 and value < -max(0.3, 4 / rows**0.5):
        yield Symptom(
            "inverted-prediction",
            f"Predictions and targets have a correlation of {value:.2f}: they run against each other.",
            value=float(value),
            threshold=-0.3,
            strength=0.7,
        )


@check("permuted-target-columns", requires=("correlations",))
def permuted_target_columns(subject: Subject) -> Iterator[Symptom]:
    """Each predicted column follows another target column than its own.

    Symptom: Reordering the target columns (or outputs) raises the mean correlation of predictions and targets by at
        least 0.3, and at least two columns then have a correlation above 0.5 with a column that is not their own.
    Why: Outputs and targets are listed in different orders, or training and validation targets have their columns in
        different orders.
    Threshold and its source: 0.3 and 0.5, our choice, ten times the sampling error on a thousand rows: related columns
        correlate with each other, but each most with its own.
    When not: Columns that are copies of each other: reordering them gains nothing.
    """
    rows = subject.fit.evaluation["cross_correlation"]
    table = np.array([[np.nan if value is None else float(value) for value in row] for row in rows])
    kept = np.isfinite(table).any(axis=1)
    table = table[np.ix_(kept, kept)]
    if len(table) < 2 or not np.isfinite(table).all() or int(subject.fit.evaluation.get("rows") or 0) < 20:
        return
    order = _renaming(table)
    own, other = np.diagonal(table), table[np.arange(len(table)), order]
    moved = [index for index in range(len(table)) if order[index] != index and other[index] > 0.5]
    gain = float(other.mean() - own.mean())
    if len(moved) >= 2 and gain >= 0.3:
        yield Symptom(
            "permuted-target-columns",
            f"Predicted column {moved[0]} follows target column {int(order[moved[0]])} rather than its own.",
            value=gain,
            threshold=0.3,
            strength=0.9,
            details={"moved": len(moved)},
        )
