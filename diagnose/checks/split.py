"""Training rows against validation rows: how many there are, and whether they are of the same kind."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..gate import Z, standard_error
from ..measures import batches_come_in_blocks, class_shares, inputs_are_tokens
from ..neighbour_votes import next_row_resemblance
from ..trace import ArrayFacts, DataSample
from .registry import check
from .subject import Subject

SPREAD = 1.5
#: Times that deviations differ by from where on no network can be expected to do well on both sides.
FAR = 5.0
#: Skill by which learners on held-out rows have to be ahead, and resemblance of rows from which on they are a series.
OUTDONE, SERIES = 0.15, 0.9
#: Share of rows of classes that training lacks.
UNSEEN = 0.1
DISTANCE = 0.2
#: Rows on either side below which shares and deviations say little.
ENOUGH_ROWS = 40


@check("starved-training-set", requires=("inputs",))
def starved_training_set(subject: Subject) -> Iterator[Symptom]:
    """There are fewer rows to train on than to validate with.

    Symptom: Fewer training rows than half of the validation rows, and fewer than a thousand.
    Why: The split is the wrong way round, or rows were lost on the way; the network learns the few rows by heart.
    Threshold and its source: Half: splits give the larger part to training (80 to 20 is usual, 50 to 50 the least in
        use; Guyon 1997 derives shares of validation well below a half). Beyond ten to one the split itself is what is
        wrong, unless the network does well.
    When not: Cross-validation with few folds; large data, of which a small part is enough.
    """
    rows, held_out = subject.fit.data.rows, subject.fit.data.validation_rows
    if rows and held_out and 2 * rows < held_out and rows < 1000:
        yield Symptom(
            "starved-training-set",
            f"There are {rows} rows to train on, and {held_out} to validate with.",
            value=float(rows),
            threshold=held_out / 2,
            strength=min(1.0, 0.6 + 0.1 * float(np.log2(held_out / (2 * rows)))),
            details={"certain": 10 * rows < held_out and not subject.does_well},
        )


@check("shifted-class-shares", requires=("targets",))
def shifted_class_shares(subject: Subject) -> Iterator[Symptom]:
    """Classes are far more, or less, frequent among the training rows than among the validation rows.

    Symptom: The shares of the classes differ by more than 0.2 in all (total variation distance), and by more than three
        standard errors.
    Why: What is frequent in training is predicted too often; classes that training hardly has are not learned.
    Threshold and its source: 0.2, our choice: one row in five would have to change its class. Three standard errors of
        a share on the smaller set (Agresti 2013).
    When not: Class or sample weights make up for it; rows resampled on purpose, which then learn well; batches that
        bring one class after the other, of which only the first were seen.
    """
    data = subject.fit.data
    if not data.targets or not data.validation_targets or subject.task.kind not in ("binary", "multiclass"):
        return
    if data.has_class_weight or data.has_sample_weight or batches_come_in_blocks(subject.fit):
        return
    shares = _shares(data.targets[0]), _shares(data.validation_targets[0])
    rows = min(data.targets[0].rows_seen, data.validation_targets[0].rows_seen)
    if not shares[0] or not shares[1] or rows < ENOUGH_ROWS:
        return
    classes = sorted({*shares[0], *shares[1]})
    differences = [shares[0].get(one, 0.0) - shares[1].get(one, 0.0) for one in classes]
    distance = 0.5 * sum(abs(value) for value in differences)
    error = 0.5 * sum(float(np.sqrt(max(p * (1 - p), 1e-9) / rows)) for p in (shares[1].get(c, 0.0) for c in classes))
    if distance > max(DISTANCE, 3 * error):
        worst = int(np.argmax(np.abs(differences)))
        yield Symptom(
            "shifted-class-shares",
            f"Class {classes[worst]:g} makes {shares[0].get(classes[worst], 0.0):.0%} of the training rows and "
            f"{shares[1].get(classes[worst], 0.0):.0%} of the {subject.held_out_name} rows.",
            value=distance,
            threshold=DISTANCE,
            strength=min(1.0, 0.6 + distance / 2),
        )


def _shares(labels: ArrayFacts) -> dict[float, float]:
    """Share of rows by class id (column of one-hot labels)."""
    shares = class_shares(labels)
    if not shares:
        return {}
    names = labels.unique if labels.unique is not None and len(labels.unique) == len(shares) else range(len(shares))
    return {float(name): share for name, share in zip(names, shares, strict=True)}


@check("unseen-classes", requires=("targets",))
def unseen_classes(subject: Subject) -> Iterator[Symptom]:
    """The model is judged on classes that it never saw in training.

    Symptom: A tenth or more of the rows that the model is judged on belong to classes without a single training row.
    Why: Rows that come sorted by class were split without shuffling them first, or the rows of a class were lost on the
        way. Whatever is learned, none of those rows can be told.
    Threshold and its source: Structural; a tenth, our choice: of a rare class the few rows may all have been drawn for
        one side by chance.
    When not: Batches that bring one class after the other, of which only the first were seen; open-set recognition.
    """
    data = subject.fit.data
    if not data.targets or not data.validation_targets or subject.task.kind not in ("binary", "multiclass"):
        return
    if batches_come_in_blocks(subject.fit):
        return
    trained, judged = _shares(data.targets[0]), _shares(data.validation_targets[0])
    known = {one for one, share in trained.items() if share > 0}
    unseen = {one: share for one, share in judged.items() if share > 0 and one not in known}
    if not known or sum(unseen.values()) < UNSEEN:
        return
    names = ", ".join(f"{one:g}" for one in sorted(unseen)[:5])
    yield Symptom(
        "unseen-classes",
        f"{sum(unseen.values()):.0%} of the {subject.held_out_name} rows belong to classes that training never sees "
        f"({names}).",
        value=sum(unseen.values()),
        threshold=UNSEEN,
        strength=1.0,
        details={"certain": True},
    )


@check("misleading-training-rows", requires=("evaluation", "sample", "reference scores"))
def misleading_training_rows(subject: Subject) -> Iterator[Symptom]:
    """A few held-out rows teach more about the others than all training rows do.

    Symptom: Learners that are fitted to three quarters of the held-out rows tell the last quarter better than the
        network, and better than learners that are fitted to the training rows, by more than 0.15 and by more than
        sampling error (one-sided 95 %).
    Why: Whatever there is to learn is in the held-out rows, and any learner finds it there; so the training rows are
        spoiled: their labels are wrong, their inputs drowned in noise, or kinds of rows are missing.
    Threshold and its source: 0.15, our choice; none of 53 healthy programs is outdone by as much (2026-11-30).
    When not: Series, whose next rows resemble the last ones more than those of long ago.
    """
    sample, reference, skill = subject.fit.sample, subject.reference, subject.skill
    if sample is None or skill is None or reference.best is None or reference.held_out is None:
        return
    gap = reference.held_out - max(skill, reference.best)
    metric = str(subject.fit.evaluation.get("metric") or reference.metric or "accuracy")
    trivial = subject.fit.evaluation.get("trivial")
    base = float(trivial) if trivial is not None and np.isfinite(trivial) else 0.0
    error = Z * standard_error(metric, reference.held_out, base, reference.held_out_rows)
    if gap <= max(OUTDONE, 1.5 * error):
        return
    rows = np.arange(min(len(part) for part in sample.validation_inputs))
    if next_row_resemblance(DataSample(sample.validation_inputs, ()), rows) > SERIES:
        return
    yield Symptom(
        "misleading-training-rows",
        f"Quick learners reach {reference.held_out:.2f} when they learn from other {subject.held_out_name} rows, but "
        f"{reference.best:.2f} from the training rows.",
        value=gap,
        threshold=OUTDONE,
        strength=min(1.0, 0.5 + gap),
    )


@check("shifted-inputs", requires=("inputs", "model layers"))
def shifted_inputs(subject: Subject) -> Iterator[Symptom]:
    """Training inputs scatter more, or less, than the inputs that the model is validated with.

    Symptom: In the median over the columns that vary, the standard deviations differ by more than a factor of 1.5.
    Why: Noise was added to one and not the other, or they were prepared in different ways; what is learned from the one
        does not hold for the other.
    Threshold and its source: 1.5: the ratio of two deviations from 40 rows each stays within 1.37 in 95 % of the cases
        (F distribution), and the median over columns well within. Beyond 5, our choice, the split itself is wrong,
        unless the network does well: noise of five times the signal leaves a twenty-fifth of the variance.
    When not: Augmented training pictures; splits by time or place; token ids.
    """
    data = subject.fit.data
    if inputs_are_tokens(subject.fit):
        return
    for train, held_out in zip(data.inputs, data.validation_inputs, strict=False):
        if min(train.rows_seen, held_out.rows_seen) < ENOUGH_ROWS:
            continue
        ratio = _spread_ratio(train, held_out)
        if ratio is not None and max(ratio, 1 / ratio) > SPREAD:
            yield Symptom(
                "shifted-inputs",
                f"Training inputs scatter {ratio:.2g} times as much as {subject.held_out_name} inputs.",
                value=ratio,
                threshold=SPREAD,
                strength=min(1.0, 0.6 + 0.3 * abs(float(np.log2(ratio)))),
                details={"certain": max(ratio, 1 / ratio) > FAR and not subject.does_well},
            )
            return


def _spread_ratio(train: ArrayFacts, held_out: ArrayFacts) -> float | None:
    first, second = np.asarray(train.column_std or (train.std,)), np.asarray(held_out.column_std or (held_out.std,))
    if first.shape != second.shape:
        return None
    usable = np.isfinite(first) & np.isfinite(second) & (first > 1e-9) & (second > 1e-9)
    # Rare words and categories that one side hardly has vary by chance: most of the columns must be comparable.
    comparable = usable.any() and 2 * usable.sum() >= (first > 1e-9).sum()
    return float(np.median(first[usable] / second[usable])) if comparable else None
