"""Validation data: missing, too easy, or already known from training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..measures import repeated_rows
from ..structure import DROPOUT_LAYERS, NORMALIZATION_LAYERS
from .registry import check
from .subject import Subject

EASY = 0.5
LEAKED = 0.1
ROWS = 5


@check("missing-validation", requires=("epoch losses",))
def missing_validation(subject: Subject) -> Iterator[Symptom]:
    """The script holds nothing out.

    Symptom: No validation data and no validation split, on at least 200 rows.
    Why: Nobody can tell learning from learning by heart.
    Threshold and its source: Structural; DeepCrime's operator VRM removes the validation set. 200 rows, our choice:
        fewer can hardly be spared.
    When not: It changes nothing about the training itself, so it is never more than a hint.
    """
    fit = subject.fit
    if fit.data.has_validation or fit.fit.validation_split > 0 or (fit.data.rows or 0) < 200:
        return
    yield Symptom("missing-validation", f"None of the {fit.data.rows} rows is held out for validation.", strength=0.1)


@check("suspicious-validation", requires=("epoch losses", "validation losses"))
def suspicious_validation(subject: Subject) -> Iterator[Symptom]:
    """The validation loss lies far below the training loss.

    Symptom: Over the last third of at least six epochs, the validation loss is on average below half of the training
        loss, in a model without dropout, noise, normalisation by batches or weight penalties.
    Why: Validation rows that are easier, of one class, or scaled differently; a loss or weights that apply to training
        only. Both losses are the same function, so they should agree.
    Threshold and its source: Half, our choice. UMLAUT alarms at an accuracy above 0.95, or 0.05 above the training's,
        which happens with dropout and by chance.
    When not: Layers that act in training only; class or sample weights; training steps of the user's own that mix or
        disturb the rows, where the loss of the batches as they came is another; training losses still falling by a
        third per epoch, whose epoch mean lags behind.
    """
    data = subject.fit.data
    if data.has_class_weight or data.has_sample_weight or _differs_in_training(subject):
        return
    validation = np.asarray(subject.fit.epoch_metrics["val_loss"], dtype=float)
    size = min(validation.size, subject.losses.size)
    if size < 6:
        return
    third = max(2, size // 3)
    late, held_out = subject.losses[size - third : size], validation[size - third : size]
    if not (np.isfinite(late).all() and np.isfinite(held_out).all()) or late.min() <= 0:
        return
    lags = float(late[-1]) < float(late[0]) * (2 / 3) ** (third - 1)
    ratio = float(held_out.mean() / late.mean())
    scale = subject.trivial_loss
    if _own_step(subject, float(late.mean())):
        return
    if ratio < EASY and not lags and (scale is None or late.mean() > 0.05 * scale):
        yield Symptom(
            "suspicious-validation",
            f"The validation loss is {held_out.mean():.4g}, the training loss {late.mean():.4g}.",
            value=ratio,
            threshold=EASY,
            strength=0.4,
        )


def _own_step(subject: Subject, loss: float) -> bool:
    """Whether the loss that was trained on is not that of the batches as they came: their mean is off by half."""
    series = subject.fit.statistics.loss_before[subject.tail(1 / 3)]
    known = series[np.isfinite(series)]
    return bool(known.size) and not 0.5 < float(known.mean()) / max(loss, 1e-12) < 2


def _differs_in_training(subject: Subject) -> bool:
    """Whether some layer acts, or is penalized, in training only."""
    special = DROPOUT_LAYERS | (NORMALIZATION_LAYERS - {"Normalization", "Rescaling"}) | {"GaussianNoise"}
    for layer in subject.fit.model.layers:
        config = layer.config
        if layer.class_name in special or layer.class_name.startswith("Random") or config.get("recurrent_dropout"):
            return True
        if any(config.get(name) for name in ("kernel_regularizer", "bias_regularizer", "activity_regularizer")):
            return True
        if config.get("dropout"):
            return True
    return False


@check("leaked-rows", requires=("validation sample",))
def leaked_rows(subject: Subject) -> Iterator[Symptom]:
    """Validation rows are training rows.

    Symptom: More than a tenth of the validation rows, and at least five, have the very inputs of a training row, and
        more than twice as many as training rows repeat each other.
    Why: What is learned by heart is right there as well: the validation score does not say what happens on new rows.
    Threshold and its source: A tenth, our choice; duplicates within the training rows are taken off, since data with
        few distinct rows repeat themselves by nature. Counted on the sample, so what is seen is a lower bound.
    When not: Tables of few distinct rows; training on the validation data on purpose (tests of memorizing).
    """
    sample, data = subject.fit.sample, subject.fit.data
    assert sample is not None
    shared, within, rows = repeated_rows(sample)
    seen = len(sample.inputs[0]) / max(data.rows or 0, len(sample.inputs[0]))
    share = min(1.0, shared / seen)
    if rows and share * rows >= ROWS and share > max(LEAKED, 2 * within):
        yield Symptom(
            "leaked-rows",
            f"About {share:.0%} of the {subject.held_out_name} rows are among the training rows.",
            value=share,
            threshold=LEAKED,
            strength=0.5,
        )
