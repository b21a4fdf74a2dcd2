"""Layers in places where they undo each other: activations on activations, dropout on outputs, biases that vanish."""

from __future__ import annotations

from collections.abc import Iterator

from ..findings import Symptom
from ..structure import (
    ACTIVATION_LAYERS,
    DROPOUT_LAYERS,
    LINEAR_MAP_LAYERS,
    SHAPE_LAYERS,
    effective_activation,
    gives_last_state,
    hidden_linear_maps,
    own_activation,
)
from ..trace import LayerFacts
from .registry import check
from .subject import Subject

#: Activations that squeeze any number into a bounded range: a second one sees hardly any difference any more.
_SQUEEZING = frozenset({"sigmoid", "softmax", "tanh", "hard_sigmoid", "softsign", "log_softmax"})
#: Applied twice, they change nothing.
_IDEMPOTENT = frozenset({"relu", "relu6"})


def _by_index(subject: Subject) -> dict[int, LayerFacts]:
    return {layer.index: layer for layer in subject.fit.model.layers}


def next_layer(subject: Subject, layer: LayerFacts, through: frozenset[str] = SHAPE_LAYERS) -> LayerFacts | None:
    """The only layer behind, past those of the classes ``through``; None where there are several or none."""
    known, current = _by_index(subject), layer
    for _ in range(len(known)):
        if len(current.outbound) != 1 or current.outbound[0] not in known:
            return None
        current = known[current.outbound[0]]
        if current.class_name not in through:
            return current
    return None


def _stacked(subject: Subject) -> Iterator[tuple[LayerFacts, LayerFacts, str, str]]:
    for layer in subject.fit.model.layers:
        first, following = own_activation(layer), next_layer(subject, layer)
        if following is None or following.class_name not in ACTIVATION_LAYERS or first in (None, "linear"):
            continue
        second = own_activation(following)
        if first is not None and second not in (None, "linear"):
            yield layer, following, first, str(second)


@check("doubled-output-activation", requires=("output layer",))
def doubled_output_activation(subject: Subject) -> Iterator[Symptom]:
    """Two activations in a row at the output.

    Symptom: The layer that makes the output has a sigmoid, softmax, tanh or relu, and an activation layer with another
        one (or the same) stands behind it.
    Why: A softmax over probabilities cannot get near 0 or 1: over K classes it ends at e / (e + K - 1), 0.23 for ten of
        them. A sigmoid over 0..1 gives 0.5 to 0.73, and behind a relu at least 0.5.
    Threshold and its source: Structural; NeuraLint's redundant stacked activations.
    When not: relu twice, which is the same as once.
    """
    ends = {head.activation_layer.index: head for head in subject.heads}
    for layer, following, first, second in _stacked(subject):
        if following.index not in ends or (first == second and first in _IDEMPOTENT):
            continue
        yield Symptom(
            "doubled-output-activation",
            f"The output goes through {first} (layer {layer.index}, {layer.name}) and then through {second}.",
            value=2.0,
            threshold=1.0,
            layer=subject.reference_to(following),
            strength=0.8 if first in _SQUEEZING or second in _SQUEEZING else 0.5,
            details={"first": first, "second": second},
        )


@check("stacked-activations", requires=("model layers",))
def stacked_activations(subject: Subject) -> Iterator[Symptom]:
    """Two activations in a row inside of the network.

    Symptom: A hidden layer applies an activation, and an activation layer behind it applies another.
    Why: The second sees only what the first leaves: one side of zero, or a narrow band in which it is nearly linear.
    Threshold and its source: Structural; NeuraLint's redundant stacked activations.
    When not: relu on relu changes nothing and says nothing; PReLU and its like behind a normalising layer.
    """
    ends = {head.activation_layer.index for head in subject.heads}
    for layer, following, first, second in _stacked(subject):
        if following.index in ends or (first == second and first in _IDEMPOTENT):
            continue
        yield Symptom(
            "stacked-activations",
            f"Layer {layer.index} ({layer.name}) applies {first}, and layer {following.index} ({following.name}) then "
            f"{second}.",
            value=2.0,
            threshold=1.0,
            layer=subject.reference_to(layer),
            strength=0.4 if first in _SQUEEZING else 0.15,
            details={"first": first, "second": second},
        )


