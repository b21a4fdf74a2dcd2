"""Models with several outputs whose targets come in another order."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..measures import columns
from ..structure import OutputHead
from ..trace import ArrayFacts
from .output import RANGES
from .registry import check
from .subject import Subject

#: What targets of a list are called; those of a dict carry their keys.
_LISTED = re.compile(r"y\[\d+\]")


@check("swapped-outputs", requires=("output layer", "targets"))
def swapped_outputs(subject: Subject) -> Iterator[Symptom]:
    """Targets of a model with several outputs fit the outputs in another order only.

    Symptom: Some output contradicts its target in units or range, and in another order none does.
    Why: ``fit`` takes targets by position. Listed in another order, each output learns what another one was built for.
    Threshold and its source: Structural, by units and by the range that an activation can put out.
    When not: Targets given by name, which Keras matches itself; outputs that are alike, which can take any order.
    """
    heads, targets = subject.heads, subject.fit.data.targets
    if len(heads) < 2 or len(heads) != len(targets) or any(_LISTED.fullmatch(item.name) is None for item in targets):
        return
    conflicts = np.array([[float(_conflicts(head, target)) for target in targets] for head in heads])
    if not np.diagonal(conflicts).any():
        return
    from scipy.optimize import linear_sum_assignment

    rows, order = linear_sum_assignment(conflicts)
    if conflicts[rows, order].sum() > 0:
        return
    first = int(np.flatnonzero(order != rows)[0])
    head = heads[first]
    yield Symptom(
        "swapped-outputs",
        f"Output {first} ({head.layer.name}) fits target {targets[int(order[first])].name} rather than "
        f"{targets[first].name}: the targets are listed in another order than the outputs.",
        layer=subject.reference_to(head.layer),
        strength=1.0,
        details={"certain": True, "order": [int(value) for value in order]},
    )


def _conflicts(head: OutputHead, target: ArrayFacts) -> bool:
    width, units = columns(target), head.units or 0
    ids = width == 1 and units > 1 and target.integers and 0 <= target.minimum <= target.maximum < units
    if units and units != width and not ids:
        return True
    low, high = RANGES.get(head.activation or "linear", (-np.inf, np.inf))
    outside = max(low - target.minimum, target.maximum - high, 0.0)
    return bool(not ids and outside > max(target.std, 0.1))
