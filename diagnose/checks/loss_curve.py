"""What the training loss does over time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..losses import OTHER
from .registry import check
from .subject import Subject

EXPLOSION = 10.0
FLAT = 0.01
LEARNED = 0.9
OSCILLATION = 0.25
STILL_FALLING = 0.05


def _initial_loss(subject: Subject) -> float | None:
    series = subject.fit.statistics.loss
    finite = series[np.isfinite(series)]
    if finite.size:
        return float(finite[0])
    return float(subject.losses[0]) if subject.losses.size and np.isfinite(subject.losses[0]) else None


@check("exploding-loss", requires=("epoch losses",))
def exploding_loss(subject: Subject) -> Iterator[Symptom]:
    """The loss ends far above where it began.

    Symptom: The last epoch's loss is more than ten times the first step's loss and the trivial loss.
    Why: Updates overshoot, so that each step makes things worse.
    Threshold and its source: A factor of ten, scale-free. AutoTrainer's absolute 1e3 is wrong for regression in large
        units and blind for crossentropies, which diverge at tens.
    When not: A loss that starts high and falls, however high.
    """
    finite = subject.losses[np.isfinite(subject.losses)]
    initial = _initial_loss(subject)
    if not finite.size or initial is None:
        return
    level = max(abs(initial), abs(subject.trivial_loss or 0.0), 1e-12)
    last = float(finite[-1])
    if last > EXPLOSION * level:
        yield Symptom(
            "exploding-loss",
            f"The loss grew from {initial:.4g} to {last:.4g}.",
            value=last / level,
            threshold=EXPLOSION,
            epoch=int(np.argmax(subject.losses > EXPLOSION * level)),
            strength=min(1.0, 0.6 + 0.1 * float(np.log10(last / level))),
        )


@check("negative-loss", requires=("epoch losses", "losses"))
def negative_loss(subject: Subject) -> Iterator[Symptom]:
    """A loss that cannot be negative is.

    Symptom: A Keras crossentropy or regression loss falls below zero.
    Why: Labels lie outside of what the loss is defined for (binary crossentropy on labels above 1 or below 0): the loss
        has no lower bound, and training runs after it.
    Threshold and its source: Below -0.01; all these losses are non-negative by definition on valid labels, the margin
        covers rounding.
    When not: Custom losses, cosine similarity, Poisson, negative sample weights.
    """
    if subject.family == OTHER or subject.fit.data.has_sample_weight:
        return
    negative = np.flatnonzero(subject.losses < -0.01)
    if negative.size:
        yield Symptom(
            "negative-loss",
            f"The loss reaches {float(np.nanmin(subject.losses)):.4g}, although this loss cannot be negative "
            "for labels that suit it.",
            value=float(np.nanmin(subject.losses)),
            threshold=-0.01,
            epoch=int(negative[0]),
            strength=1.0,
        )


@check("flat-loss", requires=("epoch losses",))
def flat_loss(subject: Subject) -> Iterator[Symptom]:
    """The loss does not fall.

    Symptom: The last quarter of the run has a mean loss less than 1 % below the first quarter's, and the loss is not
        already clearly below what a constant prediction reaches.
    Why: Gradients are zero or useless (dead, saturated, wrong activation), or the step is far too small or too large.
    Threshold and its source: 1 % over the whole run; DeepLocalize and DeepDiagnosis ask for exactly equal values,
        which noise hides. "Clearly below" is 0.9 of the trivial loss.
    When not: Training that has converged: the loss is then below the trivial loss.
    """
    series = subject.losses if subject.losses.size >= 4 else subject.fit.statistics.loss
    series = series[np.isfinite(series)]
    if series.size < 4:
        return
    quarter = max(1, series.size // 4)
    first, last = float(series[:quarter].mean()), float(series[-quarter:].mean())
    trivial = subject.trivial_loss
    if trivial is not None and last < LEARNED * trivial:
        return
    if subject.skill is not None and subject.skill > 0.5:
        return
    change = (first - last) / max(abs(first), 1e-12)
    if change < FLAT:
        beside = f", and a constant prediction reaches {trivial:.4g}" if trivial is not None else ""
        yield Symptom(
            "flat-loss",
            f"The loss goes from {first:.4g} to {last:.4g}{beside}: the model does not learn.",
            value=change,
            threshold=FLAT,
            strength=0.8 if abs(change) < FLAT / 10 or change < 0 else 0.6,
        )


@check("trivial-loss", requires=("epoch losses",))
def loss_not_below_trivial(subject: Subject) -> Iterator[Symptom]:
    """The loss never gets below that of a constant prediction.

    Symptom: The best epoch's training loss is at least 98 % of the loss of the best constant prediction.
    Why: The network has learned nothing that depends on the input.
    Threshold and its source: 0.98; the trivial loss is computed from the labels (their entropy or variance), 2 % are
        left for dropout, regularisation terms and sampling.
    When not: Loss unknown to us, class, sample or loss weights: then the trivial loss is unknown and nothing is said.
    """
    trivial, finite = subject.trivial_loss, subject.losses[np.isfinite(subject.losses)]
    if trivial is None or trivial < 1e-6 or not finite.size:
        return
    ratio = float(finite.min()) / trivial
    if ratio >= 0.98:
        yield Symptom(
            "trivial-loss",
            f"The best loss is {finite.min():.4g}; predicting one constant for everything reaches {trivial:.4g}.",
            value=ratio,
            threshold=0.98,
            strength=0.8,
        )


@check("oscillating-loss", requires=("epoch losses",))
def oscillating_loss(subject: Subject) -> Iterator[Symptom]:
    """The loss jumps up and down.

    Symptom: In the second half of the run the epoch loss changes by more than a quarter of its size per epoch on
        average, and goes up in at least 30 % of the epochs.
    Why: Steps are too large for the slope, or batches too small for the noise.
    Threshold and its source: 25 % and 30 %, our choice; AutoTrainer counts accuracy swings of 3 % in at least 20 % of
        the epochs, which small data sets do when healthy.
    When not: Fewer than 8 epochs; a loss close to zero (below 5 % of the trivial loss), where ratios mean nothing.
    """
    losses = subject.losses[np.isfinite(subject.losses)]
    if losses.size < 8:
        return
    late = losses[losses.size // 2 :]
    level = float(np.mean(np.abs(late)))
    if level < 1e-9 or (subject.trivial_loss is not None and level < 0.05 * subject.trivial_loss):
        return
    steps = np.diff(late)
    swing, rises = float(np.mean(np.abs(steps))) / level, float(np.mean(steps > 0))
    if swing > OSCILLATION and rises >= 0.3:
        yield Symptom(
            "oscillating-loss",
            f"The loss changes by {swing:.0%} per epoch and rises in {rises:.0%} of the later epochs.",
            value=swing,
            threshold=OSCILLATION,
            strength=min(1.0, 0.5 + swing / 2),
        )


@check("unconverged-loss", requires=("epoch losses",))
def unconverged_loss(subject: Subject) -> Iterator[Symptom]:
    """Training stops while the loss still falls.

    Symptom: Over the last fifth of the epochs the loss fell by more than 5 % of its value.
    Why: Too few epochs, or steps so small that the planned epochs do not suffice.
    Threshold and its source: 5 %, our choice: patience settings of early stopping are met with 1 % and less per epoch.
    When not: Fewer than 2 epochs (nothing to compare); a run that already reaches what the reference learners reach
        (crossentropies of a good classifier fall for ever).
    """
    losses = subject.losses[np.isfinite(subject.losses)]
    if losses.size < 2:
        return
    span = max(1, losses.size // 5)
    before, after = float(losses[-1 - span]), float(losses[-1])
    if before <= 0 or after <= 0:
        return
    fall = (before - after) / before
    if fall > STILL_FALLING:
        yield Symptom(
            "unconverged-loss",
            f"The loss still fell by {fall:.0%} in the last {span} of {losses.size} epochs.",
            value=fall,
            threshold=STILL_FALLING,
            epoch=int(losses.size - 1),
            strength=min(1.0, 0.4 + fall),
        )
