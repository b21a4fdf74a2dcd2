"""Settings of loss, weights and metrics that work against the training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..findings import Symptom
from ..losses import CROSSENTROPIES
from ..measures import class_shares, columns
from ..trace import LayerFacts
from .registry import check
from .subject import ACCURACIES, Subject

SMOOTHING = 0.4
LARGE_PENALTY = 0.1
SHRUNK = 0.5
INVERTED = 1.5
OUTWEIGHS = 10.0


@check("excessive-label-smoothing", requires=("losses",))
def excessive_label_smoothing(subject: Subject) -> Iterator[Symptom]:
    """Labels are smoothed until little of them is left.

    Symptom: ``label_smoothing`` of a crossentropy is 0.4 or more.
    Why: The target of the right class is 1 - s + s / K; the network learns to be unsure, and gradients shrink with
        1 - s.
    Threshold and its source: 0.4, four times the usual 0.1 (Szegedy et al. 2016; Müller et al. 2019 try up to 0.2).
    When not: Deliberate work on labels of which so many are wrong.
    """
    for loss in subject.fit.compile.losses:
        value = loss.config.get("label_smoothing")
        if isinstance(value, int | float) and value >= SMOOTHING and subject.family in CROSSENTROPIES:
            yield Symptom(
                "excessive-label-smoothing",
                f"Labels are smoothed by {value:g}; about 0.1 is usual.",
                value=float(value),
                threshold=SMOOTHING,
                strength=min(0.9, 0.3 + (float(value) - SMOOTHING)),
                details={"certain": bool(value >= 1)},
            )
            return


@check("inverted-class-weights", requires=("class weights", "targets"))
def inverted_class_weights(subject: Subject) -> Iterator[Symptom]:
    """Class weights enlarge the frequent class instead of the rare one, outweigh the others, or switch a class off.

    Symptom: The most frequent class has more than 1.5 times the rows of the rarest and more than 1.5 times its weight;
        or, rows times weight, one class has more than ten times the say of another, and more than it has by its rows;
        or some class has a weight of 0.
    Why: Weights are there to give rare classes the same say. Turned round, they make the imbalance worse, and where
        they are out of proportion, the network learns to say the heaviest class.
    Threshold and its source: 1.5 on both, from where on classes count as imbalanced (KEEL, Alcalá-Fdez et al. 2011);
        ten as for ``imbalanced-classes``.
    When not: Costs of errors that differ on purpose, which may go against the frequencies.
    """
    weights, named = subject.fit.data.class_weights, _shares_by_name(subject)
    known = [(named[name], weight, name) for name, weight in weights.items() if named.get(name, 0) > 0]
    if len(known) < 2:
        return
    zero = next((name for _, weight, name in known if weight == 0), None)
    frequent, rare = max(known), min(known)
    inverted = frequent[0] > INVERTED * rare[0] and frequent[1] > INVERTED * rare[1]
    say = [(share * weight, name) for share, weight, name in known]
    loud, quiet = max(say), min(say)
    outweighs = loud[0] > OUTWEIGHS * quiet[0] and loud[0] / max(quiet[0], 1e-12) > frequent[0] / rare[0]
    if zero is not None:
        text = f"Class {zero} has a weight of 0: its rows do not count."
    elif inverted:
        text = (
            f"The frequent class {frequent[2]} has a weight of {frequent[1]:g}, the rare class {rare[2]} {rare[1]:g}."
        )
    elif outweighs:
        text = f"With its weight, class {loud[1]} has {loud[0] / quiet[0]:.3g} times the say of class {quiet[1]}."
    else:
        return
    yield Symptom(
        "inverted-class-weights",
        text,
        value=frequent[1] / max(rare[1], 1e-12) if inverted else loud[0] / max(quiet[0], 1e-12),
        threshold=INVERTED if inverted else OUTWEIGHS,
        strength=0.8,
        details={"zero": zero is not None},
    )


def _shares_by_name(subject: Subject) -> dict[str, float]:
    """Share of rows by class id as ``class_weight`` names it: the label value, or the column of one-hot rows."""
    target = subject.target
    shares = class_shares(target) if target is not None else ()
    if target is not None and target.unique is not None and columns(target) == 1 and len(target.unique) == len(shares):
        return {f"{value:g}": share for value, share in zip(target.unique, shares, strict=True)}
    return {str(index): share for index, share in enumerate(shares)}


@check("zero-sample-weights", requires=("sample weights",))
def zero_sample_weights(subject: Subject) -> Iterator[Symptom]:
    """Rows with a weight of 0 are not learned from.

    Symptom: All sample weights are 0, or some are negative, or fewer than a tenth of the rows have one above 0.
    Why: The loss of a row is multiplied by its weight; a negative one drives the network away from the label.
    Threshold and its source: Exactly 0 and below 0; a tenth, our choice: less is rather a mistake than a selection.
    When not: Masks over padded time steps, of which many are 0 by design: two axes and more are left out.
    """
    weights = subject.fit.data.sample_weights
    if weights is None or (len(weights.shape) > 1 and weights.shape[-1] != 1):
        return
    positive = _share_above_zero(weights.unique, weights.counts)
    if weights.minimum < 0:
        text, strength = f"Sample weights reach down to {weights.minimum:.3g}: such rows are unlearned.", 0.8
    elif weights.maximum <= 0:
        text, strength = "All sample weights are 0: no row is learned from.", 1.0
    elif positive is not None and positive < 0.1:
        text, strength = f"Only {positive:.1%} of the rows have a weight above 0.", 0.6
    else:
        return
    yield Symptom(
        "zero-sample-weights",
        text,
        value=float(weights.maximum),
        threshold=0.0,
        strength=strength,
        details={"certain": weights.maximum <= 0},
    )


def _share_above_zero(unique: tuple[float, ...] | None, counts: tuple[int, ...]) -> float | None:
    if unique is None or not counts:
        return None
    return sum(count for value, count in zip(unique, counts, strict=True) if value > 0) / sum(counts)


@check("unsuitable-metric", requires=("targets", "losses"))
def unsuitable_metric(subject: Subject) -> Iterator[Symptom]:
    """Accuracy is asked for where nothing is classified.

    Symptom: A regression is compiled with an accuracy among its metrics.
    Why: Keras then counts predictions that equal their target exactly, which real numbers never do: the number stays
        near 0 however good the network is.
    Threshold and its source: Structural; Keras chooses the meaning of ``'accuracy'`` by loss and shapes.
    When not: It changes nothing about the training, only about what its author believes: never a fault by itself.
    """
    asked = [name for name in subject.fit.compile.metrics if name in ACCURACIES]
    if asked and subject.task.kind == "regression" and subject.task.confidence >= 0.7:
        target = subject.target
        if target is not None and target.unique is not None and set(target.unique) <= {0.0, 1.0}:
            return
        yield Symptom(
            "unsuitable-metric",
            f"The metric {asked[0]!r} says nothing about a regression.",
            strength=0.1,
        )


@check("excessive-regularization", requires=("model layers",))
def excessive_regularization(subject: Subject) -> Iterator[Symptom]:
    """Penalties on the weights outweigh the data.

    Symptom: In the last third of the run the penalty is larger than the data's part of the loss; or it was in the first
        third, and the penalized weights have shrunk to less than half; or, where it was not measured, a layer's L1 or
        L2 factor is 0.1 or more.
    Why: The cheapest way down is then to shrink the weights towards zero, whatever the data say.
    Threshold and its source: Half of the loss; a factor of 0.1 is ten times Keras's default of 0.01, which is itself a
        strong penalty (Krizhevsky et al. 2012 use 5e-4). Half of the weights: healthy programs keep 0.9 of the norm of
        penalized layers or more, programs with factors of 1 less than 0.4.
    When not: Deliberately sparse models; networks that learn all the same, whose penalty is large only because the
        data's loss has become small.
    """
    measured = _penalty_share(subject)
    if measured is not None and measured <= 0.5 and _has_crushed(subject):
        measured = _penalty_share(subject, early=True) or measured
    factors = [(factor, layer) for layer in subject.fit.model.layers for factor in _factors(layer)]
    largest = max(factors, key=lambda pair: pair[0], default=None)
    layer = subject.reference_to(largest[1]) if largest is not None else None
    if measured is not None and measured > 0.5 and not _is_small(subject):
        yield Symptom(
            "excessive-regularization",
            f"Penalties on the weights make up {measured:.0%} of the loss.",
            value=measured,
            threshold=0.5,
            layer=layer,
            strength=min(1.0, 0.4 + measured / 2),
            details={"factor": largest[0] if largest is not None else None},
        )
    elif measured is None and largest is not None and largest[0] >= LARGE_PENALTY:
        yield Symptom(
            "excessive-regularization",
            f"Layer {largest[1].index} ({largest[1].name}) is penalized with a factor of {largest[0]:g}.",
            value=largest[0],
            threshold=LARGE_PENALTY,
            layer=layer,
            strength=min(0.9, 0.4 + 0.2 * math.log10(largest[0] / LARGE_PENALTY)),
            details={"factor": largest[0]},
        )


def _has_crushed(subject: Subject) -> bool:
    """Whether the weights of a penalized layer shrank to less than half, so that little is left to be penalized."""
    norms = subject.series("weight_norm")
    if norms is None or len(norms) < 2:
        return False
    columns_of = [subject.column_of(layer) for layer in subject.fit.model.layers if any(_factors(layer))]
    return any(norms[-1, column] < SHRUNK * norms[0, column] for column in columns_of)


def _penalty_share(subject: Subject, *, early: bool = False) -> float | None:
    """Median share of the penalties in the loss over the last (first) third of the samples; None if not measured."""
    statistics, part = subject.fit.statistics, subject.tail(1 / 3)
    if early:
        part = slice(0, max(1, len(statistics.penalty) // 3))
    penalty, whole = statistics.penalty[part], statistics.loss_before[part]
    known = np.isfinite(penalty) & np.isfinite(whole) & (whole > 0)
    return float(np.median(penalty[known] / whole[known])) if known.any() else None


def _is_small(subject: Subject) -> bool:
    """Whether the whole loss, penalties included, lies below half of a constant's: the penalty then keeps nothing."""
    finite = subject.losses[np.isfinite(subject.losses)]
    return subject.trivial_loss is not None and bool(finite.size) and float(finite[-1]) < 0.5 * subject.trivial_loss


def _factors(layer: LayerFacts) -> Iterator[float]:
    """The L1 and L2 factors on this layer's kernel, bias and output."""
    for name in ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer"):
        given: Any = layer.config.get(name)
        config = given.get("config") if isinstance(given, dict) else None
        if isinstance(config, dict):
            yield from (float(config[key]) for key in ("l1", "l2") if isinstance(config.get(key), int | float))
