"""The patches in a search, single and composed, and what their trials with the first seed say about them so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..diagnose.findings import ReferenceScores
from .patch import Patch
from .rank import MEANINGFUL_GAIN, NEAR_PERFECT, Evidence, goal, sampling_error, skill_or_floor
from .trials.pool import TrialPool
from .trials.runner import TrialRequest

Compose = Callable[[Sequence[Patch]], Patch | None]

#: Most parts of a composition: the benchmark's real fixes change up to four things at once, hardly ever more.
MOST_PARTS = 4


@dataclass(frozen=True)
class Candidate:
    """A patch and the single patches it is made of."""

    patch: Patch
    parts: tuple[Patch, ...]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(part.key for part in self.parts)


@dataclass
class Contenders:
    """All candidates by their parts, and comparisons between them at one share of the schedule.

    Attributes:
        seed: The first seed, with which everything is explored.
        fraction: Share of the schedule at which candidates are compared now.
    """

    pool: TrialPool
    compose_patches: Compose
    reference: ReferenceScores | None
    seed: int
    fraction: float = 1.0
    all: dict[frozenset[str], Candidate] = field(default_factory=dict)
    _impossible: set[frozenset[str]] = field(default_factory=set)

    def add_singles(self, patches: Sequence[Patch]) -> None:
        """Add patches, but for those of the same bytes as a candidate that is there already, composed or not."""
        for patch in patches:
            if not self._is_known(patch):
                self.all[frozenset([patch.key])] = Candidate(patch, (patch,))

    def _is_known(self, patch: Patch) -> bool:
        return any(patch.key == one.patch.key for one in self.all.values())

    @property
    def singles(self) -> list[Candidate]:
        return [one for one in self.all.values() if len(one.parts) == 1]

    def tops(self) -> list[Candidate]:
        """The best-supported patch for each kind of fault, if its support is at least half the best one's."""
        tops: dict[tuple[str, ...], Candidate] = {}
        for one in self.singles:
            tops.setdefault(tuple(sorted(set(one.patch.fault_kinds))), one)
        if not tops:
            return []
        best = max(one.patch.support for one in tops.values())
        return [one for one in tops.values() if one.patch.support >= 0.5 * best][:MOST_PARTS]

    def composed(self, patches: Sequence[Patch]) -> Candidate | None:
        """One patch of several single ones, made once; None when they conflict."""
        keys = frozenset(patch.key for patch in patches)
        if keys in self.all or keys in self._impossible or not keys:
            return self.all.get(keys)
        try:
            patch = None if _repeats_itself(patches) else self.compose_patches(patches)
        except Exception:  # edits that overlap; whatever else goes wrong with two patches together costs only that pair
            patch = None
        if patch is None or self._is_known(patch):
            self._impossible.add(keys)
            return None
        self.all[keys] = Candidate(patch, tuple(patches))
        return self.all[keys]

    def requests(self, candidates: Sequence[Candidate]) -> list[TrialRequest]:
        return [TrialRequest(one.patch, self.seed, self.fraction) for one in candidates]

    def skill(self, one: Candidate) -> float:
        """Skill with the first seed; minus infinity if there is none, so that it never wins."""
        trial = self.pool.get(one.patch.key, self.seed, self.fraction)
        if trial is None or trial.skill is None or not math.isfinite(trial.skill):
            return -math.inf
        return trial.skill

    def is_scored(self, one: Candidate) -> bool:
        return self.skill(one) > -math.inf

    def baseline_skill(self) -> float:
        trial = self.pool.get(None, self.seed, self.fraction)
        skill = skill_or_floor(trial) if trial is not None else None
        return -math.inf if skill is None else skill

    def best(self, among: Sequence[Candidate] | None = None) -> Candidate | None:
        """The most skilful candidate; of those within noise of it, the one of fewest edits."""
        scored = [one for one in (self.all.values() if among is None else among) if self.is_scored(one)]
        if not scored:
            return None
        top = max(scored, key=self.skill)
        tied = [one for one in scored if not self.beats(top, one)]
        return min(tied, key=lambda one: (len(one.patch.edits), -self.skill(one)))

    def beats(self, one: Candidate, other: Candidate) -> bool:
        """Whether the first is better by more than a meaningful gain and the error of scoring on so few rows."""
        trial = self.pool.get(one.patch.key, self.seed, self.fraction)
        noise = sampling_error(trial) if trial is not None else 0.0
        return self.skill(one) - self.skill(other) > max(MEANINGFUL_GAIN, noise)

    def promising(self) -> list[Candidate]:
        """Candidates with a gain worth having."""
        least = self.baseline_skill() + MEANINGFUL_GAIN
        return [one for one in self.all.values() if self.is_scored(one) and self.skill(one) > least]

    def reached(self, one: Candidate | None) -> bool:
        """Whether a candidate is as good as the data allow, going by its first seed."""
        if one is None or one not in self.promising():
            return False
        trial = self.pool.get(one.patch.key, self.seed, self.fraction)
        return trial is not None and self.skill(one) >= goal(self.reference, [trial])

    def matches_references(self, one: Candidate) -> bool:
        """Whether no reference learner is clearly better, or the candidate is near to 1, going by its first seed.

        Clearly means as in ``beats``: the best of several learners is ahead by chance, too.
        """
        best = self.reference.best if self.reference is not None else None
        trial = self.pool.get(one.patch.key, self.seed, self.fraction)
        noise = sampling_error(trial) if trial is not None else 0.0
        enough = NEAR_PERFECT if best is None else min(NEAR_PERFECT, best - max(MEANINGFUL_GAIN, noise))
        return one in self.promising() and self.skill(one) >= enough

    def is_perfect(self, one: Candidate) -> bool:
        """Whether nothing that could be measured is left to gain, going by its first seed.

        That is near to 1, but for two standard errors where it matches the references. These alone do not say it: what
        a suitable network reaches beyond them is not known before it is tried.
        """
        trial = self.pool.get(one.patch.key, self.seed, self.fraction)
        error = 2 * sampling_error(trial) if trial is not None and self.matches_references(one) else 0.0
        return one in self.promising() and self.skill(one) >= NEAR_PERFECT - error

    def partners(self, leader: Candidate) -> list[Candidate]:
        """What may be added: what helped by itself first, then by support, answers to other faults before variants.

        The latter may show nothing alone and still be needed.
        """
        others = [one for one in self.singles if not one.keys & leader.keys]
        promising = self.promising()
        helped = sorted((one for one in others if one in promising), key=lambda one: -self.skill(one))
        answered = {kind for part in leader.parts for kind in part.fault_kinds}
        rest = [one for one in others if one not in helped]
        rest.sort(key=lambda one: bool(set(one.patch.fault_kinds) & answered))
        return [*helped, *rest]

    def evidence(self, one: Candidate) -> Evidence:
        return Evidence(one.patch, self.pool.of(one.patch.key), one.keys)


def _repeats_itself(patches: Sequence[Patch]) -> bool:
    """Whether one asks for nothing that the others do not ask for; a smaller composition then says the same."""
    for one in patches:
        others = [request for other in patches if other is not one for request in other.requests]
        if one.requests and all(request in others for request in one.requests):
            return True
    return False
