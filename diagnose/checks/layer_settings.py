"""Settings of single layers that disable them: biases that kill units, kernels larger than maps, sequences of zeros."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..findings import Symptom
from ..measures import inputs_are_tokens
from ..structure import (
    ACTIVATION_LAYERS,
    LINEAR_MAP_LAYERS,
    NORMALIZATION_LAYERS,
    SHAPE_LAYERS,
    effective_activation,
    first_layers,
    gives_last_state,
    hidden_linear_maps,
)
from ..trace import LayerFacts
from .layer_order import next_layer
from .registry import check
from .subject import Subject

PADDED = 0.5
USUAL_MOMENTUM, STALE = 0.99, 0.3
#: Between the loss that steps report and the one that the same batch, weights and masks give in training mode.
OTHER_LOSS, COMMON_STEPS = 1.5, 5
_RECTIFIERS = frozenset({"relu", "relu6"})
#: What may stand between a layer and the one that takes up its output.
_PASSED = SHAPE_LAYERS | ACTIVATION_LAYERS | NORMALIZATION_LAYERS


@check("unsuitable-initial-bias", requires=("initial weights",))
def unsuitable_initial_bias(subject: Subject) -> Iterator[Symptom]:
    """Biases start so far from zero that the units do not react.

    Symptom: A hidden layer's largest initial bias exceeds in size three times what the weights can make of unit inputs,
        their initial standard deviation times the square root of the fan-in; and at least 1.
    Why: Below -3 deviations a rectified unit starts dead for 99.9 % of the inputs, and beyond ±3 a sigmoid or tanh
        starts saturated.
    Threshold and its source: Three standard deviations of the pre-activation. NeuraLint dislikes every bias that is not
        0; small positive ones for relu are common advice (Goodfellow et al. 2016, §8.4.3).
    When not: Output layers, where a bias at the targets' level is good practice; recurrent layers, whose forget gate
        starts at 1.
    """
    for layer in hidden_linear_maps(subject.fit.model):
        bias, deviation = layer.initial.get("bias_max"), layer.initial.get("kernel_std")
        kernel = layer.weights.get("kernel")
        if bias is None or deviation is None or not kernel or len(kernel) < 2 or bias < 1:
            continue
        reach = 3 * deviation * math.sqrt(math.prod(kernel[:-1]))
        positive_relu = effective_activation(subject.fit.model, layer) in _RECTIFIERS and _constant_bias(layer) > 0
        if bias > reach and not positive_relu:
            yield Symptom(
                "unsuitable-initial-bias",
                f"The biases of layer {layer.index} ({layer.name}) start at up to {bias:.3g} in size, where the "
                f"weights reach {reach:.2g}.",
                value=bias,
                threshold=reach,
                layer=subject.reference_to(layer),
                strength=min(0.9, 0.5 + 0.1 * bias / max(reach, 1e-6)),
                details={"setting": "bias_initializer"},
            )


def _constant_bias(layer: LayerFacts) -> float:
    """The value of a constant bias initializer, negative if it cannot be read."""
    config = layer.config.get("bias_initializer")
    if not isinstance(config, dict):
        return -1.0
    given = config.get("config")
    value = given.get("value") if isinstance(given, dict) else None
    return float(value) if isinstance(value, int | float) else 1.0 if config.get("class_name") == "Ones" else -1.0


@check("excessive-weight-constraint", requires=("initial weights",))
def excessive_weight_constraint(subject: Subject) -> Iterator[Symptom]:
    """Weights may not grow to the size that they start with.

    Symptom: The largest norm that a layer's ``max_norm`` or ``min_max_norm`` constraint allows for a unit's incoming
        weights is below a third of what its initial weights have on average, or of one.
    Why: After the first step all weights are cut down to that norm, and the layer's output is as small as that.
    Threshold and its source: A third, our choice; Srivastava et al. 2014 use norms of 3 to 4, Keras's default is 2.
    When not: Constraints that hold weights non-negative or at unit norm, which do not shrink a layer.
    """
    for layer in hidden_linear_maps(subject.fit.model):
        given = layer.config.get("kernel_constraint")
        config = given.get("config") if isinstance(given, dict) else None
        limit = config.get("max_value") if isinstance(config, dict) else None
        kernel, deviation = layer.weights.get("kernel"), layer.initial.get("kernel_std")
        if not isinstance(limit, int | float) or not kernel or len(kernel) < 2 or not deviation:
            continue
        usual = min(1.0, deviation * math.sqrt(math.prod(kernel[:-1])))
        if limit < usual / 3:
            yield Symptom(
                "excessive-weight-constraint",
                f"The weights of a unit of layer {layer.index} ({layer.name}) may have a norm of {limit:.3g}; they "
                f"start at {usual:.2g}.",
                value=float(limit),
                threshold=usual / 3,
                layer=subject.reference_to(layer),
                strength=min(0.9, 0.4 + 0.3 * math.log10(usual / max(float(limit), 1e-6))),
                details={"setting": "kernel_constraint"},
            )


@check("narrow-layer", requires=("output layer", "model layers"))
def narrow_layer(subject: Subject) -> Iterator[Symptom]:
    """Everything has to pass through one or two numbers.

    Symptom: A hidden dense layer has one unit for three columns or more, two for six or more, or at most a quarter as
        many as there are classes.
    Why: What the layers behind can tell apart lies on a line or in a plane; with a rectifier half of that is cut off.
    Threshold and its source: A third of the columns, our choice: none of 53 healthy programs has such a layer; a
        quarter of the classes after Yang et al., Breaking the softmax bottleneck, 2018: the rank of the logits is at
        most the width.
    When not: Codes of autoencoders; scores of attention and gates, whose next step is no dense layer.
    """
    fit = subject.fit
    given = max((math.prod(size or 1 for size in shape[1:]) for shape in fit.model.input_shapes), default=0)
    wanted = max((math.prod(size or 1 for size in shape[1:]) for shape in fit.model.output_shapes), default=0)
    if len(subject.heads) != 1 or (wanted >= given > 0 and subject.task.kind == "regression"):
        return
    classes = (subject.task.classes or 0) if subject.task.kind == "multiclass" else 0
    for layer in hidden_linear_maps(fit.model):
        before = layer.input_shape[-1] if layer.input_shape else None
        following = next_layer(subject, layer, _PASSED)
        if layer.class_name != "Dense" or not layer.units or not before or following is None:
            continue
        if following.class_name not in LINEAR_MAP_LAYERS:
            continue
        if (layer.units <= 2 and before >= 3 * layer.units) or 4 * layer.units <= classes:
            yield Symptom(
                "narrow-layer",
                f"Layer {layer.index} ({layer.name}) lets only {layer.units} number{'s' if layer.units > 1 else ''} "
                f"through, of {before} columns{f' and for {classes} classes' if classes else ''}.",
                value=float(layer.units),
                threshold=2.0 if layer.units <= 2 else classes / 4,
                layer=subject.reference_to(layer),
                strength=0.6,
            )


@check("oversized-kernel", requires=("model layers",))
def oversized_kernel(subject: Subject) -> Iterator[Symptom]:
    """A kernel or pooling window is larger than the map that it slides over.

    Symptom: Along some axis, a convolution's kernel or a pooling window is longer than the layer's input.
    Why: With ``padding="same"`` most of what it covers is padding; without, Keras refuses.
    Threshold and its source: Structural; NeuraLint's "kernel or pool larger than the remaining feature map".
    When not: Dilated causal convolutions over short sequences, where padding is meant.
    """
    for layer in subject.fit.model.layers:
        window = _sizes(layer.config.get("kernel_size") or layer.config.get("pool_size"))
        sizes = list((layer.input_shape or ())[1:-1])
        if layer.config.get("padding") == "causal" or layer.config.get("data_format") == "channels_first" or not window:
            continue
        if len(window) != len(sizes) or "Transpose" in layer.class_name:
            continue
        if any(size is not None and size < side for size, side in zip(sizes, window, strict=True)):
            yield Symptom(
                "oversized-kernel",
                f"Layer {layer.index} ({layer.name}) slides a window of {'×'.join(map(str, window))} over a map of "
                f"{'×'.join(map(str, sizes))}.",
                value=float(max(window)),
                threshold=float(min(size for size in sizes if size is not None)),
                layer=subject.reference_to(layer),
                strength=0.4,
            )


def _sizes(value: Any) -> tuple[int, ...]:
    if isinstance(value, list | tuple) and all(isinstance(part, int) for part in value):
        return tuple(value)
    return ()


@check("padded-sequences", requires=("inputs", "sample", "model layers"))
def padded_sequences(subject: Subject) -> Iterator[Symptom]:
    """Recurrent layers read mostly padding.

    Symptom: More than half of all tokens are 0, most rows end in zeros, the embedding does not mask them, and a
        recurrent layer gives the state that it has at the end.
    Why: The last state has read nothing but padding for most of its way and has forgotten the text.
    Threshold and its source: Half, SageMaker Debugger's NLPSequenceRatio for token 0; only at the end of rows, since
        padding in front, Keras's default, is harmless.
    When not: ``mask_zero=True``, padding in front, models that pool or attend instead of taking the last state, layers
        that read in both directions.
    """
    fit = subject.fit
    if not inputs_are_tokens(fit) or not any(_reads_to_the_end(one) for one in fit.model.layers) or fit.sample is None:
        return
    if any(layer.config.get("mask_zero") for layer in first_layers(fit.model)):
        return
    table = np.asarray(fit.sample.inputs[0])
    if table.ndim != 2 or table.shape[1] < 4 or table.dtype.kind not in "iuf":
        return
    share, at_end, in_front = float((table == 0).mean()), (table[:, -1] == 0).mean(), (table[:, 0] == 0).mean()
    if share > PADDED and at_end > PADDED and in_front < PADDED:
        yield Symptom(
            "padded-sequences",
            f"{share:.0%} of the tokens are padding at the end of the rows, and the embedding does not mask it.",
            value=share,
            threshold=PADDED,
            layer=subject.reference_to(first_layers(fit.model)[0]),
            strength=share,
        )


def _reads_to_the_end(layer: LayerFacts) -> bool:
    return gives_last_state(layer) and layer.class_name != "Bidirectional"


@check("non-numeric-inputs", requires=("inputs", "model layers"))
def non_numeric_inputs(subject: Subject) -> Iterator[Symptom]:
    """Text or objects reach a layer that calculates.

    Symptom: An input array holds text or Python objects, and the model does not start with a layer that looks text up.
    Why: Keras cannot multiply text; the training fails, or text was turned into something meaningless on the way.
    Threshold and its source: Structural; UMLAUT's input dtype check (which could not fire: its hook casts the input
        first). Whole numbers and bytes are no reason: Keras casts them, and their size is ``unscaled-inputs``.
    When not: ``StringLookup``, ``TextVectorization``, ``Hashing`` and layers of the user's own in front.
    """
    lookups = {"StringLookup", "TextVectorization", "Hashing", "IntegerLookup", "CategoryEncoding", "HashedCrossing"}
    known = {layer.class_name for layer in subject.fit.model.layers}
    for item in subject.fit.data.inputs:
        numeric = item.dtype.startswith(("float", "int", "uint", "bool", "bfloat"))
        if not numeric and not item.dtype.startswith("complex") and not known & lookups:
            yield Symptom(
                "non-numeric-inputs",
                f"The input {item.name} holds values of type {item.dtype}, not numbers.",
                layer=subject.reference_to(first_layers(subject.fit.model)[0])
                if first_layers(subject.fit.model)
                else None,
                strength=0.9,
                details={"dtype": item.dtype},
            )
            return


@check("swapped-image-axes", requires=("inputs", "model layers"))
def swapped_image_axes(subject: Subject) -> Iterator[Symptom]:
    """Pictures with channels first in a network that expects them last.

    Symptom: The input of a channels-last Conv2D has 1, 3 or 4 rows, and its other two axes are longer than 8.
    Why: The kernel slides over colours as if they were places, and takes columns for channels.
    Threshold and its source: Structural; UMLAUT alarms when height and width differ, which holds for many pictures.
    When not: Spectrograms and series laid out as a picture of three rows and one channel.
    """
    for layer in first_layers(subject.fit.model):
        shape = layer.input_shape
        if "Conv2D" not in layer.class_name or shape is None or len(shape) != 4:
            continue
        if layer.config.get("data_format") == "channels_first":
            continue
        rows, width, channels = shape[1], shape[2], shape[3]
        if rows in (1, 3, 4) and (width or 0) > 8 and (channels or 0) > 8:
            yield Symptom(
                "swapped-image-axes",
                f"Layer {layer.index} ({layer.name}) takes pictures of shape {tuple(shape[1:])}: the channels come "
                "first.",
                value=float(channels or 0),
                threshold=8.0,
                layer=subject.reference_to(layer),
                strength=0.8,
            )


@check("stale-moving-statistics", requires=("model layers",))
def stale_moving_statistics(subject: Subject) -> Iterator[Symptom]:
    """Moving averages that have hardly left where they began.

    Symptom: A batch normalisation has a momentum above Keras's 0.99, and after all updates more than three tenths of
        its moving statistics are still the 0 and 1 that they began with.
    Why: Training normalises with each batch's own statistics, prediction with the moving ones: what was learned does
        not hold when it is used, and validation looks as if the network had learned by heart.
    Threshold and its source: After n updates a share of momentum^n is left (Ioffe & Szegedy 2015, and Keras's
        documentation); 0.3 is what the default leaves after 120 updates.
    When not: Inputs of mean 0 and variance 1 at this place; frozen layers, whose statistics are given.
    """
    updates = subject.fit.updates or subject.updates or 0
    for layer in subject.fit.model.layers:
        momentum = layer.config.get("momentum")
        if layer.class_name != "BatchNormalization" or not layer.trainable or not isinstance(momentum, int | float):
            continue
        left = float(momentum) ** updates if updates else 0.0
        if momentum > USUAL_MOMENTUM and left > STALE:
            yield Symptom(
                "stale-moving-statistics",
                f"With a momentum of {momentum:g}, {left:.0%} of the moving statistics of layer {layer.index} "
                f"({layer.name}) are after {updates} updates what they were at the start.",
                value=left,
                threshold=STALE,
                layer=subject.reference_to(layer),
                strength=min(1.0, 0.5 + left / 2),
            )


@check("inference-mode-steps", requires=("model layers", "step losses", "step gains"))
def inference_mode_steps(subject: Subject) -> Iterator[Symptom]:
    """The training step runs the model as for prediction, so batch normalisation does not normalise.

    Symptom: The model has a batch normalisation that is trained, and the loss that the sampled steps report differs by
        a factor of 1.5 or more, in the median over at least five, from what the same batch and weights give in training
        mode.
    Why: Called without ``training=True`` in a step of one's own, a batch normalisation uses its moving statistics,
        which such a step never updates: mean 0 and variance 1, whatever the numbers.
    Threshold and its source: The two are one number where the step does as Keras does: of 208 trainings that were
        recorded, 12 of them with a batch normalisation, the median ratio lies within 1 % of 1 in all. 1.5, our choice,
        leaves room for terms that a step adds.
    When not: Frozen layers, whose statistics are given; steps with a loss that is none of the model's.
    """
    series = subject.fit.statistics
    layers = [one for one in subject.fit.model.layers if one.class_name == "BatchNormalization" and one.trainable]
    _, reported, recomputed = np.intersect1d(series.loss_steps, series.steps, return_indices=True)
    pairs = np.stack([series.loss[reported], series.loss_before[recomputed]])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0) & (pairs > 0).all(axis=0)]
    if not layers or pairs.shape[1] < COMMON_STEPS:
        return
    ratio = float(np.median(pairs[0] / pairs[1]))
    if max(ratio, 1 / ratio) >= OTHER_LOSS:
        yield Symptom(
            "inference-mode-steps",
            f"Training steps report {ratio:.3g} times the loss that the same batches give in training mode: the step "
            f"does not seem to call the model with training=True, so layer {layers[0].index} ({layers[0].name}) does "
            "not normalise by batches, nor learn by what to normalise.",
            value=ratio,
            threshold=OTHER_LOSS,
            layer=subject.reference_to(layers[0]),
            strength=1.0,
        )
