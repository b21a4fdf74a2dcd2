"""Labels that their neighbours contradict, that belong to other rows, or that a single column gives away."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..measures import identifier_columns, inputs_are_tokens, telltale_column
from ..neighbour_votes import MAX_ROWS, are_alike, contradicted, neighbourhood, next_row_resemblance, voted_skill
from ..skill import classes_of
from ..trace import DataSample
from .registry import check
from .subject import Subject

NOISE = 0.05
TOLD = 0.3
SHIFTS = (-3, -2, -1, 1, 2, 3)
NOTHING = 0.1
MUCH = 0.5
#: Rows of either side from which on it is told what the inputs say about the labels.
ROWS = 100
SERIES = 0.9


@check("contradicted-labels", requires=("sample", "targets"))
def contradicted_labels(subject: Subject) -> Iterator[Symptom]:
    """Many labels are not what their neighbours' labels say.

    Symptom: For more than 5 % of the training rows, eight of the ten nearest other rows agree on another class, and a
        linear learner fitted without the row does not name its class either; and neighbours tell the labels at least
        30 % of the way from the most frequent class to all rows right.
    Why: Labels were given carelessly, mixed up or shuffled in part. The network can only learn such rows by heart.
    Threshold and its source: Counting of labels that confident out-of-sample predictions contradict (Northcutt et al.,
        Confident learning, 2021; Wilson 1972 for neighbours); 5 %: labels of well-known test sets are wrong in 3.3 % on
        average (Northcutt et al. 2021b). Measured by planting noise: at 10 % digits, iris, wine and cancer show 5 to
        8 %, without noise 0 to 1 %, overlapping synthetic classes 2 to 3 %.
    When not: Tokens, and data in which neighbours tell nothing, as chance alone then makes them agree. Classes that
        overlap look like noise to anyone, so this is a hint and no proof.
    """
    fit = subject.fit
    if subject.task.kind not in ("binary", "multiclass") or inputs_are_tokens(fit) or fit.sample is None:
        return
    known = subject.neighbours
    if known is None:
        return
    classes = classes_of(subject.task, np.asarray(fit.sample.targets[0])[known.rows])
    if classes.ndim > 1 or not np.isfinite(classes).all() or not 2 <= len(np.unique(classes)) <= len(classes) // 10:
        return
    share = float(contradicted(known, classes).mean())
    if share > NOISE and voted_skill(known, classes) > TOLD:
        yield Symptom(
            "contradicted-labels",
            f"{share:.0%} of the labels are contradicted by the labels of similar rows.",
            value=share,
            threshold=NOISE,
            strength=min(1.0, 0.4 + 2 * share),
        )


@check("misaligned-labels", requires=("sample", "targets"))
def misaligned_labels(subject: Subject) -> Iterator[Symptom]:
    """The labels belong to the rows above or below.

    Symptom: Quick learners explain less than a tenth of the labels' variance from the inputs of the same row, but more
        than half when the labels are moved by one to three rows.
    Why: One of two files has a header or a dropped row more than the other, or a window was cut one step too far.
    Threshold and its source: A tenth and a half, our choice; far apart, so that series whose neighbouring rows resemble
        each other (which then explain their own labels, too) are not meant.
    When not: More rows than the sample holds, or data that came in batches: then neighbours are not seen. Windows over
        a series, which hold their neighbours' labels by design: some column has a correlation above 0.9 with one of
        the next row.
    """
    fit = subject.fit
    sample, target = fit.sample, subject.target
    if sample is None or target is None or fit.data.kind != "arrays" or inputs_are_tokens(fit):
        return
    if fit.data.rows != len(sample.inputs[0]) or len(sample.targets[0]) != fit.data.rows:
        return
    known = subject.neighbours if len(sample.inputs[0]) <= MAX_ROWS else neighbourhood(sample, whole=True)
    if known is None:
        return
    if next_row_resemblance(sample, known.rows) > SERIES:
        return
    labels = _numbers(subject, np.asarray(sample.targets[0])[known.rows])
    if labels is None or known.explained(labels) >= NOTHING:
        return
    # What wraps around at the ends is three rows at most.
    scores = {shift: known.explained(np.roll(labels, shift, axis=0)) for shift in SHIFTS}
    best = max(scores, key=lambda shift: scores[shift])
    if scores[best] > MUCH:
        yield Symptom(
            "misaligned-labels",
            f"The inputs say nothing about the labels of their own rows, but explain {scores[best]:.0%} of those "
            f"{abs(best)} row{'s' if abs(best) > 1 else ''} {'above' if best > 0 else 'below'}.",
            value=scores[best],
            threshold=MUCH,
            strength=1.0,
            details={"certain": True, "shift": best},
        )


@check("unrelated-labels", requires=("sample", "targets"))
def unrelated_labels(subject: Subject) -> Iterator[Symptom]:
    """The labels of the training rows belong to other rows, as those of the held-out rows show.

    Symptom: Quick learners explain less than a tenth of the labels' variance from the inputs of the training rows, but
        more than half of it from those of the held-out rows, among themselves.
    Why: Inputs and labels were shuffled, sorted or filtered apart from each other, on one side only.
    Threshold and its source: A tenth and a half, as for ``misaligned-labels``.
    When not: Fewer than a hundred rows on either side; training inputs that are themselves unlike the held-out ones
        (scrambled, drowned in noise), among which the held-out rows have no near neighbours.
    """
    sample, fit = subject.fit.sample, subject.fit
    if sample is None or not sample.validation_inputs or not sample.validation_targets or inputs_are_tokens(fit):
        return
    held_out = DataSample(sample.validation_inputs, sample.validation_targets)
    sides = (sample.targets[0], subject.neighbours), (held_out.targets[0], neighbourhood(held_out))
    explained = []
    for targets, known in sides:
        labels = None if known is None or len(known.rows) < ROWS else _numbers(subject, np.asarray(targets)[known.rows])
        if known is None or labels is None:
            return
        explained.append(known.explained(labels))
    if explained[0] < NOTHING and explained[1] > MUCH and are_alike(sample.inputs, held_out.inputs):
        yield Symptom(
            "unrelated-labels",
            "The inputs of the training rows say nothing about their labels, while those of the "
            f"{subject.held_out_name} rows explain {explained[1]:.0%} of theirs: in training, labels stand beside the "
            "wrong rows.",
            value=explained[1],
            threshold=MUCH,
            strength=1.0,
            details={"certain": True},
        )


def _numbers(subject: Subject, labels: np.ndarray) -> np.ndarray | None:
    """Labels as columns of numbers: indicators of classes, or the targets themselves."""
    if labels.dtype.kind not in "biuf" or not np.isfinite(labels.astype(float)).all():
        return None
    if subject.task.kind in ("binary", "multiclass"):
        classes = classes_of(subject.task, labels)
        if classes.ndim > 1 or len(np.unique(classes)) > 50:
            return None
        return np.asarray(np.eye(len(np.unique(classes)))[np.unique(classes, return_inverse=True)[1]])
    if subject.task.kind not in ("regression", "multilabel"):
        return None
    flat = labels.reshape(len(labels), -1).astype(float)
    return flat if flat.shape[1] <= 64 else None


@check("telltale-column", requires=("sample", "targets"))
def telltale_column_(subject: Subject) -> Iterator[Symptom]:
    """A single input column gives the target away.

    Symptom: One column of a table has a correlation beyond 0.9999 with the target of a regression, or cuts all classes
        apart at fixed values, on at least 100 rows.
    Why: The target, or something worked out from it, was left among the inputs. What is learned from it is of no use
        where the target is not known.
    Threshold and its source: 0.9999, beyond any measurement; exact separation on 100 rows. Kaufman et al., Leakage in
        data mining, 2012, for the pattern.
    When not: Toy data whose target *is* a simple function of one column. Training does not suffer from it: a hint.
    """
    found = telltale_column(subject.fit, subject.task.kind)
    if found is not None:
        yield Symptom(
            "telltale-column",
            f"Input column {found} alone tells the target.",
            value=float(found),
            threshold=None,
            strength=0.2,
            details={"column": found},
        )


@check("identifier-columns", requires=("inputs", "sample"))
def identifier_columns_(subject: Subject) -> Iterator[Symptom]:
    """A column of the table numbers the rows.

    Symptom: A column of whole numbers from 0 or 1 that hardly repeat and leave few gaps.
    Why: A row's number says nothing about new rows; the largest column of all, it rules the first layer's sums.
    Threshold and its source: ``measures.identifier_columns``: more than half of the values distinct, more than half of
        the span used, on at least 50 rows; our choice.
    When not: Time steps that do mean something; models that normalise first.
    """
    found = identifier_columns(subject.fit)
    if found:
        yield Symptom(
            "identifier-columns",
            f"Input column {found[0]} numbers the rows.",
            value=float(len(found)),
            threshold=0.0,
            strength=0.4,
            details={"columns": list(found)},
        )
