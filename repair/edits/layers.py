"""``insert-layer``, ``replace-layer`` and ``remove-layer``."""

from __future__ import annotations

from typing import Any

from .base import Draft, Edit, Parameter
from .calls import find_argument
from .errors import AlreadySo
from .imports import spell_call, spell_keras
from .spelling import literal
from .structure import (
    Place,
    find_place,
    input_arguments,
    input_layer,
    insert_layer,
    new_layer,
    remove_layer,
    take_input_arguments,
)
from .targets import require_right_for_all, same_value


def _arguments(draft: Draft) -> dict[str, Any]:
    return dict(draft.parameter("arguments") or {})


def _insert(draft: Draft) -> None:
    layer, position, kind = draft.layer, draft.parameter("position"), draft.parameter("layer")
    by_index = {item.index: item for item in draft.fit.model.layers}
    for index in layer.inbound if position == "before" else layer.outbound:
        if index in by_index and by_index[index].class_name == kind:
            raise AlreadySo(f"there is already a {kind} {position} layer {layer.name}")
    place = find_place(draft)
    if not place.specific:
        require_right_for_all(place.target, change=f"a {kind} {position} each")
    insert_new(draft, place, kind, _arguments(draft), position)


def insert_new(
    draft: Draft, place: Place, kind: str, arguments: dict[str, Any], position: str, *, hoist: bool = False
) -> None:
    """Insert a new layer next to one; the declaration of the input's shape moves to it when it becomes the first."""
    moved: tuple[str, ...] = ()
    if position == "before" and place.kind != "call":
        moved = take_input_arguments(draft, place)
    text = new_layer(draft, place, kind, arguments, moved)
    draft.record(place.file, place.node, f"no {kind} {position} this layer", text)
    insert_layer(draft, place, text, position, hoist=hoist)


def _replace(draft: Draft) -> None:
    kind, arguments = draft.parameter("layer"), _arguments(draft)
    place = find_place(draft)
    target = place.target
    file, call = target.file, target.call
    if target.callee == kind and all(_has(place, name, value) for name, value in arguments.items()):
        raise AlreadySo(f"the layer is already {file.code(call)}")
    require_right_for_all(target, change=f"a {kind} instead")
    callee = spell_keras(draft, file, call, f"keras.layers.{kind}", call.func)
    text = spell_call(file, callee, arguments)
    kept = [file.code(arg) for arg in input_arguments(place)]
    if kept:
        text = f"{text[:-1]}{', ' if arguments else ''}{', '.join(kept)})"
    draft.record(file, call, file.code(call), text)
    draft.replace(file, file.start(call), file.end(call), text)


def _has(place: Place, name: str, value: Any) -> bool:
    found = find_argument(place.target.file, place.target.call, name, place.target.callee)
    return found is not None and same_value(literal(found.value), value)


def _remove(draft: Draft) -> None:
    place = find_place(draft)
    if not place.specific:
        require_right_for_all(place.target, change="removing it")
    replacement = input_layer(draft, place) if input_arguments(place) and place.kind != "call" else None
    draft.record(place.file, place.node, place.file.code(place.node), "removed")
    remove_layer(draft, place, replacement)


INSERT_LAYER = Edit(
    "insert-layer",
    "Insert a layer before or after another one.",
    (
        Parameter("position", (str,), choices=("before", "after")),
        Parameter("layer", (str,)),
        Parameter("arguments", (dict,), required=False),
    ),
    _insert,
)

REPLACE_LAYER = Edit(
    "replace-layer",
    "Replace a layer by one of another kind.",
    (Parameter("layer", (str,)), Parameter("arguments", (dict,), required=False)),
    _replace,
)

REMOVE_LAYER = Edit("remove-layer", "Remove a layer.", (), _remove)
