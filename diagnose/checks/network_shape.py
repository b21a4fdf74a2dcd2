"""Depth, kernels, strides and widths that keep a network from seeing, or from passing on, what there is to learn."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..findings import Symptom
from ..structure import (
    ATTENTION_LAYERS,
    MERGE_LAYERS,
    NORMALIZATION_LAYERS,
    convolution_size,
    effective_activation,
    hidden_linear_maps,
)
from ..trace import LayerFacts
from .registry import check
from .subject import Subject

#: Layers with weights in a row, without a shortcut and without normalisation.
DEEP, DEEP_SATURATING = 16, 8
MANY_SIGMOIDS = 4
_SATURATING = frozenset({"sigmoid", "tanh", "hard_sigmoid", "softsign", "softmax"})
FEW_FILTERS = 2


@check("deep-plain-stack", requires=("model layers",))
def deep_plain_stack(subject: Subject) -> Iterator[Symptom]:
    """Many layers on top of each other, with nothing that lets signals and gradients through.

    Symptom: At least 16 dense or convolutional layers follow one another without normalisation, addition or other
        shortcut; 8 where they saturate.
    Why: Signals and gradients are multiplied from layer to layer and fade or grow; what a plain stack gains by depth it
        loses by being untrainable.
    Threshold and its source: VGG's 16 to 19 layers were the deepest plain networks that trained (Simonyan & Zisserman
        2015; He et al. 2016 show plain ones of 34 to be worse than of 18); sigmoid networks stop training from five
        layers on (Glorot & Bengio 2010), eight to be on the safe side.
    When not: Residual and normalised networks, SELU layers, which normalise themselves; deep networks that train.
    """
    longest = _longest_plain_chain(subject)
    if not longest:
        return
    names = [effective_activation(subject.fit.model, layer) for layer in longest]
    saturating = 2 * sum(name in _SATURATING for name in names) > len(names)
    limit = DEEP_SATURATING if saturating else DEEP
    if len(longest) >= limit:
        middle = longest[len(longest) // 2]
        yield Symptom(
            "deep-plain-stack",
            f"{len(longest)} layers follow one another without normalisation or a shortcut.",
            value=float(len(longest)),
            threshold=float(limit),
            layer=subject.reference_to(middle),
            strength=min(1.0, 0.6 + 0.4 * (len(longest) / limit - 1)),
        )


@check("sigmoid-stack", requires=("model layers",))
def sigmoid_stack(subject: Subject) -> Iterator[Symptom]:
    """Several sigmoid layers on top of each other.

    Symptom: At least four hidden layers with sigmoid follow one another without normalisation or a shortcut.
    Why: The slope of a sigmoid is at most a quarter, so four of them leave less than half a percent of a gradient; and
        as none of them is centred at zero, the last ones saturate first.
    Threshold and its source: Glorot & Bengio (2010): sigmoid networks of four hidden layers wait long on a plateau, of
        five they do not leave it.
    When not: Networks that leave the plateau all the same.
    """
    chain = _longest_plain_chain(subject)
    squashed = [one for one in chain if effective_activation(subject.fit.model, one) in ("sigmoid", "hard_sigmoid")]
    if len(squashed) >= MANY_SIGMOIDS:
        yield Symptom(
            "sigmoid-stack",
            f"{len(squashed)} sigmoid layers follow one another, each of which takes three quarters off a gradient.",
            value=float(len(squashed)),
            threshold=float(MANY_SIGMOIDS),
            layer=subject.reference_to(squashed[0]),
            strength=min(1.0, 0.6 + 0.1 * (len(squashed) - MANY_SIGMOIDS)),
        )


def _longest_plain_chain(subject: Subject) -> list[LayerFacts]:
    by_index = {layer.index: layer for layer in subject.fit.model.layers}
    plain = {layer.index for layer in hidden_linear_maps(subject.fit.model)}
    chains: dict[int, list[LayerFacts]] = {}
    for layer in subject.fit.model.layers:
        before = [chains.get(index, []) for index in layer.inbound]
        cut = len(layer.inbound) > 1 or layer.class_name in NORMALIZATION_LAYERS | MERGE_LAYERS | ATTENTION_LAYERS
        known = [] if cut or not before else before[0]
        branches = any(len(by_index[index].outbound) > 1 for index in layer.inbound if index in by_index)
        selu = effective_activation(subject.fit.model, layer) == "selu"
        if branches or selu:
            known = []
        chains[layer.index] = [*known, layer] if layer.index in plain and not selu else known
    return max(chains.values(), key=len, default=[])


@check("pointwise-kernels", requires=("model layers",))
def pointwise_kernels(subject: Subject) -> Iterator[Symptom]:
    """No convolution of the network sees more than a single position.

    Symptom: All convolutions have kernels of size 1, on maps or sequences of more than one position.
    Why: Such a network cannot tell how neighbours are arranged; shapes and patterns are invisible to it.
    Threshold and its source: Structural. A kernel of 1 mixes channels (Lin et al., Network in network, 2014) and stands
        between kernels that look around.
    When not: Networks with any larger kernel, attention or recurrent layers, or dense layers over flattened maps only.
    """
    convolutions = [layer for layer in subject.fit.model.layers if convolution_size(layer, "kernel_size")]
    if not convolutions or any(convolution_size(layer, "kernel_size") > 1 for layer in convolutions):
        return
    others = {layer.class_name for layer in subject.fit.model.layers}
    if others & ATTENTION_LAYERS or any("RNN" in name or name in ("LSTM", "GRU", "Bidirectional") for name in others):
        return
    first = convolutions[0]
    if max(_positions(first), default=0) > 1:
        yield Symptom(
            "pointwise-kernels",
            "All kernels have size 1: no layer sees more than a single position.",
            value=1.0,
            threshold=1.0,
            layer=subject.reference_to(first),
            strength=0.8,
        )


def _positions(layer: LayerFacts) -> tuple[int, ...]:
    """Sizes of the axes that a convolution moves along."""
    return tuple(size for size in (layer.input_shape or ())[1:-1] if size is not None)


@check("skipping-strides", requires=("model layers",))
def skipping_strides(subject: Subject) -> Iterator[Symptom]:
    """A convolution moves on by more than its kernel is wide, so that it never sees what lies between.

    Symptom: The strides of a convolution are larger than its kernel, and larger than 1.
    Why: Whole rows and columns of the input have no influence on anything.
    Threshold and its source: Structural: strides up to the kernel's size see everything once (patches of a vision
        transformer have them equal).
    When not: Projections with a kernel of 1 and strides of 2 on the shortcut of a residual block (He et al. 2016).
    """
    model = subject.fit.model
    merged = {index for layer in model.layers if layer.class_name in MERGE_LAYERS for index in layer.inbound}
    for layer in model.layers:
        kernel, strides = convolution_size(layer, "kernel_size"), convolution_size(layer, "strides")
        if "Transpose" in layer.class_name or strides <= max(kernel, 1) or layer.index in merged:
            continue
        yield Symptom(
            "skipping-strides",
            f"Layer {layer.index} ({layer.name}) moves on by {strides} with a kernel of {kernel}: "
            f"{1 - (kernel / strides) ** max(1, len(_positions(layer))):.0%} of its input is never looked at.",
            value=float(strides),
            threshold=float(kernel),
            layer=subject.reference_to(layer),
            strength=0.8,
        )


@check("narrow-convolution", requires=("model layers",))
def narrow_convolution(subject: Subject) -> Iterator[Symptom]:
    """A convolution has one or two filters.

    Symptom: A hidden convolution has at most two filters, although eight numbers or more go into each of them.
    Why: All that the layers behind get to know of each position is one or two numbers.
    Threshold and its source: Two, as for ``narrow-layer``; published networks begin with 6 (LeNet-5) and more.
    When not: Outputs; depthwise layers; gates and attention maps that are multiplied with what they came from.
    """
    model = subject.fit.model
    multiplied = {index for layer in model.layers if layer.class_name in MERGE_LAYERS for index in layer.inbound}
    for layer in hidden_linear_maps(model):
        kernel = layer.weights.get("kernel")
        if "Conv" not in layer.class_name or "Depthwise" in layer.class_name or not kernel or len(kernel) < 3:
            continue
        if (layer.units or 0) <= FEW_FILTERS and math.prod(kernel[:-1]) >= 8 and layer.index not in multiplied:
            yield Symptom(
                "narrow-convolution",
                f"Layer {layer.index} ({layer.name}) has {layer.units} filter{'s' if layer.units != 1 else ''}.",
                value=float(layer.units or 0),
                threshold=float(FEW_FILTERS),
                layer=subject.reference_to(layer),
                strength=0.7,
            )
