"""What counts as detected and localized, and how well confidences are calibrated. Pure functions over records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .equivalents import EQUIVALENTS, Equivalents

Named = Mapping[str, Any]
Fault = Mapping[str, Any]

#: Kinds whose place is a layer; where one of them is named for a planted fault of a layer, its call must be named.
LAYER_KINDS = frozenset(
    {"output_activation", "output_units", "hidden_activation", "initializer", "kernel_size", "filters", "strides"}
    | {"units", "dropout", "frozen_weights", "regularization"}
)


@dataclass(frozen=True)
class Localization:
    """Whether what was planted is among the first that a tool names.

    Attributes:
        top1, top3: Kind and place; with two planted faults, either.
        all3: All planted faults are among the first three.
        kind1, kind3: Kind alone.
        wide1, wide3: Kind and place, with neutral alternatives.
    """

    top1: bool
    top3: bool
    all3: bool
    kind1: bool
    kind3: bool
    wide1: bool
    wide3: bool


def localized(faults: Sequence[Named], truths: Sequence[Fault], file: str) -> Localization:
    """Compare named faults, best first, with those that were planted.

    Args:
        faults: As ``offline.condensed`` has them.
        truths: Planted faults as recorded.
        file: Name of the program's file.
    """

    def among(count: int, truth: Fault, *, place: bool = True, wide: bool = False) -> bool:
        return any(matches(fault, truth, file, place=place, wide=wide) for fault in faults[:count])

    return Localization(
        top1=any(among(1, truth) for truth in truths),
        top3=any(among(3, truth) for truth in truths),
        all3=all(among(3, truth) for truth in truths),
        kind1=any(among(1, truth, place=False) for truth in truths),
        kind3=any(among(3, truth, place=False) for truth in truths),
        wide1=any(among(1, truth, wide=True) for truth in truths),
        wide3=any(among(3, truth, wide=True) for truth in truths),
    )


def matches(fault: Named, truth: Fault, file: str, *, place: bool = True, wide: bool = False) -> bool:
    """Whether a named fault is the planted one.

    A fault of a layer must name the planted call. A fault of a setting is told by its kind; but if it names a place,
    this must be one of the calls that the setting belongs to (for faults in data, any place will do: they have no
    call).
    """
    equivalents = EQUIVALENTS.get(truth["operator"], Equivalents())
    kind = fault["kind"]
    same = kind == truth["kind"] or kind in equivalents.synonyms
    if not same:
        # Another remedy has another place than the planted text, which then tells nothing.
        return wide and kind in equivalents.alternatives
    if not place:
        return True
    if truth["at_layer"] and kind in LAYER_KINDS:
        return _at_place(fault, truth, file)
    if kind != truth["kind"] or truth["hyperparameter"] in (None, "data", "inputs", "targets"):
        return True
    return fault["place"] is None or _at_place(fault, truth, file)


def _at_place(fault: Named, truth: Fault, file: str) -> bool:
    """The call is told by where it begins: an outer call of the same begin is the same layer applied or wrapped."""
    if fault["place"] is None or fault["file"] != file:
        return False
    line, column = fault["place"][:2]
    return any((place["line"], place["column"]) == (line, column) for place in truth["places"])


def names_layer(layer: int | None, layers: Sequence[Sequence[int] | None], truths: Sequence[Fault]) -> bool:
    """Whether a tool that only names layers names one with a planted fault, as DeepLocalize's own evaluation counts."""
    if layer is None or not 0 <= layer < len(layers) or layers[layer] is None:
        return False
    where = tuple(layers[layer] or ())
    return any(
        where == (place["line"], place["column"]) for truth in truths if truth["at_layer"] for place in truth["places"]
    )


@dataclass(frozen=True)
class Calibration:
    """Stated confidences against outcomes.

    Attributes:
        bins: ``(lower end, number, mean stated confidence, share right)`` per tenth that is not empty.
        brier: Mean squared difference of confidence and outcome; 0 is perfect, and lower is better.
        expected_error: Mean over all of the gap between stated and measured share in the bin (ECE).
    """

    number: int
    bins: tuple[tuple[float, int, float, float], ...]
    brier: float | None
    expected_error: float | None


def calibration(said: Iterable[tuple[float, bool]]) -> Calibration:
    """Compare confidences with whether they were right."""
    pairs = list(said)
    if not pairs:
        return Calibration(0, (), None, None)
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in pairs:
        bins.setdefault(min(9, int(confidence * 10)), []).append((confidence, right))
    rows = tuple(
        (number / 10, len(of), _mean(one for one, _ in of), _mean(float(right) for _, right in of))
        for number, of in sorted(bins.items())
    )
    error = math.fsum(count * abs(stated - share) for _, count, stated, share in rows) / len(pairs)
    brier = _mean((confidence - right) ** 2 for confidence, right in pairs)
    return Calibration(len(pairs), rows, brier, error)


def _mean(values: Iterable[float]) -> float:
    every = list(values)
    return math.fsum(every) / len(every)
