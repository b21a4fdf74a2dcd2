"""``scale-inputs``: standardized arrays or logarithms, divided ones, or a Normalization or Rescaling layer in front."""

from __future__ import annotations

import libcst as cst

from ...diagnose.trace import LayerFacts
from ..patch import Applicability
from .base import Draft, Edit, Parameter
from .calls import add_keyword, callee_name, find_argument
from .data_flow import Transform, came_from, last_value, transform_inputs
from .data_uses import Use, base_name, find_uses
from .errors import AlreadySo, EditNotApplicable
from .fresh import fresh_name
from .imports import Imports, spell_numpy
from .layers import insert_new
from .sources import SourceFile
from .spelling import insert_before, literal, quote_of, small_statement, spell
from .structure import find_place

_LAYER_NAME = "input_normalization"
_METHODS = ("standardize", "log-standardize", "divide", "normalization-layer", "rescaling-layer")


def _scale_inputs(draft: Draft) -> None:
    first = _first_layers(draft)[0]
    if first.class_name in {"Normalization", "Rescaling"}:
        raise AlreadySo(f"the inputs are already scaled by the layer {first.name}")
    if first.class_name == "Embedding":
        raise EditNotApplicable("the inputs are ids for an Embedding layer, which must not be scaled")
    method = draft.parameter("method")
    if method in {"standardize", "log-standardize"}:
        _standardize(draft, log=method == "log-standardize")
    elif method == "divide":
        _divide(draft)
    else:
        _add_layer(draft, "Normalization" if method == "normalization-layer" else "Rescaling")


def _first_layers(draft: Draft) -> list[LayerFacts]:
    first = [layer for layer in draft.fit.model.layers if not layer.inbound]
    if not first:
        raise EditNotApplicable("the model's first layer is not known")
    return first


# ------------------------------------------------------------------------------------------------------------ arrays


def _standardize(draft: Draft, *, log: bool) -> None:
    uses = _array_uses(draft)
    train = uses[0]
    assert train.x is not None
    if came_from(train, train.x, _is_standardized):
        raise AlreadySo(f"the inputs are already standardized at {train.file.place(train.x)}")
    scaler = Imports(train.file, train.call).find_exact("sklearn.preprocessing.StandardScaler")
    flat = len(_input_shape(draft)) == 2
    by_scaler = scaler is not None and flat and not log
    transform = _with_scaler(train.file, str(scaler)) if by_scaler else _with_numpy(draft, train, log=log)
    transform_inputs(draft, uses, transform)


def _array_uses(draft: Draft) -> tuple[Use, ...]:
    kind = draft.fit.data.kind
    if kind != "arrays":
        raise EditNotApplicable(f"the data come as {kind}, whose scale is only known batch by batch")
    if len(draft.fit.data.inputs) > 1:
        raise EditNotApplicable("the model has several inputs")
    return find_uses(draft)


def _input_shape(draft: Draft) -> tuple[int | None, ...]:
    return draft.fit.data.inputs[0].shape if draft.fit.data.inputs else (None, None)


def _with_numpy(draft: Draft, train: Use, *, log: bool) -> Transform:
    """Mean 0 and deviation 1, of the logarithms where these are asked for (with the sign kept, if there are any)."""
    file = train.file
    np = spell_numpy(draft, file, train.call)
    mean, std = fresh_name(file, "x_mean"), fresh_name(file, "x_std")
    rank = len(_input_shape(draft))
    # One mean and deviation per feature: per column of a table, per channel or feature (last axis) otherwise.
    axis = "0" if rank <= 2 else f"({', '.join(map(str, range(rank - 1)))})"
    signed = bool(draft.fit.data.inputs) and draft.fit.data.inputs[0].minimum < 0

    def level(text: str) -> str:
        if log and signed:
            return f"{np}.sign({text}) * {np}.log1p({np}.abs({text}))"
        return f"{np}.log1p({text})" if log else text

    def prepare(array: str) -> list[str]:
        array = level(array)
        return [
            f"{mean}, {std} = {np}.mean({array}, axis={axis}), {np}.std({array}, axis={axis})",
            f"{std} = {np}.where({std} == 0, 1.0, {std})",
        ]

    def wrap(text: str) -> str:
        if text.startswith("[") and not log:  # a list cannot be subtracted from; an array of it can
            text = f"{np}.array({text})"
        return f"({level(text)} - {mean}) / {std}"

    return Transform(prepare, lambda name, _: f"{name} = ({level(name)} - {mean}) / {std}", wrap)


