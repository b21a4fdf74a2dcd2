"""What Keras's own callbacks would have done in a recorded run: they read nothing but logs that the trace holds as
well.

``TerminateOnNaN`` looks at the mean loss of the epoch so far after every batch, which is not finite from the first
loss on that is not; the trace holds every loss, or means of neighbouring ones. ``EarlyStopping`` looks at the logs of
each epoch. Runs that these callbacks end early are the same runs up to there. Rules for several fits, for the metric
and for what counts as detected are those of ``benchmarks.run.baselines``; a test compares with the real callbacks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from dlfix.diagnose.trace import FitTrace, Trace

TOOLS = ("terminate_on_nan", "early_stopping_loss", "early_stopping_accuracy")


def detected(trace: Trace, tool: str) -> bool | None:
    """Whether a tool of ``TOOLS`` would have reported a fault; None where it has nothing to look at."""
    if not trace.fits:
        return None
    judge = {"terminate_on_nan": _ends_on_nan, "early_stopping_loss": _stops_on_loss}.get(tool, _stops_on_accuracy)
    answers = [judge(fit) for fit in trace.fits]
    if any(answers):
        return True
    return None if all(answer is None for answer in answers) else False


def _ends_on_nan(fit: FitTrace) -> bool | None:
    """A training that breaks down before its first loss shows the callback nothing."""
    losses = [*fit.statistics.loss, *fit.epoch_metrics.get("loss", ())]
    if not losses and fit.state == "raised":
        return None
    return not bool(np.isfinite(np.asarray(losses, float)).all())


def _stops_on_loss(fit: FitTrace) -> bool | None:
    return _stops(fit, fit.epoch_metrics.get("loss"), up=False)


def _stops_on_accuracy(fit: FitTrace) -> bool | None:
    name = next((name for name in fit.epoch_metrics if is_accuracy(name)), None)
    return None if name is None else _stops(fit, fit.epoch_metrics[name], up=True)


def is_accuracy(name: str) -> bool:
    """Whether a metric of the logs is an accuracy on the training rows."""
    return not name.startswith("val_") and (name == "acc" or name.endswith(("accuracy", "_acc")))


def _stops(fit: FitTrace, values: Sequence[float] | None, *, up: bool) -> bool | None:
    """Patience 0: the first epoch without progress ends training, unless it was the last planned one anyway."""
    if not values:
        return None
    best = None
    for epoch, value in enumerate(values):
        if best is None or (value > best if up else value < best):  # nothing is better than NaN, as in Keras
            best = value
        elif epoch > 0:
            return epoch + 1 < fit.fit.epochs
    return False
