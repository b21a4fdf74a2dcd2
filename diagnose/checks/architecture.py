"""Settings of layers that keep a network from learning: missing non-linearity, dropout, initial and frozen weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..findings import Symptom
from ..structure import (
    ATTENTION_LAYERS,
    DROPOUT_LAYERS,
    EMBEDDING_LAYERS,
    MERGE_LAYERS,
    NORMALIZATION_LAYERS,
    RECURRENT_LAYERS,
    effective_activation,
    hidden_linear_maps,
    weighted_layers,
)
from ..trace import LayerFacts
from .registry import check
from .subject import Subject

DROPOUT_RATE = 0.5
KEPT_UNITS = 16
#: Share of a model's weights from which on layers that are frozen at random matter; how close spreads count as equal.
FROZEN_SHARE, SAME_SPREAD = 0.1, 0.1
VARIANCE_RATIO = 10.0


@check("missing-nonlinearity", requires=("model layers",))
def missing_nonlinearity(subject: Subject) -> Iterator[Symptom]:
    """A hidden dense or convolutional layer runs into the next one without a non-linear function.

    Symptom: The effective activation of a hidden layer is linear, and another dense or convolutional layer follows.
    Why: Two linear maps in a row are one linear map: the layer adds parameters, but nothing that could be learned.
    Threshold and its source: Structural; UMLAUT, NeuraLint; cases 48385830, 59325381, hotdog-sandwich.
    When not: An activation layer of its own behind it; projections before attention, additions, recurrent or
        normalising layers; depthwise-separable pairs; a bottleneck far narrower than both neighbours (a factor of 4),
        as in autoencoders and low-rank layers.
    """
    model = subject.fit.model
    for layer in hidden_linear_maps(model):
        if effective_activation(model, layer) != "linear" or "Depthwise" in layer.class_name:
            continue
        if _is_projection(subject, layer):
            continue
        share = sum(1 for item in hidden_linear_maps(model) if effective_activation(model, item) == "linear")
        everything = share == len(hidden_linear_maps(model))
        yield Symptom(
            "missing-nonlinearity",
            f"Layer {layer.index} ({layer.name}) has no activation before the next layer.",
            value=float(share),
            threshold=0.0,
            layer=subject.reference_to(layer),
            strength=0.75 if everything else 0.45,
            details={"everything_is_linear": everything},
        )


def _is_projection(subject: Subject, layer: LayerFacts) -> bool:
    by_index = {item.index: item for item in subject.fit.model.layers}
    neighbours = [by_index[index].class_name for index in layer.outbound if index in by_index]
    special = ATTENTION_LAYERS | MERGE_LAYERS | RECURRENT_LAYERS | NORMALIZATION_LAYERS | {"Lambda"}
    if not neighbours or any(name in special for name in neighbours) or len(layer.outbound) > 1:
        return True
    before = layer.input_shape[-1] if layer.input_shape else None
    following = [by_index[index].units for index in layer.outbound if index in by_index]
    after = max((units for units in following if units), default=None)
    width = layer.units
    return bool(width and before and after and 4 * width <= before and 4 * width <= after)


@check("excessive-dropout", requires=("model layers",))
def excessive_dropout(subject: Subject) -> Iterator[Symptom]:
    """Dropout leaves the network too little to work with.

    Symptom: A dropout layer drops more than half of its inputs, or leaves fewer than 16 units on average at a rate of
        0.3 or more.
    Why: What is left cannot represent the task, and regressions suffer from the noise it puts on the scale.
    Threshold and its source: UMLAUT's 0.5 (Srivastava et al. 2014: 0.5 for wide layers); 16 kept units, our choice:
        the published rates were found on layers of hundreds of units.
    When not: Wide layers at 0.5; inputs of embeddings; runs that reach the references.
    """
    for layer in subject.fit.model.layers:
        rate = layer.config.get("rate")
        if layer.class_name not in DROPOUT_LAYERS or not isinstance(rate, int | float) or rate <= 0:
            continue
        kept = (1 - rate) * layer.units if layer.units and layer.class_name == "Dropout" else math.inf
        if rate > DROPOUT_RATE or (kept < KEPT_UNITS and rate >= 0.3):
            yield Symptom(
                "excessive-dropout",
                f"Layer {layer.index} ({layer.name}) drops {rate:.0%} of {layer.units or 'its'} values.",
                value=float(rate),
                threshold=DROPOUT_RATE,
                layer=subject.reference_to(layer),
                strength=min(0.9, 0.35 + max(0.0, rate - DROPOUT_RATE) + (0.1 if kept < KEPT_UNITS else 0.0)),
            )


def _fan_in(layer: LayerFacts) -> int | None:
    shape = layer.weights.get("kernel")
    if not shape or len(shape) < 2:
        return None
    if "Depthwise" in layer.class_name:  # each output sees one channel
        return int(math.prod(shape[:-2]))
    inputs = shape[-1] if layer.class_name.endswith("Transpose") else shape[-2]
    return int(math.prod(shape[:-2])) * inputs


def _glorot_fans(layer: LayerFacts) -> int:
    """Fan-in and fan-out, added up as Keras's initializers do: what a kernel covers counts for both."""
    shape = layer.weights["kernel"]
    return int(math.prod(shape[:-2])) * (shape[-2] + shape[-1])


