"""Which planted faults really hurt: by skill, against the healthy program, in two runs of different kind.

The first run is the one under the probe, scored as the probe scores (validation rows, else what it can get); the second
is a trial with another seed handling, scored against the labels of the *healthy* program on rows that were not
trained on. A variant is kept if its skill falls in both. It falls if it is

- lower than the mean of the healthy runs of the same kind by more than :data:`LEAST_DROP`, and
- below the lowest of them by more than their whole range.

With the second condition, a healthy program that varies much with the seed needs a larger fall; a variant that is in
truth unchanged would have to come out that low twice. Skills below 0 (worse than trivial) and not finite ones count
as 0.

A fault that makes ``fit`` raise counts as skill 0: contradictions of shapes and labels show themselves in this way. A
script that fails before its ``fit`` has no training to judge, and one that hits the limit of time was not seen to its
end: neither is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Skill that a fault must cost; the benchmark's own programs show gains from 0.05 on, of which the noise is a part.
LEAST_DROP = 0.1


@dataclass(frozen=True)
class Decision:
    """``why`` says it in words."""

    kept: bool
    why: str


def usable(skill: float | None) -> float:
    """A skill for comparison: trivial where there is none, or it is worse than trivial."""
    return max(0.0, skill) if skill is not None and math.isfinite(skill) else 0.0


def fell(healthy: Sequence[float], planted: float) -> bool:
    """Whether one planted run is clearly below the healthy runs of its kind."""
    if not healthy:
        return False
    mean, low, high = math.fsum(healthy) / len(healthy), min(healthy), max(healthy)
    return planted < mean - LEAST_DROP and planted < low - (high - low)


def unfit(healthy: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Why nothing can be planted into a program with a visible effect; empty if it can."""
    if any(run["fits"] == 0 for run in healthy["probe"]):
        return "the probe sees no training of the healthy program"
    if min(_skills(healthy["probe"])) <= 2 * LEAST_DROP:
        return "the healthy program has no skill to lose"
    return ""


def first_look(run: Mapping[str, Any]) -> str:
    """Why the run under the probe cannot be judged; empty if it can."""
    if run["fits"] == 0:
        return "the script fails before its fit"
    if run["state"] in ("timed out", "out of memory", "killed") or run["fit_state"] == "stopped":
        return "the run was cut off"
    if run["fit_state"] != "raised" and run["skill"] is None and not run["diverged"]:
        return "the run could not be scored"
    return ""


def decide(
    healthy: Mapping[str, Sequence[Mapping[str, Any]]],
    first: Mapping[str, Any],
    second: Mapping[str, Any] | None,
) -> Decision:
    """Judge a variant by its runs.

    Args:
        healthy: Runs of the healthy program by kind, ``probe`` and ``trial``.
        first: The run under the probe.
        second: The second run with its ``kind``; None if there was no need for one.
    """
    unusable = first_look(first)
    if unusable:
        return Decision(False, unusable)
    if not fell(_skills(healthy["probe"]), usable(first["skill"])):
        return Decision(False, "its skill does not fall")
    if second is None:
        return Decision(False, "there is no second run")
    if not fell(_skills(healthy[second["kind"]]), usable(second["skill"])):
        return Decision(False, "its skill does not fall with another seed")
    return Decision(True, "its skill falls in both runs")


def _skills(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    return [usable(run["skill"]) for run in runs]
