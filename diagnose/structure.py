"""Reading a model's structure: which layer is the output, what its activation is, what comes first.

Keras programs spell the same network in several ways (``Dense(3, activation="softmax")``, or ``Dense(3)`` followed by
``Activation("softmax")`` or ``Softmax()``). Checks and rules ask for the meaning, which is worked out here once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .trace import LayerFacts, ModelFacts

#: Layers that only apply a function to what comes in.
ACTIVATION_LAYERS = frozenset(
    {"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "SELU", "Softmax", "ThresholdedReLU", "Sigmoid", "GELU"}
)
#: Layers whose kernel multiplies the input and that therefore need a non-linearity behind them.
LINEAR_MAP_LAYERS = frozenset(
    {
        "Dense",
        "EinsumDense",
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv1DTranspose",
        "Conv2DTranspose",
        "Conv3DTranspose",
        "SeparableConv1D",
        "SeparableConv2D",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
    }
)
#: Layers that move, scale or pool numbers; those for one, two or three axes go by what stands before the ``2D``.
RESHAPING_LAYERS = frozenset(
    {"Flatten", "Reshape", "Permute", "UpSampling", "ZeroPadding", "Cropping", "MaxPooling", "AveragePooling"}
    | {"BatchNormalization", "LayerNormalization", "Rescaling", "Normalization"}
)
RECURRENT_LAYERS = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D"})
EMBEDDING_LAYERS = frozenset({"Embedding", "StringLookup", "IntegerLookup", "TextVectorization", "CategoryEncoding"})
NORMALIZATION_LAYERS = frozenset(
    {
        "Normalization",
        "Rescaling",
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "UnitNormalization",
        "RMSNormalization",
        "SpectralNormalization",
    }
)
DROPOUT_LAYERS = frozenset(
    {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"}
)
#: Layers that move values about without mixing or changing them.
SHAPE_LAYERS = frozenset(
    {"Flatten", "Reshape", "Permute", "RepeatVector", "InputLayer", "Masking", "Identity"} | DROPOUT_LAYERS
)
ATTENTION_LAYERS = frozenset({"MultiHeadAttention", "Attention", "AdditiveAttention", "GroupQueryAttention"})
MERGE_LAYERS = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"})

_NAMED_ACTIVATION = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "SELU": "selu",
    "Softmax": "softmax",
    "ThresholdedReLU": "relu",
    "Sigmoid": "sigmoid",
    "GELU": "gelu",
}


#: Names of functions of which only that they are some is known: a lambda, several operations of the user's code.
_UNKNOWN_FUNCTIONS = frozenset({"lambda", "custom"})


@dataclass(frozen=True)
class OutputHead:
    """One output of a model.

    Attributes:
        layer: The layer that makes the values: the last one with weights on the way to the output.
        activation_layer: The layer whose activation shapes the values; ``layer`` itself, or a separate one behind it.
        activation: What stands between the weights and the output; ``linear`` if nothing does, None if unknown.
        units: Size of the last axis of the output, None if unknown. Both are where operations of the user's that are no
            layers make the output from what layers give, such as a distance between two embeddings.
    """

    layer: LayerFacts
    activation_layer: LayerFacts
    activation: str | None
    units: int | None


def own_activation(layer: LayerFacts) -> str | None:
    """Name of the function that ``layer`` itself applies, None when it has no such thing."""
    if layer.activation is not None:
        return layer.activation
    return _NAMED_ACTIVATION.get(layer.class_name)


def output_heads(model: ModelFacts) -> tuple[OutputHead, ...]:
    """Every output of ``model``, in output order."""
    by_index = {layer.index: layer for layer in model.layers}
    indices = [index for index in model.output_layers if index in by_index]
    if not indices and model.layers:
        indices = [model.layers[-1].index]
    heads = tuple(_head(by_index, by_index[index]) for index in indices)
    shapes = model.output_shapes
    if not shapes:
        return heads
    if len(shapes) != len(heads):
        return tuple(_unknown(head) for head in heads)
    return tuple(head if _gives(head, shape) else _unknown(head) for head, shape in zip(heads, shapes, strict=True))


def _gives(head: OutputHead, shape: tuple[int | None, ...]) -> bool:
    """Whether the output's values can be the layer's own; a last axis of one may have been taken off."""
    width = shape[-1] if len(shape) > 1 else None
    return head.units is None or head.units in (1, width) or (width is None and len(shape) > 1)


def _unknown(head: OutputHead) -> OutputHead:
    return replace(head, activation_layer=head.layer, activation=None, units=None)


def _head(by_index: dict[int, LayerFacts], last: LayerFacts) -> OutputHead:
    activation_layer, activation = last, None
    current, seen = last, set[int]()
    while current.index not in seen:
        seen.add(current.index)
        own = own_activation(current)
        if own not in (None, "linear") and activation is None:
            activation, activation_layer = own, current
        if current.class_name in LINEAR_MAP_LAYERS or _has_weights(current) or len(current.inbound) != 1:
            break
        if current.class_name == "Lambda":  # an unknown function: nothing can be said about the values
            return OutputHead(current, current, activation, last.units)
        following = by_index.get(current.inbound[0])
        if following is None:
            break
        current = following
    if activation is None and (own_activation(current) == "linear" or current.class_name in LINEAR_MAP_LAYERS):
        activation, activation_layer = "linear", current
    if activation in _UNKNOWN_FUNCTIONS:
        activation = None
    return OutputHead(current, activation_layer, activation, last.units)


def _has_weights(layer: LayerFacts) -> bool:
    return layer.parameters > 0 and layer.class_name not in ("PReLU",)


def effective_activation(model: ModelFacts, layer: LayerFacts) -> str | None:
    """The function between ``layer``'s weights and the next layer's: its own, or that of an activation layer behind it.

    Normalisation, dropout and pooling in between do not count as functions, so ``Dense → BatchNormalization →
    Activation("relu")`` reads as ``relu``. ``linear`` when there is none on any path; None when a path leads to
    something that cannot be read.
    """
    own = own_activation(layer)
    if own not in (None, "linear"):
        return own
    by_index = {item.index: item for item in model.layers}
    for following in _followers(by_index, layer):
        found = own_activation(following)
        shapes_values = following.class_name in ACTIVATION_LAYERS or _is_transparent(following)
        if shapes_values and found not in (None, "linear"):
            return found
        if following.class_name not in ACTIVATION_LAYERS and not _is_transparent(following):
            if following.class_name in LINEAR_MAP_LAYERS:
                continue
            return None
    return "linear"


def _followers(by_index: dict[int, LayerFacts], layer: LayerFacts) -> Iterator[LayerFacts]:
    """The next layers that do something to the values, through transparent ones, on every branch."""
    queue, seen = list(layer.outbound), set[int]()
    while queue:
        index = queue.pop(0)
        if index in seen or index not in by_index:
            continue
        seen.add(index)
        following = by_index[index]
        yield following
        passes_through = _is_transparent(following) or (
            following.class_name in ACTIVATION_LAYERS and own_activation(following) == "linear"
        )
        if passes_through:
            queue.extend(following.outbound)


def _is_transparent(layer: LayerFacts) -> bool:
    name = layer.class_name
    return (
        name in SHAPE_LAYERS
        or name in NORMALIZATION_LAYERS
        or "Pooling" in name
        or "Padding" in name
        or "Cropping" in name
    )


def weighted_layers(model: ModelFacts) -> tuple[LayerFacts, ...]:
    """Layers with weights that map inputs to outputs, in order; normalisation layers are not among them."""
    return tuple(
        layer
        for layer in model.layers
        if _has_weights(layer)
        and layer.class_name not in NORMALIZATION_LAYERS
        and layer.class_name not in ACTIVATION_LAYERS
    )


def first_layers(model: ModelFacts) -> tuple[LayerFacts, ...]:
    """The layers that first do something to the inputs, one or more per input; shape layers are passed through."""
    by_index = {layer.index: layer for layer in model.layers}
    queue = [layer for layer in model.layers if not layer.inbound]
    found: list[LayerFacts] = []
    seen: set[int] = set()
    while queue:
        layer = queue.pop(0)
        if layer.index in seen:
            continue
        seen.add(layer.index)
        if layer.class_name in SHAPE_LAYERS or "Padding" in layer.class_name or "Pooling" in layer.class_name:
            queue.extend(by_index[index] for index in layer.outbound if index in by_index)
        else:
            found.append(layer)
    return tuple(found)


def has_any(model: ModelFacts, classes: frozenset[str]) -> bool:
    """Whether ``model`` holds a layer of one of these Keras classes."""
    return any(layer.class_name in classes for layer in model.layers)


def hidden_linear_maps(model: ModelFacts) -> tuple[LayerFacts, ...]:
    """Dense and convolutional layers that are not the output."""
    outputs = {head.layer.index for head in output_heads(model)}
    return tuple(
        layer for layer in model.layers if layer.class_name in LINEAR_MAP_LAYERS and layer.index not in outputs
    )


def gives_last_state(layer: LayerFacts) -> bool:
    """Whether a recurrent layer gives the state at the end of a sequence instead of one for each place."""
    if layer.class_name not in RECURRENT_LAYERS:
        return False
    return layer.output_shape is None or len(layer.output_shape) == 2


def convolution_size(layer: LayerFacts, name: str) -> int:
    """The largest entry of ``kernel_size`` or ``strides`` of a convolution, 0 for other layers."""
    value = layer.config.get(name) if "Conv" in layer.class_name else None
    if isinstance(value, list | tuple):
        return max(value, default=0)
    return value if isinstance(value, int) else 0


def has_bottleneck(model: ModelFacts) -> bool:
    """Whether some layer holds fewer numbers per row than the output, even where others lead around it."""
    wanted = max((_size(shape) for shape in model.output_shapes), default=0)
    return any(0 < _size(layer.output_shape) < wanted for layer in model.layers)


def code_width(model: ModelFacts) -> int:
    """Numbers per row in the narrowest layer of a plain autoencoder, 0 for any other network.

    Plain is what does nothing but squeeze: noise, samples from a distribution, sparse codes and recurrent layers cost
    reproduction on purpose, or ask for much longer training.
    """
    if len(model.output_shapes) != 1 or model.kind == "subclassed" or not has_bottleneck(model):
        return 0
    if not all(_only_squeezes(layer) for layer in model.layers):
        return 0
    return min(_size(layer.output_shape) for layer in model.layers)


def _only_squeezes(layer: LayerFacts) -> bool:
    name = layer.class_name.rstrip("123D") if layer.class_name.endswith("D") else layer.class_name
    known = name in RESHAPING_LAYERS or layer.class_name in ACTIVATION_LAYERS | LINEAR_MAP_LAYERS
    return known and not layer.config.get("activity_regularizer")


def _size(shape: tuple[int | None, ...] | None) -> int:
    """Numbers per row, 0 where that is unknown."""
    sides = (shape or (None,))[1:]
    return math.prod(side or 0 for side in sides) if sides else 0
