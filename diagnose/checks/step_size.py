"""Steps too large or too small for the weights they change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..measures import update_ratios, updates_made
from ..structure import weighted_layers
from .registry import check
from .subject import Subject

LARGE = 0.1
DESTRUCTIVE = 0.5
SMALL = 3e-4
TRAVEL = 0.3
#: Updates below which little can have been learned: with the usual step of 1e-3, 300 move the weights by 30 % at most.
FEW_UPDATES = 300
#: Passes over the data that hardly any training makes do with.
FEW_PASSES = 4


def _ratios(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Sampled steps, and for each the median over the layers with weights of |update| / |weights|; finite ones only."""
    ratios = update_ratios(subject.fit)
    columns = [subject.column_of(layer) for layer in weighted_layers(subject.fit.model)]
    if not ratios.size or not columns:
        return np.empty(0), np.empty(0)
    chosen = ratios[:, columns]
    rows = np.isfinite(chosen).any(axis=1)
    medians = np.nanmedian(np.where(np.isfinite(chosen[rows]), chosen[rows], np.nan), axis=1)
    return np.asarray(subject.fit.statistics.steps)[rows], np.asarray(medians)


def _travel(sampled: np.ndarray, ratios: np.ndarray, steps: int) -> float:
    """The way of the weights in so many steps, in multiples of their size: each sample stands for the steps up to the
    next one.

    A typical step says nothing of it where the first ones were large and the weights that they left are, too.
    """
    ends = np.append(sampled[1:], max(steps, int(sampled[-1]) + 1))
    return float(np.sum(ratios * (ends - sampled)))


@check("oversized-updates", requires=("statistic update_norm", "statistic weight_norm"))
def oversized_updates(subject: Subject) -> Iterator[Symptom]:
    """Each step changes the weights by a tenth or more.

    Symptom: The median over the first half of the sampled steps of |weight change| / |weights| exceeds 0.1, or one
        of the first three steps changes them by more than half.
    Why: About 1e-3 is usual (Karpathy, CS231n); at 0.1 ten steps replace all that was learned.
    Threshold and its source: DeepDiagnosis's upper bound 0.1 for the same ratio; SageMaker Debugger's 10 catches
        nothing but divergence. The first half, since weights that blew up hide later steps behind their own size; the
        first steps by themselves, since a network that they killed makes no further ones.
    When not: The first steps of Adam on small initial weights come near 0.1; hence the median.
    """
    _, ratios = _ratios(subject)
    if ratios.size < 3:
        return
    half, start = float(np.median(ratios[: max(3, ratios.size // 2)])), float(ratios[:3].max())
    at_start = start > DESTRUCTIVE and half <= LARGE
    value = start if at_start else half
    if value > LARGE:
        yield Symptom(
            "oversized-updates",
            f"{'One of the first steps' if at_start else 'A typical step'} changes the weights by {value:.0%} of their "
            "size; about 0.1 % is usual.",
            value=value,
            threshold=LARGE,
            strength=min(1.0, 0.6 + 0.2 * float(np.log10(value / LARGE))),
            details={"update_ratio": value, "at_start": at_start},
        )


@check("undersized-updates", requires=("statistic update_norm", "statistic weight_norm"))
def undersized_updates(subject: Subject) -> Iterator[Symptom]:
    """All steps together hardly move the weights.

    Symptom: The typical |weight change| / |weights| is below 3e-4, and its sum over all steps stays below 0.3.
    Why: From random weights to a solution the weights must move by something like their own size. Steps this small
        leave the network about where it started.
    Threshold and its source: A third of the usual 1e-3 (Karpathy, CS231n; DeepDiagnosis's lower bound is 1e-5), and a
        total path of less than 30 %, the condition that matters: many small steps go far.
    When not: Fine-tuning of pretrained weights, which need not move far: such a model scores well.
    """
    (sampled, ratios), steps = _ratios(subject), updates_made(subject.fit)
    if not ratios.size or not steps or subject.fit.model.trainable_parameters == 0:
        return
    value = float(np.median(ratios))
    if value <= 0:
        return
    travel = _travel(sampled, ratios, steps)
    if value < SMALL and travel < TRAVEL:
        yield Symptom(
            "undersized-updates",
            f"A typical step changes the weights by {value:.1e} of their size; {steps} steps move them by at most "
            f"{travel:.1%}.",
            value=value,
            threshold=SMALL,
            strength=min(1.0, 0.6 + 0.2 * float(np.log10(TRAVEL / travel))),
            details={"update_ratio": value, "travel": travel},
        )


@check("too-few-updates", requires=("epoch losses",))
def too_few_updates(subject: Subject) -> Iterator[Symptom]:
    """The whole training consists of few steps.

    Symptom: Fewer than 300 weight updates were made, or the weights travelled by less than 30 % although the single
        steps were of a usual size.
    Why: With the usual step of 1e-3 of the weights' size, 300 steps move them by 30 % at most.
    Threshold and its source: The two numbers of ``undersized-updates``, turned round.
    When not: A model that fits anyway; stops made by the user's early stopping.
    """
    steps = updates_made(subject.fit)
    if steps is None or steps <= 0:
        return
    sampled, ratios = _ratios(subject)
    travel = _travel(sampled, ratios, steps) if ratios.size else None
    too_short = travel is not None and travel < TRAVEL and float(np.median(ratios)) >= SMALL
    if steps < FEW_UPDATES or too_short:
        yield Symptom(
            "too-few-updates",
            f"Only {steps} weight updates were made in {subject.losses.size} epochs.",
            value=float(steps),
            threshold=float(FEW_UPDATES),
            strength=min(1.0, 0.35 + 0.25 * float(np.log10(FEW_UPDATES / steps + 1))) if steps < FEW_UPDATES else 0.4,
            details={"travel": travel},
        )


@check("few-passes", requires=("epoch losses",))
def few_passes(subject: Subject) -> Iterator[Symptom]:
    """The data were passed once to four times, in few steps.

    Symptom: At most four epochs, and fewer than 300 weight updates.
    Why: Small data need many passes: each is a step or two per row group, and the first ones only bring the weights to
        where learning begins.
    Threshold and its source: Keras's shortest introductory example makes five epochs, of 1,875 updates each; 300 as for
        ``too-few-updates``. One of 53 healthy programs stays below both: a hint, no sign.
    When not: Large data, of which one pass makes thousands of updates; fine-tuning of a network that knows it all.
    """
    steps, epochs = updates_made(subject.fit), subject.losses.size
    if subject.fit.state == "stopped":
        return  # cut short by us, not by the user
    if steps is not None and 0 < steps < FEW_UPDATES and epochs <= FEW_PASSES:
        yield Symptom(
            "few-passes",
            f"The data were passed {epochs} time{'s'[: epochs != 1]}, in {steps} weight updates.",
            value=float(epochs),
            threshold=float(FEW_PASSES),
            strength=0.8,
        )
