"""What loss and accuracy do together over a run: rising, standing still, never right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from .registry import check
from .subject import Subject

LOST = 0.5
FALLEN = 0.1
#: SageMaker Debugger waits half an hour for the next step; a recording is shorter, so epochs are the measure.
STALLED_FACTOR = 10.0
STALLED_SECONDS = 60.0


@check("rising-loss", requires=("epoch losses",))
def rising_loss(subject: Subject) -> Iterator[Symptom]:
    """The training loss rises for good.

    Symptom: The mean loss of the last fifth of the epochs lies above the lowest one by more than half of what had been
        gained until then, and above the first epoch's lowest rival by more than 2 %: most of what was learned is lost
        again, or nothing ever was.
    Why: Steps that are too large once the slope is steeper, a loss that pushes into the wrong direction, or labels that
        follow no rule; a healthy optimizer goes down on the data that it is given.
    Threshold and its source: Half of the gain, our choice; SageMaker Debugger's LossNotDecreasing alarms for any ten
        steps without a fall, which minibatch noise makes in every run. Silent on all healthy programs of this project.
    When not: Fewer than five epochs; a loss that schedules change on purpose (annealed weights of loss terms).
    """
    losses = subject.losses[np.isfinite(subject.losses)]
    if losses.size < 5:
        return
    lowest, late = int(losses.argmin()), float(losses[-max(1, losses.size // 5) :].mean())
    low, first = float(losses[lowest]), float(losses[0])
    gain, rise = first - low, late - low
    if lowest >= losses.size - max(1, losses.size // 5) or rise <= LOST * gain or rise <= 0.02 * max(abs(low), 1e-12):
        return
    yield Symptom(
        "rising-loss",
        f"The loss rose from {low:.4g} in epoch {lowest} to {late:.4g} at the end; it began at {first:.4g}.",
        value=rise / max(gain, 1e-12 * max(abs(low), 1.0)) if gain > 0 else None,
        threshold=LOST,
        epoch=lowest,
        strength=min(1.0, 0.5 + 0.25 * rise / max(abs(low), 1e-12)),
    )


@check("flat-accuracy", requires=("epoch losses", "accuracy"))
def flat_accuracy(subject: Subject) -> Iterator[Symptom]:
    """The training accuracy never moves, although it is far from perfect.

    Symptom: At least five epochs with the very same training accuracy below 0.99. ``details`` say whether the loss
        fell by more than a tenth meanwhile.
    Why: The decisions do not change: one class is predicted for everything, the output cannot cross the threshold
        (softmax on one unit), or nothing is learned at all. If the loss falls all the same, loss and output disagree.
    Threshold and its source: Exactly equal values, as DeepLocalize (5 batches) and DeepDiagnosis (20 epochs); over
        whole epochs, and not once everything is right, where DeepLocalize's "model does not learn" is a false alarm.
    When not: Regressions, whose accuracy counts exact equality (``unsuitable-metric`` says so).
    """
    accuracies = subject.accuracies()
    finite = accuracies[np.isfinite(accuracies)]
    if subject.task.kind == "regression" or finite.size < 5 or np.ptp(finite) > 1e-9 or not 0 < finite[0] < 0.99:
        return
    losses = subject.losses[np.isfinite(subject.losses)]
    falls = losses.size > 1 and losses[-1] < (1 - FALLEN) * losses[0]
    yield Symptom(
        "flat-accuracy",
        f"The accuracy is {finite[0]:.4g} in all {finite.size} epochs{', although the loss falls' if falls else ''}.",
        value=float(np.ptp(finite)),
        threshold=0.0,
        strength=0.8,
        details={"loss_falls": bool(falls)},
    )


@check("zero-accuracy", requires=("epoch losses", "accuracy"))
def zero_accuracy(subject: Subject) -> Iterator[Symptom]:
    """Not a single training row is ever classified correctly.

    Symptom: The training accuracy of a classification is 0 in every epoch.
    Why: Guessing gets some rows right. None at all means that decisions and labels are not comparable: ids that start
        at 1, scaled labels, or outputs far outside of the labels' range.
    Threshold and its source: Exactly 0 in all epochs, DeepDiagnosis's and DeepLocalize's "invalid accuracy"; a single
        epoch of it happens on tiny data.
    When not: Regressions, where accuracy means exact equality; custom metrics of the same name.
    """
    accuracies = subject.accuracies()
    finite = accuracies[np.isfinite(accuracies)]
    if subject.task.kind not in ("binary", "multiclass") or finite.size < 2 or finite.max() > 0:
        return
    yield Symptom(
        "zero-accuracy",
        f"The accuracy is 0 in all {finite.size} epochs, although even guessing is right sometimes.",
        value=0.0,
        threshold=0.0,
        strength=0.8,
    )


@check("stalled-training", requires=("epoch losses",))
def stalled_training(subject: Subject) -> Iterator[Symptom]:
    """Training came to a halt in the middle of the run.

    Symptom: The recording ended a fit that had not finished an epoch for ten times the usual time of one, and for more
        than a minute.
    Why: The input pipeline waits for something: a generator without further rows, a queue, a lock, a slow disk.
    Threshold and its source: Ten median epochs and 60 seconds, our choice; SageMaker Debugger's StalledTrainingRule
        waits for 1,800 seconds, longer than a recording lasts.
    When not: Trainings that ended on their own; fewer than two finished epochs, which set no measure.
    """
    seconds = np.asarray(subject.fit.epoch_seconds, dtype=float)
    if subject.fit.state != "stopped" or seconds.size < 2:
        return
    usual, silent = float(np.median(seconds)), subject.fit.seconds - float(seconds.sum())
    if silent > max(STALLED_SECONDS, STALLED_FACTOR * usual):
        yield Symptom(
            "stalled-training",
            f"No epoch ended in the last {silent:.0f} s; one usually took {usual:.2g} s.",
            value=silent,
            threshold=max(STALLED_SECONDS, STALLED_FACTOR * usual),
            epoch=int(seconds.size),
            strength=0.5,
        )
