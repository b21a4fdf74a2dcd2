"""Suspect causes: how symptoms add up to one, where it is, and what the user is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .checks.subject import Subject
from .evidence import EVIDENCE, LAYER_KINDS, OPTIMIZER_SETTINGS
from .findings import LayerReference, Symptom
from .source import SourceSpan
from .structure import convolution_size, first_layers
from .trace import LayerFacts

Seen = tuple[int, Symptom]  # position in the diagnosis, symptom


_SAYINGS: Mapping[str, str] = {
    "missing_values": "The data holds values that are not numbers.",
    "frozen_weights": "The layers that must learn are frozen.",
    "output_activation": "The activation of the output layer does not suit the labels and the loss.",
    "output_units": "The output layer has the wrong number of units for these labels.",
    "loss": "The loss does not suit the labels.",
    "label_encoding": "The labels are encoded in a way that loss and output do not understand.",
    "layers": "The output has another shape than the labels; a Flatten or a pooling layer is probably missing.",
    "evaluation": "The inputs that the model is judged on are not scaled like those that it learns from.",
    "strides": "The convolutions skip most of the picture.",
    "kernel_size": "The kernels are large for the maps that they work on.",
    "input_size": "The pictures are small for so many steps that shrink them.",
    "feature_encoding": "Some input columns hold numbers that do not mean amounts on one scale.",
    "training_data": "The training data does not let the model learn what is wanted.",
    "shuffle": "The rows are ordered by class.",
    "input_scaling": "The inputs are not scaled.",
    "target_scaling": "The regression targets are not scaled.",
    "initializer": "The initial weights do not suit the layer.",
    "hidden_activation": "The activation of a hidden layer keeps the network from learning.",
    "epochs": "Training stops too early.",
    "units": "A hidden layer is too narrow.",
    "filters": "A convolution has too few filters.",
    "dropout": "Too much is dropped.",
    "batch_size": "The batch size does not suit the amount of data.",
    "optimizer": "Steps are not kept from exploding: gradient clipping is missing.",
    "overfitting": "The network learns the training rows by heart.",
    "regularization": "Penalties on the weights are too strong.",
    "class_weights": "The weights of classes or rows work against learning.",
    "label_order": "The labels come in another order than what they belong to.",
    "batch_normalization": "A normalisation layer predicts with other statistics than it trains with.",
}


#: Symptoms that say what is wrong more precisely than their kind of fault does.
_CAUSES: Mapping[str, str] = {
    "undefined-loss": "The loss has no finite value for some predictions.",
    "broadcast-loss": "The loss holds every label against every prediction.",
    "exploding-recurrence": "The recurrent weights start too large.",
    "undefined-operation": "A layer computes something that is not defined for what goes in.",
    "padded-sequences": "A recurrent layer reads mostly padding.",
    "repeated-state": "The last state of a sequence stands for all of its places.",
    "deep-plain-stack": "The network is too deep for a plain one.",
    "pointwise-kernels": "The kernels are too small to see anything but single positions.",
    "skipping-strides": "A convolution skips most of what it is given.",
    "misdirected-stopping": "Training is stopped for getting better.",
    "frozen-random-weights": "Layers that never learned anything are frozen.",
    "starved-training-set": "There are too few rows to train on.",
    "shifted-class-shares": "The training rows are not like those that the model is judged on.",
    "shifted-inputs": "The training inputs are not like those that the model is judged on.",
    "unseen-classes": "The model is judged on classes that it never saw in training.",
    "misleading-training-rows": "The training rows are not like those that the model is judged on.",
    "mixed-axes": "The axes of the inputs are mixed up.",
    "scrambled-inputs": "The inputs hold values of many rows in one.",
    "placeholder-values": "A number stands for values that are missing.",
    "inference-mode-steps": "The training step does not run the model in training mode.",
    "slow-default-optimizer": "The optimizer hardly moves the weights.",
}


@dataclass(frozen=True)
class Hypothesis:
    """One suspect cause before ranking. ``main`` is the symptom that speaks most for it."""

    kind: str
    confidence: float
    main: Symptom
    symptoms: tuple[int, ...]
    layer: LayerReference | None
    span: SourceSpan | None
    certain: bool
    text: str
    details: dict[str, Any] = field(default_factory=dict)


def combined(weights: Sequence[float]) -> float:
    """Noisy-or: each piece of evidence removes its share of the remaining doubt."""
    doubt = 1.0
    for weight in weights:
        doubt *= 1 - min(max(weight, 0.0), 0.99)
    return 1 - doubt


def weigh(kind: str, seen: Sequence[Seen], layer: LayerReference | None = None) -> tuple[float, list[Seen]]:
    """Confidence in ``kind`` and the symptoms it rests on, strongest first; (0, []) without primary evidence.

    Symptoms of other layers count as support when a layer is given.
    """
    evidence = EVIDENCE[kind]
    weights: dict[str, tuple[float, Seen]] = {}
    for position, symptom in seen:
        primary = evidence.primary.get(symptom.check)
        if primary is not None and layer is not None and symptom.layer is not None and symptom.layer != layer:
            primary = None
        weight = primary if primary is not None else evidence.support.get(symptom.check)
        if weight is None:
            continue
        value = weight * (0.4 + 0.6 * symptom.strength) if primary is not None else weight * symptom.strength
        known = weights.get(symptom.check)
        if known is None or known[0] < value:
            weights[symptom.check] = value, (position, symptom)
    if not any(check in evidence.primary for check in weights):
        return 0.0, []
    # primary evidence first, each by weight
    ordered = sorted(weights.items(), key=lambda item: (item[0] not in evidence.primary, -item[1][0]))
    return combined([weight for _, (weight, _) in ordered]), [pair for _, (_, pair) in ordered]


def learning_rate_direction(symptoms: Sequence[Symptom]) -> str:
    """Whether the symptoms speak for a rate that is too high or too low."""
    if any(symptom.check in ("undersized-updates", "rate-below-range") for symptom in symptoms):
        return "too low"
    told = (
        symptom.details.get("direction") for symptom in symptoms if symptom.check in EVIDENCE["learning_rate"].primary
    )
    return next((str(direction) for direction in told if direction), "too high")


def say(kind: str, subject: Subject, symptoms: Sequence[Symptom]) -> str:
    """What the user reads: the cause in plain words, then what shows it."""
    if kind == "learning_rate":
        optimizer = subject.fit.compile.optimizer
        rate = "" if optimizer.learning_rate is None else f" ({optimizer.learning_rate:g})"
        first = f"The learning rate of {optimizer.class_name}{rate} is {learning_rate_direction(symptoms)}."
    elif kind == "layers" and symptoms[0].check == "collapsed-feature-maps":
        first = "The maps are shrunk once too often."
    elif symptoms[0].check in _CAUSES:
        first = _CAUSES[symptoms[0].check]
    elif kind == "optimizer" and symptoms[0].check in OPTIMIZER_SETTINGS:
        first = "A setting of the optimizer is far from usual."
    elif kind == "evaluation" and symptoms[0].check in ("leaked-rows", "suspicious-validation"):
        first = "The validation data may not say how the model does on new rows."
    else:
        first = _SAYINGS[kind]
    return f"{first} {symptoms[0].text}"


def place(kind: str, subject: Subject, main: Symptom) -> tuple[LayerReference | None, SourceSpan | None]:
    """The layer that a fault of this kind names, and the call to look at."""
    fit, head = subject.fit, subject.head
    if kind == "output_activation" and head is not None:
        return subject.reference_to(head.layer), _span(head.activation_layer) or _span(head.layer)
    if kind == "input_size":
        return None, _span(next(iter(first_layers(fit.model)), None))
    if main.check == "collapsed-feature-maps":
        layer = _largest(kind, subject, main.layer) or _layer(subject, main.layer)
        return (main.layer if layer is None else subject.reference_to(layer)), _span(layer)
    if main.check in ("deep-plain-stack", "repeated-state"):
        return main.layer, _span(_layer(subject, main.layer))
    if kind in ("output_units", "layers") and head is not None:
        return subject.reference_to(head.layer), _span(head.layer)
    if kind == "regularization" and main.layer is None:
        site = fit.compile.optimizer.site or fit.compile.site
        return None, site.span if site else None
    if kind in LAYER_KINDS or (kind in ("frozen_weights", "kernel_size", "strides") and main.layer is not None):
        layer = _layer(subject, main.layer)
        return main.layer, _span(layer)
    if kind == "loss" and fit.compile.losses:
        site = fit.compile.losses[0].site or fit.compile.site
        return None, site.span if site else None
    if kind in ("learning_rate", "optimizer"):
        site = fit.compile.optimizer.site or fit.compile.site
        return None, site.span if site else None
    if kind == "evaluation" and main.check == "mismatched-test-inputs":
        site = fit.later_calls[main.details["call"]].site
        return None, site.span if site else None
    if kind == "input_scaling":
        first = first_layers(fit.model)
        if fit.fit.site is None and first:
            return None, _span(first[0])
    return None, fit.fit.site.span if fit.fit.site else None


def _largest(name: str, subject: Subject, last: LayerReference | None) -> LayerFacts | None:
    """The convolution up to ``last`` with the largest strides or kernel, the first of several; None for other kinds.

    Maps shrink by what all layers do to them, so the one behind which nothing is left is seldom the one to change.
    """
    if name not in ("strides", "kernel_size") or last is None:
        return None
    layers = [layer for layer in subject.fit.model.layers if layer.index <= last.index]
    return max(layers, key=lambda layer: convolution_size(layer, name), default=None)


def _layer(subject: Subject, reference: LayerReference | None) -> LayerFacts | None:
    if reference is None:
        return None
    return next((layer for layer in subject.fit.model.layers if layer.index == reference.index), None)


def _span(layer: LayerFacts | None) -> SourceSpan | None:
    return layer.site.span if layer is not None and layer.site is not None else None
