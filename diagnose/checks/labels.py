"""Labels that are broken, encoded wrongly or one-sided."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..gate import NOTHING
from ..losses import BINARY, CATEGORICAL, MARGIN, SPARSE
from ..measures import (
    batches_come_in_blocks,
    class_shares,
    columns,
    inputs_are_tokens,
    labels_are_sorted,
    labels_multiplier,
    updates_made,
)
from ..trace import FitTrace
from .registry import check
from .step_size import FEW_UPDATES
from .subject import Subject

IMBALANCE = 10.0
KNOWN = 0.5


@check("nonfinite-labels", requires=("targets",))
def nonfinite_labels(subject: Subject) -> Iterator[Symptom]:
    """NaN or infinity among the labels.

    Symptom: At least one label is not a finite number.
    Why: The loss of that row, and with it of the whole batch, is NaN.
    Threshold and its source: Any entry; SageMaker Debugger and UMLAUT check inputs likewise.
    When not: Losses of the user's own that mask missing labels.
    """
    for target in subject.fit.data.targets:
        if target.nonfinite:
            yield Symptom(
                "nonfinite-labels",
                f"{target.nonfinite} label values are NaN or infinite.",
                value=float(target.nonfinite),
                threshold=0.0,
                strength=1.0,
                details={"certain": not any(loss.is_custom for loss in subject.fit.compile.losses)},
            )


@check("out-of-range-labels", requires=("targets", "losses", "output layer"))
def out_of_range_labels(subject: Subject) -> Iterator[Symptom]:
    """Class labels that the loss or the output has no place for.

    Symptom: Ids below 0 or beyond the last output unit with a sparse loss; classes other than 0 and 1 with binary
        crossentropy; one-hot rows of other numbers with categorical crossentropy.
    Why: Sparse losses fail or give NaN for such ids; the others have no lower bound beyond 0..1.
    Threshold and its source: Structural; case 50079585.
    When not: Smoothed labels within 0..1; hinge losses, which turn 0/1 into -1/1 on their own.
    """
    head, target, family = subject.head, subject.target, subject.family
    if head is None or target is None or subject.task.kind == "regression" or family == MARGIN:
        return
    limit: float
    if family == SPARSE and head.units is not None and head.units > 1:
        limit = head.units - 1
    elif family in (BINARY, CATEGORICAL):
        limit = 1
    else:
        return
    if family == CATEGORICAL and (columns(target) == 1 or target.maximum <= 0):
        return  # ids under this loss are told by their shape
    if target.minimum < 0 or target.maximum > limit:
        yield Symptom(
            "out-of-range-labels",
            f"The labels reach from {target.minimum:g} to {target.maximum:g}; loss and output have room for 0 to "
            f"{limit:g}.",
            value=target.maximum if target.maximum > limit else target.minimum,
            threshold=float(limit),
            strength=1.0,
            details={"certain": True, "starts_at": target.minimum, "ends_at": target.maximum, "limit": limit},
        )


@check("scaled-class-labels", requires=("targets",))
def scaled_class_labels(subject: Subject) -> Iterator[Symptom]:
    """Class ids divided by a constant.

    Symptom: The labels are a few evenly spaced fractions, such as 0, 1/255, 2/255 …; or they are 0 and one other number
        than 1, such as 255, under a binary crossentropy.
    Why: The labels were scaled along with the inputs, or were not. A loss for class ids cuts fractions to 0, and a
        binary crossentropy falls without end for labels above 1.
    Threshold and its source: Structural; case 59325381.
    When not: A regression on few levels: then loss and output are those of a regression.
    """
    target, head = subject.target, subject.head
    if target is None or head is None:
        return
    if subject.family == BINARY and target.unique is not None and len(target.unique) == 2:
        low, high = target.unique
        if low == 0 and high > 1:
            yield Symptom(
                "scaled-class-labels",
                f"The labels are 0 and {high:g}, where 0 and 1 are meant.",
                value=high,
                threshold=1.0,
                strength=0.95,
                details={"certain": True, "multiplier": 1 / high},
            )
            return
    if columns(target) != 1:
        return
    multiplier = labels_multiplier(target)
    for_classes = subject.family == SPARSE or (head.activation == "softmax" and (head.units or 0) > 2)
    if multiplier is None or target.integers or not for_classes:
        return
    yield Symptom(
        "scaled-class-labels",
        f"The labels are fractions from {target.minimum:.4g} to {target.maximum:.4g}; times {multiplier:g} they are "
        "class ids.",
        value=multiplier,
        threshold=1.0,
        strength=0.95,
        details={"certain": True, "multiplier": multiplier},
    )


@check("single-class-labels", requires=("targets",))
def single_class_labels(subject: Subject) -> Iterator[Symptom]:
    """All labels are the same.

    Symptom: There is one distinct label, or one column of the one-hot rows is always on.
    Why: There is nothing to tell apart; accuracy is 1 and means nothing.
    Threshold and its source: Structural; case 41372874.
    When not: Several outputs, of which one is an auxiliary loss with dummy targets; custom losses.
    """
    target = subject.target
    if target is None or target.rows_seen < 2 or len(subject.fit.data.targets) > 1:
        return
    if any(loss.is_custom for loss in subject.fit.compile.losses):
        return
    single = target.unique is not None and len(target.unique) == 1
    one_column = subject.task.classes == 1
    if single or one_column:
        value = target.unique[0] if single and target.unique else 1.0
        yield Symptom(
            "single-class-labels",
            f"All {target.rows_seen} labels are the same ({value:g})."
            if single
            else f"All {target.rows_seen} rows have the same class.",
            value=1.0,
            threshold=2.0,
            strength=1.0,
            details={"certain": True},
        )


@check("imbalanced-classes", requires=("targets",))
def imbalanced_classes(subject: Subject) -> Iterator[Symptom]:
    """Some class is far rarer than another.

    Symptom: The most frequent class has more than ten times the rows of the rarest.
    Why: Predicting the frequent class alone already gives a low loss.
    Threshold and its source: SageMaker Debugger's ClassImbalance, ratio 10.
    When not: Class or sample weights are given; on its own this is no fault.
    """
    target = subject.target
    if target is None or subject.task.kind not in ("binary", "multiclass"):
        return
    if subject.fit.data.has_class_weight or subject.fit.data.has_sample_weight:
        return
    shares = [share for share in class_shares(target) if share > 0]
    if len(shares) > 1 and max(shares) > IMBALANCE * min(shares):
        yield Symptom(
            "imbalanced-classes",
            f"The most frequent class has {max(shares):.0%} of the rows, the rarest {min(shares):.1%}.",
            value=max(shares) / min(shares),
            threshold=IMBALANCE,
            strength=0.3,
        )


@check("sorted-labels", requires=("targets", "sample"))
def sorted_labels(subject: Subject) -> Iterator[Symptom]:
    """The rows come ordered by class and are not shuffled, or the validation split cuts off whole classes.

    Symptom: The sampled labels are in blocks, one per class; and either ``shuffle=False``, or ``validation_split``
        takes the last rows, or they came in this order as batches.
    Why: Each batch then holds one class and pulls all weights towards it; a split at the end validates on classes
        that training never saw.
    Threshold and its source: As many changes of label along the rows as there are classes, less one: exact. In batches
        whose rows were shuffled among neighbours only, a tenth of the changes that a random order shows.
    When not: Shuffled training without ``validation_split``.
    """
    fit = subject.fit
    in_order = labels_are_sorted(fit) or batches_come_in_blocks(fit)
    if subject.task.kind not in ("binary", "multiclass") or not in_order:
        return
    if fit.data.kind == "arrays":
        unshuffled = not fit.fit.shuffle and (fit.fit.batch_size or 0) < (fit.data.rows or 0)
    else:  # of batches, the sample holds the rows in the order in which training got them
        unshuffled = _has_several_batches(fit)
    if unshuffled:
        text, value, strength = (
            "The rows are sorted by class and trained without shuffling: each batch holds one class.",
            1.0,
            0.95,
        )
    elif fit.fit.validation_split > 0:
        share = fit.fit.validation_split
        text = f"The rows are sorted by class, and the last {share:.0%} are held out for validation."
        value, strength = share, 0.8
    else:
        return
    yield Symptom(
        "sorted-labels", text, value=value, threshold=0.0, strength=strength, details={"shuffle": fit.fit.shuffle}
    )


def _has_several_batches(fit: FitTrace) -> bool:
    """Whether an epoch is more than two batches; a single one holds all classes in whatever order."""
    if fit.fit.batch_size and fit.sample is not None:
        return fit.fit.batch_size < len(fit.sample.targets[0]) / 2
    return (fit.updates or 0) > 2 * max(1, len(fit.epoch_seconds))


@check("unlearnable-labels", requires=("evaluation", "reference scores"))
def unlearnable_labels(subject: Subject) -> Iterator[Symptom]:
    """Neither the network nor any reference learner finds anything in the data.

    Symptom: The best reference learner's skill is below 0.05, and so is the network's; where that is known on its own
        training rows only, below 0.5, since labels without a rule can be learned by heart.
    Why: The labels may be unrelated to the inputs (shuffled apart, wrong column), or hidden behind an encoding.
    Threshold and its source: 0.05 of the way from trivial to perfect, about the sampling error on 400 rows
        (1 / sqrt(400)); on none of 53 healthy programs, pictures, sequences and text among them, does the best
        reference learner stay below 0.15. 0.5, our choice: a network that knows most of its rows may have seen what
        quick learners miss.
    When not: Fewer than 50 rows; weaker for pictures, sequences and text, where quick learners find less, and where
        fewer than 300 updates were made.
    """
    best, skill = subject.reference.best, subject.skill
    if best is None or skill is None or subject.reference.rows < 50:
        return
    flat = all(len(item.shape) <= 2 for item in subject.fit.data.inputs) and not inputs_are_tokens(subject.fit)
    nothing = max(NOTHING, 1 / float(np.sqrt(subject.reference.rows)))
    by_heart = subject.fit.evaluation.get("split") == "training" and skill < KNOWN
    if best < nothing and (skill < nothing or by_heart):
        yield Symptom(
            "unlearnable-labels",
            f"The network reaches a skill of {skill:.2f}, the best reference learner {best:.2f}: the inputs "
            "hardly tell anything about the labels.",
            value=best,
            threshold=NOTHING,
            strength=0.9 if flat else 0.5 if (updates_made(subject.fit) or 0) >= FEW_UPDATES else 0.3,
        )
