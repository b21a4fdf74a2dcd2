"""``set-activation``: the layer's own argument, or the activation layer that follows it."""

from __future__ import annotations

import libcst as cst

from ...diagnose.trace import LayerFacts
from .base import Draft, Edit, Parameter
from .calls import Argument, find_argument, is_last_positional, remove_argument
from .errors import AlreadySo, EditNotApplicable
from .imports import spell_keras
from .signatures import ACTIVATION_LAYERS, NONLINEAR_BY_DEFAULT, accepts
from .spelling import NOT_LITERAL, literal, quote_of, spell
from .structure import find_place, input_arguments, input_layer, remove_layer
from .targets import Target, layer_target, require_right_for_all, set_argument, write_value
from .values import find_value

#: Layers that pass their input through without changing which activation comes out of the layer before them.
_TRANSPARENT = frozenset({"BatchNormalization", "LayerNormalization", "GroupNormalization"})
#: Functions that ``tf.nn`` has under the same name as Keras.
_TF_NN = frozenset(
    {"elu", "gelu", "leaky_relu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "swish", "tanh"}
)
_IDENTITIES = {None, "linear"}


def _set_activation(draft: Draft) -> None:
    wanted = draft.parameter("activation")
    layer = draft.layer
    separate = layer if layer.class_name in ACTIVATION_LAYERS else _following(draft, layer)
    if separate is None:
        _set_own(draft, layer_target(draft), wanted)
        return
    if separate is not layer and _is_nonlinear(layer):
        _drop_own(draft, layer_target(draft))
        if separate.activation == wanted:  # the wrong one stood in front of the right one
            return
    _set_separate(draft, separate, wanted)


def _following(draft: Draft, layer: LayerFacts) -> LayerFacts | None:
    """The activation layer behind a layer, normalization layers in between not counted."""
    layers = {item.index: item for item in draft.fit.model.layers}
    current = layer
    while len(current.outbound) == 1 and current.outbound[0] in layers:
        current = layers[current.outbound[0]]
        if current.class_name in ACTIVATION_LAYERS:
            return current if len(current.inbound) <= 1 else None
        if current.class_name not in _TRANSPARENT:
            return None
    return None


def _is_nonlinear(layer: LayerFacts) -> bool:
    return layer.activation not in _IDENTITIES and layer.class_name not in NONLINEAR_BY_DEFAULT


def _set_own(draft: Draft, target: Target, wanted: str) -> None:
    if not accepts(target.callee, "activation"):
        raise EditNotApplicable(f"{target.callee} has no activation of its own and none follows it")
    argument = find_argument(target.file, target.call, "activation", target.callee)
    if argument is None:
        if wanted == "linear" and target.callee not in NONLINEAR_BY_DEFAULT:
            raise AlreadySo("the activation is already linear")
        set_argument(draft, target, "activation", wanted)
    elif wanted == "linear" and target.callee not in NONLINEAR_BY_DEFAULT:
        _drop_own(draft, target)
    else:
        _write(draft, target, argument, wanted)


def _drop_own(draft: Draft, target: Target) -> None:
    file = target.file
    argument = find_argument(file, target.call, "activation", target.callee)
    if argument is None:
        raise AlreadySo("the activation is already linear")
    site = find_value(draft, file, argument.value, target.origin)
    if literal(site.node or argument.value) in _IDENTITIES:
        raise AlreadySo("the activation is already linear")
    if site.specific or argument.unpacked or not is_last_positional(target.call, argument):
        write_value(draft, target, argument, "activation", "linear")
        return
    require_right_for_all(target, change="removing the activation")
    draft.record(file, target.call, file.code(argument.node), "no activation")
    remove_argument(draft, file, target.call, argument)


def _write(draft: Draft, target: Target, argument: Argument, wanted: str) -> None:
    """Replace an activation: a string by a string, ``tf.nn.relu`` by a function of the same module."""
    site = find_value(draft, target.file, argument.value, target.origin)
    node = site.node
    if isinstance(node, cst.Attribute) and literal(node) is NOT_LITERAL:
        prefix = site.file.code(node.value)
        functions = prefix.endswith("nn") and wanted in _TF_NN
        if node.attr.value == wanted:
            raise AlreadySo(f"the activation is already {site.file.code(node)}")
        if functions or prefix.endswith("activations"):
            write_value(draft, target, argument, "activation", wanted, text=f"{prefix}.{wanted}")
            return
    elif isinstance(node, cst.Name) and node.value == wanted:
        raise AlreadySo(f"the activation is already {wanted}")
    write_value(draft, target, argument, "activation", wanted)


def _set_separate(draft: Draft, layer: LayerFacts, wanted: str) -> None:
    if layer.activation == wanted:
        raise AlreadySo(f"the activation is already {wanted}")
    target = layer_target(draft, layer)
    if wanted == "linear":
        _remove_separate(draft, layer)
        return
    if target.callee == "Activation":
        argument = find_argument(target.file, target.call, "activation", "Activation")
        if argument is None:
            raise EditNotApplicable(f"{target.file.place(target.call)}: this Activation names no function")
        _write(draft, target, argument, wanted)
        return
    require_right_for_all(target, change="another activation")
    file, call = target.file, target.call
    callee = spell_keras(draft, file, call, "keras.layers.Activation", call.func)
    inputs = [file.code(arg) for arg in input_arguments(find_place(draft, layer))]
    text = f"{callee}({', '.join([spell(wanted, quote_of(file)), *inputs])})"
    draft.record(file, call, file.code(call), text)
    draft.replace(file, file.start(call), file.end(call), text)


def _remove_separate(draft: Draft, layer: LayerFacts) -> None:
    place = find_place(draft, layer)
    if not place.specific:
        require_right_for_all(place.target, change="removing the activation")
    draft.record(place.file, place.node, place.file.code(place.node), "no activation")
    remove_layer(draft, place, input_layer(draft, place) if input_arguments(place) else None)


SET_ACTIVATION = Edit(
    "set-activation",
    "Set the activation of a layer: its own, or that of the activation layer behind it.",
    (Parameter("activation", (str,)),),
    _set_activation,
)
