"""The size of what flows through a network: outputs that grow or fade, and weights that outgrew their start."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..structure import EMBEDDING_LAYERS, LINEAR_MAP_LAYERS, RECURRENT_LAYERS, weighted_layers
from ..trace import LayerFacts
from .inputs import root_mean_square
from .registry import check
from .subject import Subject

LARGE_OUTPUT = 10.0
FADED = 1e-3
IGNORES = 1e-4
LARGE_WEIGHT = 5.0
GREW = 10.0
AMPLIFIED = 100.0


def _initial_size(subject: Subject, layer: LayerFacts) -> float | None:
    """Root mean square of a layer's output at the first sampled step."""
    mean, deviation = subject.series("activation_mean"), subject.series("activation_std")
    if mean is None or deviation is None:
        return None
    column = subject.column_of(layer)
    size = math.hypot(float(mean[0, column]), float(deviation[0, column]))
    return size if math.isfinite(size) else None


def _hidden(subject: Subject) -> list[LayerFacts]:
    outputs = {head.layer.index for head in subject.heads}
    return [
        layer
        for layer in weighted_layers(subject.fit.model)
        if layer.index not in outputs and layer.class_name not in EMBEDDING_LAYERS
    ]


@check("large-activation", requires=("statistic activation_std", "statistic activation_mean"))
def large_activation(subject: Subject) -> Iterator[Symptom]:
    """A hidden layer puts out values far above unit size from the first step on.

    Symptom: The root mean square of a hidden layer's output at the first sampled step is above 10.
    Why: Glorot and He weights keep inputs of unit size at that size. A larger output says that the inputs are not
        scaled, or that the initial weights are too large; every layer behind starts out saturated or explodes.
    Threshold and its source: One order of magnitude above the unit size that initialisation aims at (He et al. 2015).
        AutoTrainer's bound, a mean of 1, is met by most healthy networks.
    When not: Later in training, when outputs may grow with what is learned; embeddings.
    """
    for layer in _hidden(subject):
        size = _initial_size(subject, layer)
        if size is not None and size > LARGE_OUTPUT:
            yield Symptom(
                "large-activation",
                f"Layer {layer.index} ({layer.name}) starts with outputs of a typical size of {size:.3g}.",
                value=size,
                threshold=LARGE_OUTPUT,
                layer=subject.reference_to(layer),
                strength=min(1.0, 0.4 + 0.2 * math.log10(size / LARGE_OUTPUT)),
            )
            return  # what lies behind it is large because of it


@check("exploding-recurrence", requires=("statistic activation_std", "statistic activation_mean", "inputs"))
def exploding_recurrence(subject: Subject) -> Iterator[Symptom]:
    """A recurrent layer multiplies its state from step to step.

    Symptom: At the first sampled step a recurrent layer puts out values whose root mean square is above 10, and above
        100 times that of the inputs.
    Why: Recurrent weights with a spectral radius above 1, under an activation without an upper bound, grow the state
        exponentially with the length of the sequence; gradients likewise.
    Threshold and its source: Exponential growth by definition: one layer of He weights keeps the size, so two orders of
        magnitude come from the steps (Pascanu, Mikolov & Bengio 2013; Le, Jaitly & Hinton 2015 start at 1).
    When not: tanh and gated layers, whose outputs end at 1.
    """
    scale = max((root_mean_square(one) for one in subject.fit.data.inputs), default=math.nan)
    for layer in _hidden(subject):
        size = _initial_size(subject, layer) if layer.class_name in RECURRENT_LAYERS else None
        if size is not None and size > LARGE_OUTPUT and size > AMPLIFIED * scale:
            yield Symptom(
                "exploding-recurrence",
                f"Layer {layer.index} ({layer.name}) turns inputs of a typical size of {scale:.3g} into {size:.3g}.",
                value=size / scale if scale else math.inf,
                threshold=AMPLIFIED,
                layer=subject.reference_to(layer),
                strength=min(1.0, 0.5 + 0.1 * math.log10(size / max(scale, 1e-12))),
            )
            return


