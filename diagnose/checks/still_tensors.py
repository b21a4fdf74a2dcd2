"""Tensors that hold nothing, or that never change: outputs, gradients and weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..structure import weighted_layers
from ..trace import LayerFacts
from .registry import check
from .subject import Subject

#: SageMaker Debugger's UnchangedTensor: tolerances of ``numpy.allclose``.
RELATIVE = 1e-5
ABSOLUTE = 1e-8
SAMPLES = 5
#: What describes the values of a tensor; a softmax's mean alone is 1/K whatever it says.
_SHAPE = ("activation_mean", "activation_std", "activation_min", "activation_max")


def _unchanged(column: np.ndarray) -> bool:
    """Whether all samples of one number agree within the tolerances; fewer than five samples say nothing."""
    finite = column[np.isfinite(column)]
    if finite.size < SAMPLES or finite.size < column.size:
        return False
    return bool(np.allclose(finite, finite[0], rtol=RELATIVE, atol=ABSOLUTE))


@check("empty-activation", requires=("statistic zero_fraction",))
def empty_activation(subject: Subject) -> Iterator[Symptom]:
    """A layer puts out nothing but zeros.

    Symptom: All entries of a layer's output are exactly 0 at every sample of the last third of the run.
    Why: Nothing of the input gets past this layer; behind a rectifier all units are dead, elsewhere the weights or a
        mask are zero, or a dropout drops everything.
    Threshold and its source: 100 % zeros, SageMaker Debugger's AllZero. DeepLocalize stops at one batch whose *mean* is
        0, which centred outputs have by design.
    When not: Outputs of layers without weights of their own whose input is zero anyway (padding).
    """
    values = subject.series("zero_fraction")
    if values is None or len(values) < 3:
        return
    late = values[subject.tail(1 / 3)]
    for layer in subject.fit.model.layers:
        column = late[:, subject.column_of(layer)]
        if np.isfinite(column).all() and column.min() >= 1.0:
            yield Symptom(
                "empty-activation",
                f"All outputs of layer {layer.index} ({layer.name}) are 0.",
                value=1.0,
                threshold=1.0,
                layer=subject.reference_to(layer),
                strength=0.8,
                details={"class_name": layer.class_name},
            )
            return  # everything behind it is empty, too


@check("unchanged-activation", requires=("statistic activation_std", "epoch losses"))
def unchanged_activation(subject: Subject) -> Iterator[Symptom]:
    """A hidden layer's output stays the same, whatever the batch and however far the training.

    Symptom: Mean, deviation, minimum and maximum of a layer's output all agree over all samples of the run, at least
        five, within a relative 1e-5, in a run that has learned nothing.
    Why: The layer does not see its input (dead, saturated, zero weights), or its weights do not move and every batch is
        the same.
    Threshold and its source: SageMaker Debugger's UnchangedTensor (rtol 1e-5, atol 1e-8), on four numbers.
        DeepLocalize compares the mean alone over five batches and so alarms for every softmax, whose mean is always
        1/K (72 % of healthy models).
    When not: Layers before the first weights (reshaping, scaling of the same full batch); training that has arrived.
    """
    series = [subject.series(name) for name in _SHAPE]
    layers = weighted_layers(subject.fit.model)
    if any(values is None for values in series) or not layers or subject.learned:
        return
    for layer in subject.fit.model.layers:
        if layer.index < layers[0].index:
            continue
        column = subject.column_of(layer)
        if all(values is not None and _unchanged(values[:, column]) for values in series):
            yield Symptom(
                "unchanged-activation",
                f"The outputs of layer {layer.index} ({layer.name}) are the same at all sampled steps.",
                value=0.0,
                threshold=RELATIVE,
                layer=subject.reference_to(layer),
                strength=0.6,
            )
            return


@check("unchanged-gradient", requires=("statistic gradient_norm", "epoch losses"))
def unchanged_gradient(subject: Subject) -> Iterator[Symptom]:
    """The gradient of a layer is the same at all steps.

    Symptom: The norm of a layer's gradient is above 0 and agrees over all samples, at least five, within a relative
        1e-5, in a run that has learned nothing.
    Why: The loss does not react to what the steps change: it is constant or saturated, or the steps are so small that
        the network stays where it began.
    Threshold and its source: SageMaker Debugger's tolerances, on the norm. DeepLocalize compares the gradient's mean,
        which is exactly 0 for a last kernel under softmax and crossentropy (the sum over classes vanishes).
    When not: Gradients of 0, which are ``missing-gradient`` or ``vanishing-gradient``; training that has arrived.
    """
    values = subject.series("gradient_norm")
    if values is None or subject.learned:
        return
    for layer in _trained(subject):
        column = values[:, subject.column_of(layer)]
        if _unchanged(column) and float(column[0]) > ABSOLUTE:
            yield Symptom(
                "unchanged-gradient",
                f"The gradient of layer {layer.index} ({layer.name}) is {float(column[0]):.3g} at all sampled steps.",
                value=0.0,
                threshold=RELATIVE,
                layer=subject.reference_to(layer),
                strength=0.5,
            )
            return


@check("missing-gradient", requires=("statistic gradient_norm",))
def missing_gradient(subject: Subject) -> Iterator[Symptom]:
    """A layer that may learn gets no gradient, while others do.

    Symptom: At every sample the gradient of a trainable layer is exactly 0, or there is none, and another layer's is
        not.
    Why: The layer is cut off from the loss: dead or saturated units behind it, an operation without a gradient
        (argmax, rounding, comparison), or an output that no loss looks at.
    Threshold and its source: Exactly 0 at all samples; DeepLocalize and DeepDiagnosis stop at a gradient whose mean is
        0, which also healthy gradients have.
    When not: Branches that are trained in another phase; one sampled step only.
    """
    values = subject.series("gradient_norm")
    layers = _trained(subject)
    if values is None or len(values) < 3 or len(layers) < 2:
        return
    columns = {layer.index: np.nan_to_num(values[:, subject.column_of(layer)], nan=0.0) for layer in layers}
    if not any(column.max() > 0 for column in columns.values()):
        return
    for layer in layers:
        if columns[layer.index].max() == 0:
            yield Symptom(
                "missing-gradient",
                f"Layer {layer.index} ({layer.name}) never receives a gradient, while other layers do.",
                value=0.0,
                threshold=0.0,
                layer=subject.reference_to(layer),
                strength=0.6,
            )
            return


@check("unchanged-weight", requires=("statistic update_norm", "statistic weight_norm"))
def unchanged_weight(subject: Subject) -> Iterator[Symptom]:
    """The weights of a trainable layer stay as they were, while those of others move.

    Symptom: At every sample a step changes a layer's weights by at most 1e-5 of their size, and another layer's by at
        least a hundred times that.
    Why: The layer gets no usable gradient, or an optimizer or callback leaves it out; what it puts out stays random.
    Threshold and its source: SageMaker Debugger's UnchangedTensor (rtol 1e-5) applied to weights; DeepLocalize and
        DeepFD compare means, which move little even when all weights do. If no layer moves, ``undersized-updates``
        says so.
    When not: Embeddings of large vocabularies, whose rows are met rarely; frozen layers.
    """
    updates, norms = subject.series("update_norm"), subject.series("weight_norm")
    if updates is None or norms is None or len(updates) < 3:
        return
    largest: dict[int, float] = {}
    for layer in _trained(subject):
        column = subject.column_of(layer)
        known = np.isfinite(updates[:, column]) & np.isfinite(norms[:, column]) & (norms[:, column] > 0)
        if known.any() and layer.class_name != "Embedding":
            largest[layer.index] = float(np.max(updates[known, column] / norms[known, column]))
    if not largest or max(largest.values()) < 100 * RELATIVE:
        return
    for layer in _trained(subject):
        if largest.get(layer.index, 1.0) <= RELATIVE:
            yield Symptom(
                "unchanged-weight",
                f"The weights of layer {layer.index} ({layer.name}) hardly change: at most by "
                f"{largest[layer.index]:.1e} of their size per step.",
                value=largest[layer.index],
                threshold=RELATIVE,
                layer=subject.reference_to(layer),
                strength=0.5,
            )
            return


def _trained(subject: Subject) -> list[LayerFacts]:
    return [layer for layer in weighted_layers(subject.fit.model) if layer.trainable_parameters > 0]