@check("symmetric-weights", requires=("initial weights",))
def symmetric_weights(subject: Subject) -> Iterator[Symptom]:
    """All weights of a layer start with the same value.

    Symptom: The kernel's initial standard deviation is 0 in a hidden layer of at least two units, or in the output of
        a network whose hidden layers are of that kind.
    Why: Units that start alike get the same gradient and stay alike for ever: the layer is as good as one unit.
    Threshold and its source: Exactly zero; NeuraLint's "constant weight init" (Goodfellow et al. 2016, §8.4).
    When not: A zero output layer alone, or a zero last normalisation, which break the symmetry by their inputs.
    """
    outputs = {head.layer.index for head in subject.heads}
    for layer in weighted_layers(subject.fit.model):
        deviation = layer.initial.get("kernel_std")
        if deviation is None or deviation > 0 or (layer.units or 0) < 2 or layer.index in outputs:
            continue
        yield Symptom(
            "symmetric-weights",
            f"All weights of layer {layer.index} ({layer.name}) start with the same value.",
            value=float(deviation),
            threshold=0.0,
            layer=subject.reference_to(layer),
            strength=0.9,
        )


@check("unsuitable-initial-weights", requires=("initial weights",))
def unsuitable_initial_weights(subject: Subject) -> Iterator[Symptom]:
    """Initial weights far larger or smaller than the layer's width asks for.

    Symptom: The kernel's initial variance is more than ten times He's 2 / fan-in, or less than a tenth of Glorot's
        2 / (fan-in + fan-out), which is Keras's default and far below He's in a wide convolution.
    Why: Signals grow or fade from layer to layer; large ones saturate sigmoid, tanh and softmax at once.
    Threshold and its source: SageMaker Debugger's PoorWeightInitialization, variance ratio 10.
    When not: Embeddings, recurrent kernels, layers with pretrained weights; the run reaches the references.
    """
    for layer in weighted_layers(subject.fit.model):
        deviation, fan_in = layer.initial.get("kernel_std"), _fan_in(layer)
        if deviation is None or deviation <= 0 or fan_in is None or layer.class_name in EMBEDDING_LAYERS:
            continue
        ratio = deviation**2 / (2 / fan_in)
        floor = min(1.0, fan_in / _glorot_fans(layer))  # Glorot's variance, 2 / (fan-in + fan-out), on the same scale
        if ratio > VARIANCE_RATIO or ratio < floor / VARIANCE_RATIO:
            size = "large" if ratio > 1 else "small"
            yield Symptom(
                "unsuitable-initial-weights",
                f"The initial weights of layer {layer.index} ({layer.name}) are {size}: standard deviation "
                f"{deviation:.3g}, where {math.sqrt(2 / fan_in):.3g} suits {fan_in} inputs.",
                value=ratio,
                threshold=VARIANCE_RATIO,
                layer=subject.reference_to(layer),
                strength=min(0.9, 0.4 + 0.15 * abs(math.log10(ratio))),
                details={"size": size},
            )


@check("frozen-weights", requires=("model layers",))
def frozen_weights(subject: Subject) -> Iterator[Symptom]:
    """Nothing may learn, or the output may not.

    Symptom: The model has parameters, and none of them is trainable; or the output layer is frozen.
    Why: ``trainable = False`` was set on more than was meant, or set before ``compile`` and not taken back.
    Threshold and its source: Structural; Keras's transfer learning guide on ``trainable`` and ``compile``.
    When not: A frozen base with a trainable head.
    """
    model, head = subject.fit.model, subject.head
    if model.parameters and model.trainable_parameters == 0:
        holding = [layer for layer in model.layers if layer.parameters]
        yield Symptom(
            "frozen-weights",
            f"None of the {model.parameters} weights may change.",
            layer=subject.reference_to(holding[0]) if len(holding) == 1 else None,
            value=0.0,
            threshold=1.0,
            strength=1.0,
            details={"certain": True},
        )
    elif head is not None and head.layer.parameters and not head.layer.trainable:
        yield Symptom(
            "frozen-weights",
            f"The output layer {head.layer.index} ({head.layer.name}) is frozen.",
            layer=subject.reference_to(head.layer),
            strength=0.7,
        )


@check("frozen-random-weights", requires=("model layers", "initial weights"))
def frozen_random_weights(subject: Subject) -> Iterator[Symptom]:
    """Layers are frozen that never learned anything.

    Symptom: Frozen layers hold at least a tenth of the model's weights, and begin as initializers leave them: biases
        exactly 0, and the kernel's spread within a tenth of He's or Glorot's.
    Why: ``trainable = False`` is meant for weights that were trained before. Random features of the first layers are
        all that the trainable rest ever sees.
    Threshold and its source: Structural but for the spread: the standard deviation of 100 weights is known to 7 %
        (1 / sqrt(2 n)), and trained kernels move away from it, their biases from 0.
    When not: Random features on purpose (extreme learning machines, reservoirs), which reach the references.
    """
    model = subject.fit.model
    random = [layer for layer in weighted_layers(model) if not layer.trainable and _is_untrained(layer)]
    share = sum(layer.parameters for layer in random) / max(1, model.parameters)
    if random and share >= FROZEN_SHARE and model.trainable_parameters:
        names = ", ".join(layer.name for layer in random[:3])
        yield Symptom(
            "frozen-random-weights",
            f"{names}{' …' if len(random) > 3 else ''} cannot learn, and hold the random weights they were made with.",
            value=share,
            threshold=FROZEN_SHARE,
            layer=subject.reference_to(random[0]),
            strength=0.9,
        )


def _is_untrained(layer: LayerFacts) -> bool:
    deviation, fan_in = layer.initial.get("kernel_std"), _fan_in(layer)
    if not deviation or not fan_in or math.prod(layer.weights.get("kernel", (0,))) < 100:
        return False
    if layer.initial.get("bias_max", 0.0) != 0.0:
        return False
    usual = (math.sqrt(2 / fan_in), math.sqrt(1 / fan_in), math.sqrt(2 / _glorot_fans(layer)))
    return any(abs(deviation / one - 1) < SAME_SPREAD for one in usual)