@check("hidden-softmax", requires=("model layers",))
def hidden_softmax(subject: Subject) -> Iterator[Symptom]:
    """A hidden layer's units compete for a sum of 1.

    Symptom: A hidden dense or convolutional layer has a softmax, and dense or convolutional layers follow.
    Why: The outputs add up to 1, so each is small and one can grow only at the others' cost; little gets through, and
        gradients fade.
    Threshold and its source: Structural; the usual place of a softmax is the output (Bridle 1990). NeuraLint and UMLAUT
        look at the last layer only.
    When not: Attention weights and gates, which are multiplied with something behind.
    """
    for layer in hidden_linear_maps(subject.fit.model):
        if effective_activation(subject.fit.model, layer) != "softmax":
            continue
        following = next_layer(subject, layer, SHAPE_LAYERS | ACTIVATION_LAYERS)
        if following is not None and following.class_name in LINEAR_MAP_LAYERS:
            yield Symptom(
                "hidden-softmax",
                f"Hidden layer {layer.index} ({layer.name}) has a softmax: its {layer.units or ''} outputs sum to 1.",
                layer=subject.reference_to(layer),
                strength=0.7,
            )


@check("misplaced-activation", requires=("model layers",))
def misplaced_activation(subject: Subject) -> Iterator[Symptom]:
    """An activation is applied to the raw inputs.

    Symptom: The first layer of the model that does anything is an activation layer.
    Why: relu throws away everything below zero, sigmoid and softmax squeeze the columns, before a weight has seen them;
        it was meant to stand behind the first dense layer.
    Threshold and its source: Structural; NeuraLint's order rules (weights, then activation).
    When not: Inputs that are never negative, for relu; gates over inputs, which have a branch around them.
    """
    inputs = subject.fit.data.inputs
    for layer in subject.fit.model.layers:
        if layer.inbound or layer.class_name not in ACTIVATION_LAYERS:
            continue
        name = own_activation(layer)
        harmless = name in _IDEMPOTENT and bool(inputs) and inputs[0].minimum >= 0
        if name not in (None, "linear") and not harmless:
            yield Symptom(
                "misplaced-activation",
                f"Layer {layer.index} ({layer.name}) applies {name} to the inputs themselves.",
                layer=subject.reference_to(layer),
                strength=0.6,
            )


@check("dropout-at-output", requires=("output layer",))
def dropout_at_output(subject: Subject) -> Iterator[Symptom]:
    """Predictions are dropped.

    Symptom: A dropout layer stands behind the layer that makes the output.
    Why: In training, predictions are set to 0 or enlarged at random, and the loss punishes the network for it; a
        crossentropy of a dropped probability is infinite but for the clipping.
    Threshold and its source: Structural; dropout was made for hidden units (Srivastava et al. 2014).
    When not: Rates of 0. Dropout *before* the last dense layer is usual and fine.
    """
    known = _by_index(subject)
    for index in subject.fit.model.output_layers:
        layer, steps = known.get(index), 0
        while layer is not None and steps < len(known):
            if layer.class_name in DROPOUT_LAYERS and (layer.config.get("rate") or 0) > 0:
                yield Symptom(
                    "dropout-at-output",
                    f"Layer {layer.index} ({layer.name}) drops {layer.config['rate']:.0%} of the predictions.",
                    value=float(layer.config["rate"]),
                    threshold=0.0,
                    layer=subject.reference_to(layer),
                    strength=0.9,
                )
                break
            if layer.class_name not in SHAPE_LAYERS | ACTIVATION_LAYERS or len(layer.inbound) != 1:
                break
            layer, steps = known.get(layer.inbound[0]), steps + 1


