"""What counts as detected, localized and repaired. Pure functions over recorded outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlfix.knowledge_base.case_schema import Case, CaseFault
from dlfix.repair.rank import MEANINGFUL_GAIN, interval

#: A suggestion counts as a repair from this share of the better reference's gain on.
REPAIR_SHARE = 0.95
#: References that gain no more than this leave nothing to repair by.
NOTHING_TO_GAIN = 0.05


@dataclass(frozen=True)
class Localization:
    """Whether a fault of the case is among the first ``n`` that a tool names.

    Attributes:
        top1, top3: Kind and place agree with a root cause or a contributing fault.
        strict1, strict3: The same with a root cause.
        kind3: The kind agrees among the first three, whatever the place.
    """

    top1: bool
    top3: bool
    strict1: bool
    strict3: bool
    kind3: bool


def faults_by_layer(case: Case) -> list[CaseFault]:
    """The faults of a case, one for each layer where a value per layer of that type is given (``from: [7, 5, 5, 3]``).

    Such a fault is of all these layers, though the case file names the first.
    """
    found = []
    types = {layer.index: layer.type for layer in case.model}
    for fault in case.faults:
        alike = [index for index, type_ in types.items() if fault.layer is not None and type_ == types.get(fault.layer)]
        values = fault.before if isinstance(fault.before, list) else []
        # Equal ones are the sides of one layer's kernel.
        per_layer = len(values) == len(alike) and len({str(value) for value in values}) > 1
        found += [fault.model_copy(update={"layer": index}) for index in alike] if per_layer else [fault]
    return found


def localized(
    faults: Sequence[Mapping[str, Any]], expected: Sequence[CaseFault], layers: Mapping[int, int]
) -> Localization:
    """Compare named faults, best first, with those of the case.

    Args:
        faults: ``kind`` and ``layer`` (``{"index": …}`` or None) each.
        expected: The case's faults; those without a real role are ignored.
        layers: Keras index -> index in the case's model.
    """
    real = [fault for fault in expected if fault.real]
    causes = [fault for fault in real if fault.role == "root_cause"]

    def among(first: int, accepted: Sequence[CaseFault]) -> bool:
        return any(_same_place(fault, other, layers) for fault in faults[:first] for other in accepted)

    kinds = {fault.kind for fault in real}
    return Localization(
        top1=among(1, real),
        top3=among(3, real),
        strict1=among(1, causes),
        strict3=among(3, causes),
        kind3=any(fault["kind"] in kinds for fault in faults[:3]),
    )


def _same_place(fault: Mapping[str, Any], other: CaseFault, layers: Mapping[int, int]) -> bool:
    """A fault of the case without a layer is one of the whole training, whose kind is its place."""
    if fault["kind"] != other.kind:
        return False
    if other.layer is None:
        return True
    return fault["layer"] is not None and layers.get(fault["layer"]["index"]) == other.layer


def names_faulty_layer(layer: int | None, expected: Sequence[CaseFault], layers: Mapping[int, int]) -> bool:
    """Whether a tool that only names layers names one with a real fault, as DeepLocalize's own evaluation counts."""
    return layer is not None and layers.get(layer) in {
        fault.layer for fault in expected if fault.real and fault.layer is not None
    }


@dataclass(frozen=True)
class Repair:
    """What a suggestion achieves on seeds that no search has seen.

    Attributes:
        state: ``repaired``, ``not repaired``, or ``nothing to gain`` where no reference gains anything either.
        gain: Mean gain of skill over the buggy program, None without a measured suggestion.
        interval: 90 % interval of the mean gain, so that its lower end decides one-sided at 5 %.
        reference_gain: The larger of the mean gains of published patch and better fix; None without references.
        not_below_published: Mean skill within noise of the published patch's or above; None where either is missing.
    """

    state: str
    gain: float | None
    interval: tuple[float, float] | None
    reference_gain: float | None
    not_below_published: bool | None

    @property
    def repaired(self) -> bool:
        return self.state == "repaired"


Skills = Mapping[int, float]


def skills(seeds: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Skill by seed: 0 where a training failed or did worse than a trivial predictor."""
    return {
        one["seed"]: max(one["skill"], 0.0) if one["skill"] is not None and math.isfinite(one["skill"]) else 0.0
        for one in seeds
    }


def gains(before: Skills, after: Skills) -> list[float]:
    """Paired by seed."""
    return [after[seed] - before[seed] for seed in sorted(before.keys() & after.keys())]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def is_gain(before: Skills, after: Skills) -> bool:
    """Whether the mean gain is worth a finding and its interval over the seeds above 0."""
    paired = gains(before, after)
    bounds = interval(paired)
    return bounds is not None and bounds[0] > 0 and mean(paired) > NOTHING_TO_GAIN


def shows_fault(buggy: Skills, references: Iterable[Skills | None]) -> bool:
    """Whether a buggy program is clearly worse than one of its references."""
    return any(is_gain(buggy, one) for one in references if one is not None)


def repair(buggy: Skills, published: Skills | None, better: Skills | None, suggested: Skills | None) -> Repair:
    """Judge a tool's first suggestion; None as skills of whatever does not exist."""
    references = [found for one in (published, better) if one is not None and (found := gains(buggy, one))]
    reference = max((mean(one) for one in references), default=None)
    own = gains(buggy, suggested) if suggested is not None else []
    if not own:
        nothing = reference is None or reference <= NOTHING_TO_GAIN
        return Repair("nothing to gain" if nothing else "not repaired", None, None, reference, None)
    gain, bounds = mean(own), interval(own)
    low = bounds[0] if bounds is not None else -math.inf
    if reference is None or reference <= NOTHING_TO_GAIN:
        state = "repaired" if low > MEANINGFUL_GAIN else "nothing to gain"
    else:
        state = "repaired" if gain >= REPAIR_SHARE * reference and low > 0 else "not repaired"
    not_below = None
    if published and suggested:
        common = sorted(published.keys() & suggested.keys())
        differences = [suggested[seed] - published[seed] for seed in common]
        not_below = mean(differences) >= -MEANINGFUL_GAIN if differences else None
    return Repair(state, gain, bounds, reference, not_below)