def _with_scaler(file: SourceFile, scaler_class: str) -> Transform:
    scaler = fresh_name(file, "scaler")
    return Transform(
        prepare=lambda array: [f"{scaler} = {scaler_class}().fit({array})"],
        rebind=lambda name, _: f"{name} = {scaler}.transform({name})",
        wrap=lambda text: f"{scaler}.transform({text})",
    )


def _is_standardized(file: SourceFile, node: cst.BaseExpression) -> bool:
    """``(x - m) / s`` or a scaler's ``transform``, here or where the name was last bound."""
    if isinstance(node, cst.BinaryOperation):
        left = node.left
        return (
            isinstance(node.operator, cst.Divide)
            and isinstance(left, cst.BinaryOperation)
            and isinstance(left.operator, cst.Subtract)
        )
    if isinstance(node, cst.Call):
        return callee_name(node) in {"transform", "fit_transform"}
    name = base_name(node)
    value = last_value(file, name) if name is not None else None
    return value is not None and not isinstance(value, cst.Name) and _is_standardized(file, value)


def _divide(draft: Draft) -> None:
    divisor = float(draft.parameter("divisor") or 255)
    if draft.fit.data.kind == "tf.data":
        _divide_dataset(draft, divisor)
        return
    if draft.fit.data.kind != "arrays":
        _rescale_generators(draft, divisor)
        return
    uses = _array_uses(draft)
    train = uses[0]
    assert train.x is not None
    if came_from(train, train.x, lambda file, node: _is_divided(file, node, divisor)):
        raise AlreadySo(f"the inputs are already divided by {divisor:g}")
    integers = bool(draft.fit.data.inputs) and draft.fit.data.inputs[0].dtype.startswith(("int", "uint"))
    number = spell(divisor)
    kind = spell("float32", quote_of(train.file))

    def divided(text: str) -> str:
        if text.startswith("["):  # a list cannot be divided; an array of it can
            text = f"{spell_numpy(draft, train.file, train.call)}.array({text})"
        elif integers:
            return f"{text}.astype({kind}) / {number}"
        return f"{text} / {number}"

    transform = Transform(lambda _: [], lambda name, _: f"{name} = {divided(name)}", divided, stateful=False)
    transform_inputs(draft, uses, transform)


def _is_divided(file: SourceFile, node: cst.BaseExpression, divisor: float) -> bool:
    if isinstance(node, cst.BinaryOperation):
        return isinstance(node.operator, cst.Divide) and literal(node.right) == divisor
    name = base_name(node)
    value = last_value(file, name) if name is not None else None
    return value is not None and not isinstance(value, cst.Name) and _is_divided(file, value, divisor)


def _divide_dataset(draft: Draft, divisor: float) -> None:
    uses = find_uses(draft)
    labelled = {use.file.code(use.x) for use in uses if use.x is not None and use.role != "predict"}
    for use in uses:
        if use.x is None:
            continue
        text = use.file.code(use.x)
        if ".map(" in text and f"/ {spell(divisor)}" in text:
            raise AlreadySo(f"the inputs are already divided by {divisor:g}")
        cast = "x"
        if draft.fit.data.inputs and not draft.fit.data.inputs[0].dtype.startswith("float"):
            tensorflow = Imports(use.file, use.call).find("tensorflow")
            if tensorflow is None:
                raise EditNotApplicable("the dataset holds whole numbers and TensorFlow is not imported to cast them")
            cast = f"{tensorflow}.cast(x, {spell('float32', quote_of(use.file))})"
        if use.role == "predict" and text not in labelled:
            raise EditNotApplicable(
                f"{use.file.place(use.call)}: it is not known whether {text} yields targets as well"
            )
        changed = f"{text}.map(lambda x, y: ({cast} / {spell(divisor)}, y))"
        draft.record(use.file, use.x, text, changed)
        draft.replace(use.file, use.file.start(use.x), use.file.end(use.x), changed)


