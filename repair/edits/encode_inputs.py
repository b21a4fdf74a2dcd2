"""``encode-inputs``: columns of a table that hold codes of categories become one column per category, and columns of
identifiers are dropped; what is left is standardized.

The table gets another number of columns, so a Sequential model's declaration of its input shape is taken out: Keras
then reads the shape off the data.
"""

from __future__ import annotations

import libcst as cst

from ..patch import Applicability
from .base import Draft, Edit, Parameter
from .calls import Argument, callee_name, remove_argument, remove_item
from .data_flow import Transform, came_from, last_value, transform_inputs
from .data_uses import base_name, find_uses
from .errors import AlreadySo, EditNotApplicable
from .fresh import fresh_name
from .imports import Imports, spell_object
from .signatures import INPUT_ARGUMENTS
from .sources import SourceFile
from .spelling import delete_statement, quote_of, small_statement, spell
from .structure import Place, find_place

_ENCODERS = {"transform", "fit_transform", "get_dummies"}


def _encode_inputs(draft: Draft) -> None:
    data = draft.fit.data
    one_hot, drop = (sorted(set(draft.parameter(name) or ())) for name in ("one_hot", "drop"))
    if not one_hot and not drop:
        raise EditNotApplicable("no column is named that holds categories or identifiers")
    if data.kind != "arrays" or len(data.inputs) != 1 or len(data.inputs[0].shape) != 2:
        raise EditNotApplicable("the inputs are not one table of columns")
    uses = find_uses(draft)
    train = uses[0]
    file = train.file
    assert train.x is not None
    if came_from(train, train.x, _is_encoded):
        raise AlreadySo(f"the columns are already transformed at {file.place(train.x)}")
    _forget_input_shape(draft)
    parts = []
    if one_hot:
        encoder_class = spell_object(draft, file, train.call, "sklearn.preprocessing.OneHotEncoder")
        unknown = spell("ignore", quote_of(file))
        parts.append(f"({encoder_class}(handle_unknown={unknown}, sparse_output=False), {one_hot})")
    if drop:
        parts.append(spell(("drop", drop), quote_of(file)))
    rest = spell_object(draft, file, train.call, "sklearn.preprocessing.StandardScaler")
    make = spell_object(draft, file, train.call, "sklearn.compose.make_column_transformer")
    encoder = fresh_name(file, "encoder")
    transform = Transform(
        prepare=lambda array: [f"{encoder} = {make}({', '.join(parts)}, remainder={rest}()).fit({array})"],
        rebind=lambda name, _: f"{name} = {encoder}.transform({name})",
        wrap=lambda text: f"{encoder}.transform({text})",
    )
    transform_inputs(draft, uses, transform)


def _is_encoded(file: SourceFile, node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Call):
        return callee_name(node) in _ENCODERS
    name = base_name(node)
    value = last_value(file, name) if name is not None else None
    return value is not None and not isinstance(value, cst.Name) and _is_encoded(file, value)


def _forget_input_shape(draft: Draft) -> None:
    """Take out what declares the width of the table."""
    if draft.fit.model.kind != "sequential":
        raise EditNotApplicable("the model declares the number of its inputs, which would change")
    first = next((layer for layer in draft.fit.model.layers if not layer.inbound), None)
    if first is None:
        raise EditNotApplicable("the model's first layer is not known")
    if first.class_name in {"Normalization", "BatchNormalization", "LayerNormalization"}:
        raise EditNotApplicable(f"the layer {first.name} scales the columns as they are now")
    place = find_place(draft, first)
    file, call = place.target.file, place.target.call
    for argument in [arg for arg in call.args if arg.keyword is not None and arg.keyword.value in INPUT_ARGUMENTS]:
        draft.record(file, call, file.code(argument), "left to the data")
        remove_argument(draft, file, call, Argument(argument, argument.value))
    for declared in place.file.calls:
        origin = Imports(place.file, declared).origin(declared.func) or callee_name(declared)
        if origin.rpartition(".")[2] in {"Input", "InputLayer"}:
            _remove_declaration(draft, place, declared)


def _remove_declaration(draft: Draft, place: Place, declared: cst.Call) -> None:
    """Remove an ``Input`` of the same model; those of others stay."""
    file, parent = place.file, place.file.parent(declared)
    holder = file.parent(parent) if parent is not None else None
    if place.kind == "list" and isinstance(holder, (cst.List, cst.Tuple)) and file.parent(place.container) is holder:
        assert parent is not None
        remove_item(draft, file, list(holder.elements), parent)
    elif place.kind == "add" and isinstance(holder, cst.Call) and isinstance(place.container, cst.Call):
        if file.code(holder.func) != file.code(place.container.func):
            return
        delete_statement(draft, file, small_statement(file, holder))
    else:
        return
    draft.record(file, declared, file.code(declared), "left to the data")


ENCODE_INPUTS = Edit(
    "encode-inputs",
    "Give every category a column of its own, drop identifiers, and standardize the other columns.",
    (
        Parameter("one_hot", (list, tuple), required=False),
        Parameter("drop", (list, tuple), required=False),
    ),
    _encode_inputs,
    Applicability.REVIEW,
)
