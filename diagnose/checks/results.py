"""What came out in the end: against the trivial prediction, the reference learners, and the validation data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..gate import FLOOR, Z, shortfall
from ..measures import updates_made
from .registry import check
from .step_size import FEW_UPDATES
from .subject import Subject

OVERFIT = 0.1
#: Rows of a usual batch, and from where on one is large (Masters & Luschi 2018).
USUAL_BATCH, LARGE_BATCH = 32, 128
#: Characters of an exception's first line that are shown among the evidence; the trace keeps all of it.
MESSAGE = 300


@check("failed-training")
def failed_training(subject: Subject) -> Iterator[Symptom]:
    """The training ended with an exception.

    Symptom: ``fit`` raised.
    Why: Nothing was learned. Shapes or labels that contradict each other often end like this, and the contradiction is
        then the cause.
    Threshold and its source: Structural: it raised, or it did not.
    When not: Never right; but the cause may lie outside of the model (a missing file, a full disk).
    """
    error = subject.fit.exception
    if subject.fit.state != "raised" or error is None:
        return
    lines = [line.partition(" Label values:")[0].strip() for line in error.message.splitlines() if line.strip()]
    message = (lines[0] if len(lines[0]) <= MESSAGE else f"{lines[0][:MESSAGE]}…") if lines else ""
    kind = error.type_name.rpartition(".")[2]
    yield Symptom("failed-training", f"The training ended with {kind}: {message}" if message else f"It raised {kind}.")


@check("below-reference", requires=("evaluation", "reference scores"))
def below_reference(subject: Subject) -> Iterator[Symptom]:
    """A quick standard learner does clearly better on the same data.

    Symptom: The network's skill is below the best reference learner's by more than their joint sampling error (95 %)
        and by more than 0.1.
    Why: The data holds more than the network found: something in the training is wrong.
    Threshold and its source: ``gate.shortfall``, where the margin is derived.
    When not: Boosted trees beat small networks on small tables by a little; that is within the margin.
    """
    gap = shortfall(subject)
    if gap is None or gap.value <= gap.margin:
        return
    reference = subject.reference
    yield Symptom(
        "below-reference",
        f"The network reaches a skill of {gap.skill:.2f}; {reference.best_name or 'a reference learner'} reaches "
        f"{reference.best:.2f} on the same data.",
        value=gap.value,
        threshold=gap.margin,
        strength=min(1.0, 0.5 + gap.value / 2),
    )


@check("trivial-skill", requires=("evaluation",))
def trivial_skill(subject: Subject) -> Iterator[Symptom]:
    """The network is no better than a constant prediction.

    Symptom: Skill of at most 0.02, where a reference learner (if there is one) reaches at least 0.1.
    Why: The network has not learned to use its inputs.
    Threshold and its source: 0 is the trivial predictor by definition of skill; 0.02 covers ties and rounding.
    When not: Data in which nobody finds anything; labels of one class.
    """
    skill, best = subject.skill, subject.reference.best
    if skill is None or subject.task.classes == 1:
        return
    if skill <= 0.02 and (best is None or best >= 0.1):
        yield Symptom(
            "trivial-skill",
            f"The network's skill is {skill:.2f}, where 0 is a constant prediction.",
            value=skill,
            threshold=0.02,
            strength=0.8,
        )


@check("overfitting", requires=("epoch losses", "validation losses"))
def overfitting(subject: Subject) -> Iterator[Symptom]:
    """The validation loss rises while the training loss falls.

    Symptom: The mean validation loss of the last fifth of the epochs is at least 10 % above its minimum, and the
        training loss fell on since that minimum.
    Why: The network learns its training rows by heart.
    Threshold and its source: SageMaker Debugger's Overfit, 0.1.
    When not: Crossentropies of good classifiers rise on validation data from sheer confidence while the accuracy
        stays: without a skill below the references this is no fault.
    """
    validation = np.asarray(subject.fit.epoch_metrics["val_loss"], dtype=float)
    losses = subject.losses
    size = min(validation.size, losses.size)
    if size < 5 or not np.isfinite(validation[:size]).all() or not np.isfinite(losses[:size]).all():
        return
    validation, losses = validation[:size], losses[:size]
    lowest = int(validation.argmin())
    late = float(validation[-max(1, size // 5) :].mean())
    rise = (late - float(validation[lowest])) / max(abs(float(validation[lowest])), 1e-12)
    if rise > OVERFIT and losses[-1] < losses[lowest]:
        yield Symptom(
            "overfitting",
            f"The validation loss rose by {rise:.0%} since epoch {lowest}, while the training loss fell on.",
            value=rise,
            threshold=OVERFIT,
            epoch=lowest,
            strength=min(0.9, 0.4 + rise / 4),
            details={"best_epoch": lowest},
        )


@check("learned-by-heart", requires=("accuracy", "evaluation"))
def learned_by_heart(subject: Subject) -> Iterator[Symptom]:
    """The accuracy in training is far above that on the test rows, and nothing was validated on the way.

    Symptom: The accuracy of the last epoch exceeds that on the rows that the script evaluates later by more than 0.1,
        and by more than 1.645 standard errors of the latter.
    Why: The network learns its training rows by heart.
    Threshold and its source: As for a skill below the references (``gate``): 0.1, and one-sided 95 %.
    When not: Small networks of great skill, whose gap stays below that; without a skill below the references a gap is
        no fault.
    """
    facts = subject.fit.evaluation
    rows, held_out = facts.get("rows"), facts.get("score")
    known_as = ("accuracy", "balanced_accuracy")
    if not subject.is_judged_later or facts.get("metric") not in known_as or not rows or held_out is None:
        return
    known = float(subject.accuracies()[-1])
    gap, error = known - float(held_out), float(np.sqrt(held_out * (1 - held_out) / rows))
    if np.isfinite(gap) and gap > max(FLOOR, Z * error):
        yield Symptom(
            "learned-by-heart",
            f"The accuracy is {known:.0%} in training and {held_out:.0%} on the test rows.",
            value=gap,
            threshold=FLOOR,
            strength=min(0.9, 0.4 + gap),
        )


@check("noisy-batches", requires=("epoch losses",))
def noisy_batches(subject: Subject) -> Iterator[Symptom]:
    """Batches of very few rows.

    Symptom: Batches of at most two rows on at least 200 rows, with a loss whose epochs go up as often as down.
    Why: Each gradient follows one or two examples; batch normalisation has nothing to average.
    Threshold and its source: At most 2 rows, our choice (Masters & Luschi 2018 find 2 to 32 good).
    When not: Small data; a loss that falls steadily.
    """
    batch, rows = subject.fit.fit.batch_size, subject.fit.data.rows
    losses = subject.losses[np.isfinite(subject.losses)]
    if batch is None or batch > 2 or rows is None or rows < 200 or losses.size < 4:
        return
    rises = float(np.mean(np.diff(losses) > 0))
    if rises >= 0.4:
        yield Symptom(
            "noisy-batches",
            f"Each step sees {batch} of {rows} rows, and the loss rises in {rises:.0%} of the epochs.",
            value=float(batch),
            threshold=2.0,
            strength=0.4,
        )


@check("oversized-batch", requires=("epoch losses",))
def oversized_batch(subject: Subject) -> Iterator[Symptom]:
    """Very few steps per epoch.

    Symptom: A batch of more than 128 rows holds at least half of all, so that an epoch makes one or two steps; or fewer
        than 300 updates were made with such batches, and batches of 32 would have made more in the same epochs.
    Why: The same epochs make far fewer updates than with usual batches.
    Threshold and its source: Half of the rows; Masters & Luschi 2018 (2 to 32 rows are best), Keskar et al. 2017 on
        large batches; 300 as for ``too-few-updates``.
    When not: Small data, for which the whole is one batch; training that has converged.
    """
    batch, rows = subject.fit.fit.batch_size, subject.fit.data.rows
    if not batch or not rows or min(batch, rows) <= LARGE_BATCH:
        return
    updates = updates_made(subject.fit) or 0
    would_do = updates < FEW_UPDATES <= updates * min(batch, rows) / USUAL_BATCH
    if 2 * batch >= rows or would_do:
        per_epoch = -(-rows // batch)
        yield Symptom(
            "oversized-batch",
            f"A batch holds {min(batch, rows)} of {rows} rows: {per_epoch} step{'s'[: per_epoch != 1]} per epoch.",
            value=float(updates) if would_do else batch / rows,
            threshold=float(FEW_UPDATES) if would_do else 0.5,
            strength=0.9 if would_do else 0.4,
            details={"would_do": would_do},
        )
