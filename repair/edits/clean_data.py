"""``clean-data``: drop rows with values that are not finite, or fill in what is missing with its feature's mean."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from ..patch import Applicability
from .base import Draft, Edit, Parameter
from .data_flow import Transform, transform_inputs
from .data_uses import Use, find_uses
from .errors import AlreadySo, EditNotApplicable
from .fresh import fresh_name
from .imports import spell_numpy
from .spelling import insert_before, small_statement


def _clean_data(draft: Draft) -> None:
    data = draft.fit.data
    if data.kind != "arrays":
        raise EditNotApplicable(f"the data come as {data.kind}; they are cleaned where they are made")
    if len(data.inputs) > 1 or len(data.targets) > 1:
        raise EditNotApplicable("the model has several inputs or outputs")
    if draft.parameter("method") == "impute-placeholder":
        _impute_placeholder(draft, find_uses(draft))
        return
    arrays = (*data.inputs, *data.targets, *data.validation_inputs, *data.validation_targets)
    if not any(array.nonfinite for array in arrays):
        raise AlreadySo("all data are already finite")
    uses = find_uses(draft)
    if draft.parameter("method") == "impute-mean":
        _impute(draft, uses)
    else:
        _drop_rows(draft, uses)


def _impute(draft: Draft, uses: tuple[Use, ...]) -> None:
    if draft.fit.data.targets and draft.fit.data.targets[0].nonfinite:
        raise EditNotApplicable("the targets hold values that are not finite, which cannot be filled in; drop the rows")
    np = spell_numpy(draft, uses[0].file, uses[0].call)
    _fill(draft, uses, lambda array: f"{np}.isfinite({array})")


def _impute_placeholder(draft: Draft, uses: tuple[Use, ...]) -> None:
    """Fill in wherever the number stands, close to it where rounding has moved it."""
    placeholder = draft.parameter("placeholder")
    if placeholder is None:
        raise EditNotApplicable("the number that stands for missing values is not known")
    number = float(placeholder)
    np = spell_numpy(draft, uses[0].file, uses[0].call)
    if number.is_integer():
        _fill(draft, uses, lambda array: f"{np}.not_equal({array}, {number:.0f})")
    else:
        _fill(draft, uses, lambda array: f"~{np}.isclose({array}, {number!r})")


def _fill(draft: Draft, uses: tuple[Use, ...], is_known: Callable[[str], str]) -> None:
    """Put the mean of what is known of a column in the place of the rest."""
    file = uses[0].file
    np = spell_numpy(draft, file, uses[0].call)
    mean = fresh_name(file, "x_mean")

    def known(array: str, otherwise: str) -> str:
        return f"{np}.where({is_known(array)}, {array}, {otherwise})"

    transform = Transform(
        prepare=lambda array: [f"{mean} = {np}.nanmean({known(array, f'{np}.nan')}, axis=0)"],
        rebind=lambda name, _: f"{name} = {known(name, mean)}",
        wrap=lambda text: known(f"{np}.array({text})" if text.startswith("[") else text, mean),
    )
    transform_inputs(draft, uses, transform)


def _drop_rows(draft: Draft, uses: tuple[Use, ...]) -> None:
    """Choose the rows right before each use, so that inputs and targets stay in step."""
    measured = [use for use in uses if use.role in {"train", "validation", "evaluate"} and use.y is not None]
    if not measured or measured[0].role != "train":
        raise EditNotApplicable("fit gets no pair of inputs and targets whose rows could be dropped")
    done: set[tuple[str, str, str]] = set()
    for use in measured:
        if not isinstance(use.x, cst.Name) or not isinstance(use.y, cst.Name):
            raise EditNotApplicable(
                f"{use.file.place(use.call)}: inputs and targets are not plain names whose rows could be dropped"
            )
        pair = (use.file.path, use.x.value, use.y.value)
        if pair not in done:
            done.add(pair)
            _keep_finite(draft, use, use.x.value, use.y.value)


def _keep_finite(draft: Draft, use: Use, x: str, y: str) -> None:
    file = use.file
    np = spell_numpy(draft, file, use.call)
    rows = fresh_name(file, "finite_rows")

    def finite(name: str) -> str:
        return f"{np}.isfinite({np}.asarray({name}, dtype=float)).reshape(len({name}), -1).all(axis=1)"

    lines = [f"{rows} = {finite(x)} & {finite(y)}", f"{x}, {y} = {x}[{rows}], {y}[{rows}]"]
    draft.record(file, use.call, "", "; ".join(lines))
    insert_before(draft, file, small_statement(file, use.call), lines)


CLEAN_DATA = Edit(
    "clean-data",
    "Drop rows with values that are not finite, or fill such inputs, or a number that stands for them, with the mean.",
    (
        Parameter("method", (str,), choices=("drop-rows", "impute-mean", "impute-placeholder")),
        Parameter("placeholder", (int, float), required=False),
    ),
    _clean_data,
    Applicability.REVIEW,
)
