"""``scale-targets``: train on standardized targets and bring every prediction back to the user's units.

The names that hold the targets keep their values; only what enters the model is scaled, and what comes out of
``predict`` is scaled back. So metrics that the script computes itself stay in the units of the data.
"""

from __future__ import annotations

import libcst as cst

from ..patch import Applicability
from .base import Draft, Edit, Parameter
from .calls import callee_name
from .data_flow import Transform, came_from, last_value, require_visible, wrap_uses
from .data_uses import Use, base_name, find_uses
from .errors import AlreadySo, EditNotApplicable
from .fresh import fresh_name
from .imports import spell_numpy
from .sources import SourceFile


def _scale_targets(draft: Draft) -> None:
    data = draft.fit.data
    if data.kind != "arrays":
        raise EditNotApplicable(f"the data come as {data.kind}, whose targets are only known batch by batch")
    if len(data.targets) > 1 or len(draft.fit.model.output_layers) > 1:
        raise EditNotApplicable("the model has several outputs")
    uses = find_uses(draft)
    train = uses[0]
    if train.y is None:
        raise EditNotApplicable(f"{train.file.place(train.call)}: fit gets no targets")
    if came_from(train, train.y, _is_scaled):
        raise AlreadySo(f"the targets are already scaled at {train.file.place(train.y)}")
    require_visible(uses)
    mean, std = fresh_name(train.file, "y_mean"), fresh_name(train.file, "y_std")
    np = spell_numpy(draft, train.file, train.call)

    def prepare(array: str) -> list[str]:
        # As arrays: the statistics of a pandas column would be aligned by label when predictions are scaled back.
        return [
            f"{mean}, {std} = {np}.mean({np}.asarray({array}), axis=0), {np}.std({np}.asarray({array}), axis=0)",
            f"{std} = {np}.where({std} == 0, 1.0, {std})",
        ]

    def wrap(text: str) -> str:
        return f"({f'{np}.array({text})' if text.startswith('[') else text} - {mean}) / {std}"

    transform = Transform(prepare, lambda name, _: name, wrap)
    wrap_uses(draft, [use for use in uses if use.y is not None], transform, "y")
    for use in uses:
        if use.role == "predict":
            _scale_back(draft, use, mean, std)


def _is_scaled(file: SourceFile, node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide):
        return isinstance(node.left, cst.BinaryOperation) and isinstance(node.left.operator, cst.Subtract)
    if isinstance(node, cst.Call):
        return callee_name(node) in {"transform", "fit_transform"}
    name = base_name(node)
    value = last_value(file, name) if name is not None else None
    return value is not None and not isinstance(value, cst.Name) and _is_scaled(file, value)


def _scale_back(draft: Draft, use: Use, mean: str, std: str) -> None:
    file, call = use.file, use.call
    if file.start(call) < file.start(draft.locate(draft.fit.fit.site, "fit")[1]):
        return
    parent = file.parent(call)
    alone = isinstance(parent, (cst.Assign, cst.Return, cst.Arg, cst.AnnAssign)) or call.lpar
    start, end = file.start(call), file.end(call)
    draft.record(file, call, file.code(call), f"{file.code(call)} * {std} + {mean}")
    if not alone:
        draft.insert(file, start, "(")
    draft.insert(file, end, f" * {std} + {mean}" + ("" if alone else ")"))


SCALE_TARGETS = Edit(
    "scale-targets",
    "Train on standardized targets and scale predictions back.",
    (Parameter("method", (str,), required=False, default="standardize", choices=("standardize",)),),
    _scale_targets,
    Applicability.REVIEW,
)
