"""From Keras' layer numbers to the logical layers of the case file.

The case file counts layers as one thinks of them: an activation that was added as a layer of its own belongs to the
layer before it, inputs do not count, everything else does (also Flatten, Dropout and pooling).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from dlfix.diagnose.structure import ACTIVATION_LAYERS, LINEAR_MAP_LAYERS, RECURRENT_LAYERS

_TAKE_ACTIVATION = LINEAR_MAP_LAYERS | RECURRENT_LAYERS
#: Names by which the case file calls what Keras 3 offers as another layer.
_OTHER_NAMES = {"Rescaling": "Lambda", "Permute": "Reshape", **dict.fromkeys(ACTIVATION_LAYERS, "Activation")}


def logical_indices(class_names: Sequence[str]) -> list[int | None]:
    """Logical index of each Keras layer; None for inputs.

    Example:
        >>> logical_indices(["Dense", "Activation", "Dropout", "Activation", "Dense"])
        [0, 0, 1, 2, 3]
    """
    indices: list[int | None] = []
    count, takes_activation = 0, False
    for name in class_names:
        if name == "InputLayer":
            indices.append(None)
            continue
        if name in ACTIVATION_LAYERS and takes_activation:
            indices.append(count - 1)
            continue
        indices.append(count)
        count += 1
        takes_activation = name in _TAKE_ACTIVATION
    return indices


def to_case_layers(recorded: Sequence[Mapping[str, Any]], model: Sequence[Any]) -> dict[int, int]:
    """Keras index -> index in the case's model.

    Where a rebuilt program has a layer more or less than the case file tells of, the two lists are aligned by type and
    size, and layers without a counterpart are left out.

    Args:
        recorded: Layers of the result document: ``index``, ``class_name``, ``units``.
        model: The case's layers: ``index``, ``type`` and further facts as attributes.
    """
    logical = logical_indices([layer["class_name"] for layer in recorded])
    ours: list[tuple[str, Any]] = []
    for layer, index in zip(recorded, logical, strict=True):
        if index == len(ours):  # the first of a group is the layer itself
            ours.append(_kind(layer["class_name"], layer.get("units")))
    theirs = [_kind(layer.type, getattr(layer, "units", None) or getattr(layer, "filters", None)) for layer in model]
    counterpart = _aligned(ours, theirs)
    return {
        layer["index"]: model[counterpart[index]].index
        for layer, index in zip(recorded, logical, strict=True)
        if index is not None and index in counterpart
    }


def _kind(name: str, size: Any) -> tuple[str, Any]:
    name = _OTHER_NAMES.get(name, name)
    return name, size if name in _TAKE_ACTIVATION else None


def _aligned(ours: Sequence[tuple[str, Any]], theirs: Sequence[tuple[str, Any]]) -> dict[int, int]:
    counterpart: dict[int, int] = {}
    for tag, begin, end, their_begin, their_end in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        same_types = [name for name, _ in ours[begin:end]] == [name for name, _ in theirs[their_begin:their_end]]
        if tag == "equal" or (tag == "replace" and same_types):
            counterpart |= dict(zip(range(begin, end), range(their_begin, their_end), strict=True))
    return counterpart
