"""What single steps do to the loss of their own batch: the learning rate judged by gain and curvature.

A step changes a batch's loss from L to L'. Its gradient predicts the change g·d for a loss that is linear along the
step d. The gain ratio (L' - L) / (g·d) of trust-region methods (Nocedal & Wright, Numerical Optimization, 2006, ch. 4)
is 1 while the loss is linear, 1/2 at the minimum of a parabola, 0 where nothing is gained, negative beyond. Of the
parabola through these numbers, the best step is 1 / (2 (1 - ratio)) times the one that was made (Schaul et al. 2013;
Cockpit, Schneider et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..measures import StepGains, step_gains
from .registry import check
from .subject import Subject

FIRST = 10
RISE = 0.01
LINEAR = (0.9, 1.1)
GAIN = 0.1
OWN_GAIN = 0.2
PROGRESS = 0.01


def rate_factor(ratio: float) -> float:
    """By how much the step should have been longer to reach the minimum of the parabola; within 1/100 and 10.

    Example:
        >>> rate_factor(0.5), rate_factor(-1.0)
        (1.0, 0.25)
    """
    return float(np.clip(1 / (2 * (1 - ratio)) if ratio < 0.95 else 10.0, 0.01, 10.0))


@check("overshooting-steps", requires=("step gains",))
def overshooting_steps(subject: Subject) -> Iterator[Symptom]:
    """The first steps raise the loss of the very batch that they were made for.

    Symptom: In at least half of the first ten sampled steps, at least five, the batch's loss is more than 1 % higher
        after the step than before; or at least two of them more than double it.
    Why: The step goes beyond the valley that the gradient points into: it is at least twice too long.
    Threshold and its source: A gain ratio of 0 or less, where no line search accepts a step (Nocedal & Wright §3.1);
        1 % for rounding and dropout; half of them, since single steps overshoot in healthy runs, and later ones hover
        at the edge of stability (Cohen et al. 2021). Measured on 22 healthy programs: at most 3 of the first 10 steps
        rise, by at most 64 %; in 19 of them none does.
    When not: Optimizers with momentum late in training: only the first steps count.
    """
    gains = step_gains(subject.fit)
    first = slice(0, FIRST)
    before, after = gains.before[first], gains.after[first]
    if before.size < 5:
        return
    rises = (after - before) > RISE * np.abs(before)
    doublings = int(np.count_nonzero((before > 0) & (after > 2 * before)))
    if rises.mean() < 0.5 and doublings < 2:
        return
    ratio = _median_ratio(gains, first)
    yield Symptom(
        "overshooting-steps",
        f"{int(rises.sum())} of the first {before.size} sampled steps make the loss of their own batch larger"
        f"{f', {doublings} of them more than double it' if doublings else ''}.",
        value=float(rises.mean()),
        threshold=0.5,
        strength=min(1.0, 0.5 + max(float(rises.mean()) / 2, 0.1 * min(doublings, 4))),
        details={"direction": "too high", "rate_factor": None if ratio is None else min(0.5, rate_factor(ratio))},
    )


@check("timid-steps", requires=("step gains", "step losses"))
def timid_steps(subject: Subject) -> Iterator[Symptom]:
    """Steps are so short that the loss is a straight line, and all of them together gain next to nothing.

    Symptom: The median gain ratio lies within 0.9 and 1.1, and by what their gradients predict all steps of the run
        lower the loss by less than a tenth.
    Why: Where the loss is still linear along the step, a longer step gains in proportion; only curvature limits it.
    Threshold and its source: 0.9: at that ratio the parabola's minimum is five times as far (1 / (2 (1 - 0.9))); a
        tenth of the loss, our choice: healthy programs have ratios from 0.54 to 1, so the ratio alone says nothing.
        Schaul et al. 2013 and Cockpit's alpha read the same numbers.
    When not: Long runs of short steps, which do get somewhere; a run that has learned.
    """
    gains = step_gains(subject.fit)
    ratio, steps = _median_ratio(gains, slice(None)), subject.updates
    if ratio is None or not steps or subject.learned or not LINEAR[0] <= ratio <= LINEAR[1]:
        return
    ends = np.append(gains.steps[1:], max(steps, int(gains.steps[-1]) + 1))
    shares = np.abs(gains.predicted) / np.maximum(np.abs(gains.before), 1e-12)
    gained = float(np.sum(shares * (ends - gains.steps)))
    if gained < GAIN:
        yield Symptom(
            "timid-steps",
            f"The loss is linear along a step (gain ratio {ratio:.2f}), and {steps} steps lower it by {gained:.1%}.",
            value=gained,
            threshold=GAIN,
            strength=min(1.0, 0.6 + 0.1 * float(np.log10(GAIN / max(gained, 1e-12)))),
            details={"direction": "too low", "rate_factor": 10.0},
        )


@check("batch-chasing-steps", requires=("step gains", "epoch losses"))
def batch_chasing_steps(subject: Subject) -> Iterator[Symptom]:
    """Each step fits its own batch and spoils the others.

    Symptom: In the second half of the run a typical step lowers its own batch's loss by more than a fifth, while the
        loss over whole epochs falls by less than 1 %.
    Why: The batch is too small for the length of the step: what its few rows have in common by chance is learned, and
        unlearned by the next one. Larger batches or shorter steps average it out (McCandlish et al. 2018).
    Threshold and its source: A fifth and 1 %, our choice; on 22 healthy programs a late step gains up to 68 % on
        its own batch, but only while the loss falls. McCandlish's noise scale itself needs gradients of two batch
        sizes, which a recording of one does not have.
    When not: Runs that have arrived (a loss clearly below a constant's, or half of the skill that there is).
    """
    gains = step_gains(subject.fit)
    late = slice(gains.before.size // 2, None)
    losses = subject.losses[np.isfinite(subject.losses)]
    if gains.before.size < 6 or losses.size < 4 or subject.learned:
        return
    before, after = gains.before[late], gains.after[late]
    own = float(np.median((before - after) / np.maximum(np.abs(before), 1e-12)))
    half = losses[losses.size // 2 :]
    progress = float((half[0] - half[-1]) / max(abs(float(half[0])), 1e-12))
    if own > OWN_GAIN and progress < PROGRESS:
        yield Symptom(
            "batch-chasing-steps",
            f"A step lowers its own batch's loss by {own:.0%}, but over the epochs the loss stays where it is.",
            value=own,
            threshold=OWN_GAIN,
            strength=min(0.8, 0.4 + own / 2),
        )


def _median_ratio(gains: StepGains, part: slice) -> float | None:
    ratios = gains.ratios[part]
    finite = ratios[np.isfinite(ratios)]
    return float(np.median(finite)) if finite.size >= 3 else None