@check("bias-before-normalization", requires=("model layers",))
def bias_before_normalization(subject: Subject) -> Iterator[Symptom]:
    """A bias that the next layer takes away again.

    Symptom: A dense or convolutional layer with a bias and without an activation feeds a batch normalization.
    Why: Normalizing subtracts the mean and the bias with it; batch normalization has a shift of its own.
    Threshold and its source: Structural; NeuraLint; Ioffe & Szegedy 2015, §3.2.
    When not: It costs a few parameters and harms nothing: a hint, never a fault.
    """
    for layer in hidden_linear_maps(subject.fit.model):
        following = next_layer(subject, layer)
        if following is None or following.class_name != "BatchNormalization" or not layer.config.get("use_bias"):
            continue
        if own_activation(layer) == "linear":
            yield Symptom(
                "bias-before-normalization",
                f"The bias of layer {layer.index} ({layer.name}) is taken away by the normalization behind it.",
                layer=subject.reference_to(layer),
                strength=0.05,
            )


@check("dropout-before-normalization", requires=("model layers",))
def dropout_before_normalization(subject: Subject) -> Iterator[Symptom]:
    """Batch normalization learns its statistics from dropped values.

    Symptom: A dropout layer feeds a batch normalization directly or through an activation.
    Why: Dropout raises the variance in training only, so that the running variance does not fit when predicting.
    Threshold and its source: Structural; Li et al., Understanding the disharmony between dropout and batch
        normalization, 2019; NeuraLint.
    When not: Low rates on wide layers, where the shift is small: a weak sign on its own.
    """
    for layer in subject.fit.model.layers:
        rate = layer.config.get("rate") or 0
        following = next_layer(subject, layer, ACTIVATION_LAYERS | frozenset({"Flatten", "Reshape"}))
        if layer.class_name not in DROPOUT_LAYERS or following is None or not rate:
            continue
        if following.class_name == "BatchNormalization":
            yield Symptom(
                "dropout-before-normalization",
                f"Layer {layer.index} ({layer.name}) drops {rate:.0%} right before a batch normalization.",
                value=float(rate),
                threshold=0.0,
                layer=subject.reference_to(layer),
                strength=min(0.5, 0.1 + 0.5 * float(rate)),
            )


@check("repeated-state", requires=("model layers", "targets", "inputs"))
def repeated_state(subject: Subject) -> Iterator[Symptom]:
    """One state of a sequence is repeated for every place, where each place has a label of its own.

    Symptom: A recurrent layer gives its last state only (``return_sequences=False``), ``RepeatVector`` copies it as
        often as the input has places, and the labels are one per place of the input.
    Why: The state of the end must hold the whole sequence; what stood at a place is a long way from its label.
    Threshold and its source: Structural; Keras's documentation of ``return_sequences``.
    When not: Autoencoders, which are to squeeze the sequence; translations, whose places do not belong together.
    """
    model, target = subject.fit.model, subject.target
    inputs = subject.fit.data.inputs[0]
    if target is None or len(target.shape) < 2 or len(inputs.shape) < 2 or target.shape[1] != inputs.shape[1]:
        return
    by_index = {layer.index: layer for layer in model.layers}
    for layer in model.layers:
        before = [by_index[index] for index in layer.inbound if index in by_index]
        times = layer.config.get("n") or (layer.output_shape or (None, None))[1]
        last_only = any(gives_last_state(one) for one in before)
        if layer.class_name == "RepeatVector" and last_only and times == target.shape[1]:
            yield Symptom(
                "repeated-state",
                f"Layer {before[0].index} ({before[0].name}) gives only its last state, which layer {layer.index} "
                f"({layer.name}) repeats for each of the {target.shape[1]} places that have labels.",
                layer=subject.reference_to(before[0]),
                strength=0.7,
            )
            return