def _rescale_generators(draft: Draft, divisor: float) -> None:
    file, _ = draft.locate(draft.fit.fit.site, "the fit call")
    made = [call for call in file.calls if callee_name(call) == "ImageDataGenerator"]
    if not made:
        raise EditNotApplicable("the data come from a generator whose code is not known; a Rescaling layer can do it")
    for call in made:
        if find_argument(file, call, "rescale", "ImageDataGenerator") is None:
            text = f"1.0 / {divisor:g}"
            draft.record(file, call, "no rescale", f"rescale={text}")
            add_keyword(draft, file, call, "rescale", text)
    if not draft.edits:
        raise AlreadySo("the image generators are already told to rescale")


# ------------------------------------------------------------------------------------------------------------ layers


def _add_layer(draft: Draft, kind: str) -> None:
    first, *others = _first_layers(draft)
    if others:
        raise EditNotApplicable(
            "the inputs enter several layers, and it is not known that one layer can stand before all"
        )
    if "/" in first.name:
        raise EditNotApplicable(f"the first layer, {first.name}, is part of a model inside of the model")
    place = find_place(draft, first)
    hoist = len(place.target.siblings) > 1 and not place.specific
    if hoist and (place.kind == "list" or place.target.origin.position):
        raise EditNotApplicable(f"{place.file.place(place.node)} makes several layers, not only the first one")
    if kind == "Rescaling":
        divisor = float(draft.parameter("divisor") or 255)
        insert_new(draft, place, kind, {"scale": _Fraction(divisor)}, "before", hoist=hoist)
        return
    insert_new(draft, place, kind, {"name": _LAYER_NAME}, "before", hoist=hoist)
    _adapt(draft)


class _Fraction(float):
    """A scale that is spelled as the division it is: ``1.0 / 255``."""

    def __new__(cls, divisor: float) -> _Fraction:
        value = super().__new__(cls, 1.0 / divisor)
        value.divisor = divisor
        return value

    divisor: float

    def __repr__(self) -> str:
        return f"1.0 / {self.divisor:g}"


def _adapt(draft: Draft) -> None:
    """Let the layer measure the training data right before ``fit``, where model and data are both at hand."""
    file, fit = draft.locate(draft.fit.fit.site, "the fit call")
    argument = find_argument(file, fit, "x", "fit")
    if argument is None or not isinstance(fit.func, cst.Attribute):
        raise EditNotApplicable(f"{file.place(fit)}: fit gets no data to adapt to")
    model, data = file.code(fit.func.value), file.code(argument.value)
    kind = draft.fit.data.kind
    if kind == "tf.data":
        data = f"{data}.map(lambda x, y: x)"
    elif kind != "arrays":
        raise EditNotApplicable(f"the data come as {kind}, which a Normalization layer cannot adapt to")
    elif isinstance(argument.value, (cst.List, cst.Dict)):
        raise EditNotApplicable("the model has several inputs")
    elif Imports(file, fit).find("pandas") is not None:  # adapt takes arrays, not frames
        data = f"{spell_numpy(draft, file, fit)}.asarray({data})"
    line = f"{model}.get_layer({spell(_LAYER_NAME, quote_of(file))}).adapt({data})"
    draft.record(file, fit, "", line)
    insert_before(draft, file, small_statement(file, fit), [line])


SCALE_INPUTS = Edit(
    "scale-inputs",
    "Scale the inputs the same way everywhere: training, validation, evaluation, prediction.",
    (
        Parameter("method", (str,), choices=_METHODS),
        Parameter("divisor", (float, int), required=False),
    ),
    _scale_inputs,
    Applicability.REVIEW,
)
