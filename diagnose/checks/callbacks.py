"""Callbacks that end or slow a training for the wrong reason."""

from __future__ import annotations

from collections.abc import Iterator

from ..findings import Symptom
from .registry import check
from .subject import Subject

#: Endings of the names of metrics that are better when larger, and of those that are better when smaller.
_LARGER = ("acc", "accuracy", "auc", "precision", "recall", "f1_score", "fbeta_score", "r2_score", "iou", "similarity")
_SMALLER = ("loss", "error", "mse", "mae", "crossentropy", "divergence", "hinge", "poisson", "log_cosh")


@check("misdirected-stopping", requires=("epoch losses",))
def misdirected_stopping(subject: Subject) -> Iterator[Symptom]:
    """Early stopping waits for a metric to get worse.

    Symptom: ``EarlyStopping`` has ``mode="min"`` for an accuracy or the like, or ``mode="max"`` for a loss or an error;
        and training ended before its last planned epoch, or is to go back to the epoch that counts as the best.
    Why: Every improvement counts as none: training ends after ``patience`` epochs, and ``restore_best_weights``
        brings back the worst.
    Threshold and its source: Structural; Keras's documentation of ``EarlyStopping`` (``auto`` reads the direction off
        the metric's name).
    When not: Metrics of the user's whose names say nothing of their direction.
    """
    fit = subject.fit
    for callback in fit.fit.callbacks:
        monitor, mode = str(callback.settings.get("monitor", "")), callback.settings.get("mode")
        wrong = _LARGER if mode == "min" else _SMALLER if mode == "max" else ()
        ended = len(fit.epoch_seconds) < fit.fit.epochs - fit.fit.initial_epoch
        acts = ended or bool(callback.settings.get("restore_best_weights"))
        if callback.class_name == "EarlyStopping" and acts and monitor.endswith(wrong):
            yield Symptom(
                "misdirected-stopping",
                f"EarlyStopping takes a {'falling' if mode == 'min' else 'rising'} {monitor} for an improvement, and "
                f"training ended after {len(fit.epoch_seconds)} of {fit.fit.epochs} epochs.",
                value=float(len(fit.epoch_seconds)),
                threshold=float(fit.fit.epochs),
                strength=0.95,
                details={"monitor": monitor, "mode": mode},
            )
            return