@check("fading-activation", requires=("statistic batch_std",))
def fading_activation(subject: Subject) -> Iterator[Symptom]:
    """What tells examples apart fades from layer to layer.

    Symptom: At the first sampled step the spread of a hidden layer's outputs over the examples of the batch is below a
        thousandth of what it is at the first layer with weights.
    Why: Too small initial weights, or saturating activations in a deep stack, shrink the signal; what the last layers
        see is the same for all examples, and no gradient can change that quickly.
    Threshold and its source: The mirror image of AutoTrainer's 1e-3 for gradients; SageMaker Debugger's TensorVariance
        leaves the bound to the user.
    When not: Networks that learn all the same (normalisation behind it restores the size); layers that start at
        exactly zero on purpose, such as the deviations of a variational autoencoder (``symmetric-weights``).
    """
    values = subject.series("batch_std")
    layers = _hidden(subject)
    if values is None or len(layers) < 2:
        return
    first = float(values[0, subject.column_of(layers[0])])
    if not math.isfinite(first) or first <= 0:
        return
    for layer in layers[1:]:
        spread = float(values[0, subject.column_of(layer)])
        if math.isfinite(spread) and spread < FADED * first and layer.initial.get("kernel_std") != 0:
            yield Symptom(
                "fading-activation",
                f"Examples differ by {first:.2g} behind the first layer, but only by {spread:.2g} behind layer "
                f"{layer.index} ({layer.name}).",
                value=spread / first,
                threshold=FADED,
                layer=subject.reference_to(layer),
                strength=0.6,
            )
            return


@check("input-blind-activation", requires=("statistic batch_std", "statistic activation_std"))
def input_blind_activation(subject: Subject) -> Iterator[Symptom]:
    """A hidden layer has come to put out the same for every example.

    Symptom: In the last third of the run, the spread over the examples of a hidden layer's outputs is below 1e-4 of
        their typical size, at every sample, and the run has learned nothing.
    Why: The layer's units are dead or saturated, or its weights have collapsed; the layers behind see a constant.
    Threshold and its source: 1e-4, our choice: a hundred times what float32 loses in sums of some thousand terms, and
        a hundredth of the 1 % that ``constant-prediction`` allows.
    When not: Batches of one row, which have no spread.
    """
    spread, mean, deviation = (subject.series(name) for name in ("batch_std", "activation_mean", "activation_std"))
    if spread is None or mean is None or deviation is None or subject.learned or len(spread) < 3:
        return
    late = subject.tail(1 / 3)
    for layer in _hidden(subject):
        column = subject.column_of(layer)
        sizes = np.hypot(mean[late, column], deviation[late, column])
        differences = spread[late, column]
        if not (np.isfinite(sizes).all() and np.isfinite(differences).all()):
            continue
        if np.all(differences <= IGNORES * sizes):
            yield Symptom(
                "input-blind-activation",
                f"Layer {layer.index} ({layer.name}) puts out the same for every example.",
                value=float(np.max(differences / np.maximum(sizes, 1e-30))),
                threshold=IGNORES,
                layer=subject.reference_to(layer),
                strength=0.7,
            )
            return


@check("large-weight", requires=("statistic weight_max", "initial weights"))
def large_weight(subject: Subject) -> Iterator[Symptom]:
    """Weights have grown far beyond where they started.

    Symptom: In the last third of the run the largest weight of a dense or convolutional hidden layer is above 5, and
        above ten times the largest weight that it started with.
    Why: Steps are too large, or large targets or offsets are reached by the weights' size; such layers saturate and
        react to the smallest change of the input.
    Threshold and its source: DeepFD's 5 (an unused rule of AutoTrainer's), and a growth by one order of magnitude,
        since a fixed bound depends on the layer's width.
    When not: Output layers, which have to reach the targets' level; normalising layers and embeddings.
    """
    for layer in _hidden(subject):
        size, start = subject.late_median("weight_max", layer), layer.initial.get("kernel_max")
        if layer.class_name not in LINEAR_MAP_LAYERS or size is None or not start:
            continue
        if size > LARGE_WEIGHT and size > GREW * start:
            yield Symptom(
                "large-weight",
                f"The largest weight of layer {layer.index} ({layer.name}) grew from {start:.3g} to {size:.3g}.",
                value=size,
                threshold=max(LARGE_WEIGHT, GREW * start),
                layer=subject.reference_to(layer),
                strength=min(0.8, 0.4 + 0.2 * math.log10(size / LARGE_WEIGHT)),
            )
            return
