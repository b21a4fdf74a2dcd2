"""The search for what helps: short trials of single patches, compositions, minimization, and repeats for proof.

Order of events, all within one total of wall-clock time:

1. *Explore*: the baseline, single patches and early compositions of the best-supported answers with the first seed,
over
   a part of the schedule if the whole is too long for the time, then survivors longer (successive halving, Jamieson and
   Talwalkar 2016).
2. *Compose*: add to the best what else may help, one patch at a time, as long as it gains.
3. *Minimize*: drop every part whose loss costs no skill beyond noise.
4. *Prove*: baseline and the best patches over further seeds. Time for the leader's proof is kept back from the start.

Decisions are taken between groups of trials, never by who finishes first, so the outcome is the same for the same
seed as long as time does not run out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from ..diagnose.findings import ReferenceScores
from .patch import Patch, Suggestion, Trial, TrialState
from .rank import FEWEST_SEEDS, MEANINGFUL_GAIN, Evidence, goal, interval, pair, rank, sampling_error, skill_or_floor
from .trials.pool import Runner, Schedule, TrialPool
from .trials.runner import TrialRequest

Compose = Callable[[Sequence[Patch]], Patch | None]

#: Successive halving: each round keeps the best third and gives it four times the epochs (3 to 4 is the usual rate).
KEEP, LENGTHEN = 3, 4
#: No trial runs less of the schedule than this while a longer one is affordable; two rounds of lengthening from here
#: reach the whole.
SHORTEST = 1 / 16
#: Share of the time left after the reserve for proof that the first look at all patches may take; the rest is for
#: survivors, compositions and minimization.
EXPLORE_SHARE = 0.6
#: Single patches looked at before the search may stop early, whatever it found.
ENOUGH_ALTERNATIVES = 8
#: Most parts of a composition: the benchmark's real fixes change up to four things at once, hardly ever more.
MOST_PARTS = 4
#: Patches, besides the leader, whose effect is proven by repeats when time allows.
PROVEN_ALTERNATIVES = 4
#: Extra seeds for a leader whose interval does not decide yet.
EXTRA_SEEDS = 3


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Attributes:
        seconds: Wall-clock time for everything.
        repeats: Seeds for what is to be shown as proven.
        seed: The first seed; repeats use those that follow.
        jobs: Trials at the same time.
        most_epochs: Train at most this many epochs per trial; None: the script's own number.
        schedule: What the probe run saw of the script's own schedule.
    """

    seconds: float
    repeats: int = FEWEST_SEEDS
    seed: int = 0
    jobs: int = 1
    most_epochs: int | None = None
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class SearchProgress:
    """How far the search is; ``best_title`` and ``best_skill`` are of the best patch so far."""

    message: str
    done: int
    total: int
    best_title: str | None = None
    best_skill: float | None = None
    baseline_skill: float | None = None


@dataclass(frozen=True)
class SearchOutcome:
    """What the search found.

    Attributes:
        baseline: Trials of the unpatched script at the longest share of the schedule that was run, by seed.
        suggestions: Every patch that was tried, ranked; untried ones are left out.
        trials: All trials.
        trial_seconds: Sum over trials; with several at once more than the wall-clock time.
        interrupted: Ended by the user; everything finished until then is in here.
        notes: What the user should know (time ran out, the baseline could not be scored).
    """

    baseline: tuple[Trial, ...]
    suggestions: tuple[Suggestion, ...]
    trials: tuple[Trial, ...]
    trial_seconds: float
    wall_seconds: float
    interrupted: bool = False
    notes: tuple[str, ...] = ()


def search(
    patches: Sequence[Patch],
    *,
    runner: Runner,
    compose: Compose,
    settings: SearchSettings,
    reference: ReferenceScores | None = None,
    progress: Callable[[SearchProgress], None] = lambda event: None,
    clock: Callable[[], float] = time.monotonic,
) -> SearchOutcome:
    """Find out which patches help, alone and together, and how much.

    Args:
        patches: Single hypotheses, best supported first.
        runner: Runs trials.
        compose: Makes one patch of several; returns None or raises when they conflict.
        settings: Time, seeds, jobs.
        reference: What quick reference learners reach on the same data.
        progress: Called after every trial.
        clock: Monotonic seconds.

    Returns:
        The outcome; also after Ctrl-C, with what was finished.
    """
    return _Search(patches, runner, compose, settings, reference, progress, clock).run()


@dataclass(frozen=True)
class _Candidate:
    """A patch and the single patches it is made of."""

    patch: Patch
    parts: tuple[Patch, ...]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(part.key for part in self.parts)


class _Search:
    def __init__(
        self,
        patches: Sequence[Patch],
        runner: Runner,
        compose: Compose,
        settings: SearchSettings,
        reference: ReferenceScores | None,
        progress: Callable[[SearchProgress], None],
        clock: Callable[[], float],
    ) -> None:
        self.singles = [_Candidate(patch, (patch,)) for patch in {patch.key: patch for patch in patches}.values()]
        self.compose_patches = compose
        self.settings = settings
        self.reference = reference
        self.progress = progress
        self.clock = clock
        self.begun = clock()
        self.candidates = {one.keys: one for one in self.singles}
        self.impossible: set[frozenset[str]] = set()
        self.pool = TrialPool(
            runner,
            max(1, settings.jobs),
            self.begun + settings.seconds,
            settings.schedule,
            on_trial=self._count,
            clock=clock,
        )
        self.runner = runner
        self.message = "trials"
        self.done = 0
        self.planned = 0
        self.longest = 1.0
        self.fraction = 1.0
        self.notes: list[str] = []

    def run(self) -> SearchOutcome:
        interrupted = False
        try:
            self._search()
        except KeyboardInterrupt:
            interrupted = True
            self.runner.cancel_all()
        return self._outcome(interrupted)

    def _search(self) -> None:
        self._plan()
        self._explore()
        self._lengthen()
        leader = self._best()
        if leader is not None:
            leader = self._compose(leader)
            leader = self._minimize(leader)
        self._prove()

    # Planning ---------------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Choose how much of the schedule a proof can afford, and how much the first look at all patches can."""
        settings = self.settings
        cap = 1.0
        if settings.most_epochs is not None:
            cap = min(1.0, settings.most_epochs / max(1, settings.schedule.epochs))
        fit, other = self.pool.costs()
        repeats = max(1, settings.repeats)
        self.longest = self.fraction = cap
        if fit <= 0:
            return
        # A proof is of leader and baseline, and half as much again for one more patch; it may take 60 % of the time.
        proof = self._share(0.6 * settings.seconds, 3 * repeats, fit, other)
        self.longest = _rounded(min(cap, max(proof, cap * SHORTEST / 4)))
        left = settings.seconds - self._reserve()
        looks = min(len(self.singles), 12) + 4
        short = self._share(EXPLORE_SHARE * left, looks, fit, other)
        if short >= 0.7 * self.longest:
            self.fraction = self.longest
        else:
            self.fraction = min(self.longest, max(_rounded(short), _rounded(self.longest * SHORTEST)))
        if self.longest < cap:
            self.notes.append(
                f"The time allows {self.longest:.0%} of the script's own epochs per trial; effects are measured there."
            )

    def _share(self, seconds: float, trials: int, fit: float, other: float) -> float:
        """The share of the schedule at which so many trials fit into so many seconds."""
        return (seconds * self.pool.jobs / trials / 1.1 - other) / fit

    def _reserve(self) -> float:
        """Seconds that proving the leader will take."""
        trials = 2 * (max(1, self.settings.repeats) - 1)
        return math.ceil(trials / self.pool.jobs) * self.pool.expected(self.longest) * 1.15

    def _exploration_end(self) -> float:
        return self.pool.deadline - self._reserve()

    # Exploring --------------------------------------------------------------------------------------------------------

    def _explore(self) -> None:
        """Single patches by support, and early compositions of the answers to the best-supported faults."""
        self.message = "trying patches"
        queue = self._queue()
        self.planned = 1 + len(queue) + 2 * (self.settings.repeats - 1)
        width = max(4, 2 * self.pool.jobs)
        first = [TrialRequest(None, self.settings.seed, self.fraction)]
        while queue or first:
            group, queue = queue[: width - len(first)], queue[width - len(first) :]
            requests = [*first, *self._requests(group, self.fraction)]
            first = []
            skipped = self.pool.skipped
            self.pool.run(requests, self._exploration_end())
            self._check_baseline()
            if self._may_stop(queue):
                break
            if self.pool.skipped > skipped and self.pool.skipped - skipped == len(requests):
                break
        left_out = [one for one in queue if len(one.parts) == 1]
        if left_out and not self._reached(self._best()):
            self.notes.append(f"Time was too short to try {len(left_out)} more patches.")

    def _queue(self) -> list[_Candidate]:
        """Best support first; compositions of the top answers to different faults come after their first part."""
        queue: list[_Candidate] = list(self.singles)
        tops = self._tops()
        early = [composed for size in range(len(tops), 1, -1) if (composed := self._composed(tops[:size])) is not None]
        for composed in early[::-1]:  # so that the largest composition ends up first
            queue.insert(min(1, len(queue)), composed)
        if len(tops) > 2:
            others = [self._composed(list(two)) for two in combinations(tops[:3], 2)]
            known = {one.keys for one in queue}
            fresh = [one for one in others if one is not None and one.keys not in known]
            queue[len(early) + 2 : len(early) + 2] = fresh
        return queue

    def _tops(self) -> list[_Candidate]:
        """The best-supported patch for each kind of fault, if its support is at least half the best one's."""
        tops: dict[tuple[str, ...], _Candidate] = {}
        for one in self.singles:
            tops.setdefault(tuple(sorted(set(one.patch.fault_kinds))), one)
        if not tops:
            return []
        best = max(one.patch.support for one in tops.values())
        return [one for one in tops.values() if one.patch.support >= 0.5 * best][:MOST_PARTS]

    def _requests(self, candidates: Iterable[_Candidate], fraction: float) -> list[TrialRequest]:
        return [TrialRequest(one.patch, self.settings.seed, fraction) for one in candidates]

    def _may_stop(self, queue: Sequence[_Candidate]) -> bool:
        """Nothing is left to gain: a single patch is as good as the data allow, and enough others were tried."""
        best = self._best()
        if not self._reached(best) or best is None:
            return False
        tried = sum(self._skill(one, self.fraction) is not None for one in self.singles)
        return len(best.parts) == 1 and tried >= min(len(self.singles), ENOUGH_ALTERNATIVES)

    def _lengthen(self) -> None:
        """Give the best of each round more epochs, until they run all that a proof will run."""
        while self.fraction < self.longest:
            tried = [one for one in self.candidates.values() if self._skill(one, self.fraction) is not None]
            tried.sort(key=lambda one: (-self._known_skill(one, self.fraction), len(one.parts)))
            kept = tried[: max(2, math.ceil(len(tried) / KEEP))]
            self._mark_pruned(tried[len(kept) :], self.fraction)
            longer = self.fraction * LENGTHEN
            self.fraction = self.longest if longer > 0.7 * self.longest else longer
            self.message = f"survivors over {self.fraction:.0%} of the epochs"
            self.planned = self.done + len(kept) + 1 + 2 * (self.settings.repeats - 1)
            before = len(self.pool.trials)
            baseline = TrialRequest(None, self.settings.seed, self.fraction)
            self.pool.run([baseline, *self._requests(kept, self.fraction)], self._exploration_end())
            if len(self.pool.trials) == before:
                self.notes.append("Time was too short to train the survivors for longer.")
                self.longest = self.fraction = self._longest_run()
                return

    def _longest_run(self) -> float:
        return max((trial.fraction for trial in self.pool.of(None)), default=self.longest)

    def _mark_pruned(self, losers: Sequence[_Candidate], fraction: float) -> None:
        keys = {one.patch.key for one in losers}
        reason = f"not among the best after {fraction:.0%} of the epochs"
        for index, trial in enumerate(self.pool.trials):
            if trial.patch in keys and trial.state is TrialState.COMPLETED:
                self.pool.trials[index] = replace(trial, state=TrialState.PRUNED, reason=trial.reason or reason)

    # Composing and minimizing -----------------------------------------------------------------------------------------

    def _compose(self, leader: _Candidate) -> _Candidate:
        """Add one more part at a time, the one that gains most, until none gains beyond noise."""
        self.message = "combining what helped"
        while len(leader.parts) < MOST_PARTS and not self._reached(leader):
            partners = self._partners(leader)
            wider = [self._composed([*map(self._single, leader.parts), one]) for one in partners]
            fresh = [one for one in wider if one is not None][: max(6, 2 * self.pool.jobs)]
            if not fresh:
                break
            self._run_more(fresh)
            better = self._best(fresh)
            if better is None or not self._beats(better, leader):
                break
            leader = better
        return leader

    def _partners(self, leader: _Candidate) -> list[_Candidate]:
        """What helped by itself first, then answers to other faults by support: alone they may show nothing."""
        base = self._baseline_skill()
        others = [one for one in self.singles if not one.keys & leader.keys]
        helped = [one for one in others if self._known_skill(one, self.fraction) > base + MEANINGFUL_GAIN]
        helped.sort(key=lambda one: -self._known_skill(one, self.fraction))
        rest = [one for one in others if one not in helped]
        answered = {kind for part in leader.parts for kind in part.fault_kinds}
        rest.sort(key=lambda one: bool(set(one.patch.fault_kinds) & answered))
        return [*helped, *rest]

    def _minimize(self, leader: _Candidate) -> _Candidate:
        """Drop parts as long as the rest is as good."""
        self.message = "dropping what is not needed"
        while len(leader.parts) > 1:
            smaller = [
                self._composed([self._single(part) for part in leader.parts if part is not dropped])
                for dropped in leader.parts
            ]
            possible = [one for one in smaller if one is not None]
            self._run_more(possible)
            best = self._best(possible)
            if best is None or self._beats(leader, best):
                break
            leader = best
        return leader

    def _run_more(self, candidates: Sequence[_Candidate]) -> None:
        unknown = [one for one in candidates if self.pool.get(one.patch.key, self.settings.seed, self.fraction) is None]
        self.planned = max(self.planned, self.done + len(unknown) + 2 * (self.settings.repeats - 1))
        self.pool.run(self._requests(unknown, self.fraction), self._exploration_end())

    def _single(self, patch: Patch) -> _Candidate:
        return self.candidates[frozenset([patch.key])]

    def _composed(self, parts: Sequence[_Candidate]) -> _Candidate | None:
        """One patch of several, made once; None when they conflict."""
        keys = frozenset(key for part in parts for key in part.keys)
        if keys in self.candidates or keys in self.impossible or not keys:
            return self.candidates.get(keys)
        try:
            patch = self.compose_patches([part.patch for part in parts])
        except Exception:  # edits that overlap; whatever else goes wrong with two patches together costs only that pair
            patch = None
        if patch is None or any(patch.key == one.patch.key for one in self.candidates.values()):
            self.impossible.add(keys)
            return None
        self.candidates[keys] = _Candidate(patch, tuple(part.parts[0] for part in parts))
        return self.candidates[keys]

    # Proving ----------------------------------------------------------------------------------------------------------

    def _prove(self) -> None:
        """Repeat the leader with further seeds, then the alternatives, then the leader again if it is still open."""
        self.message = "repeating with other seeds"
        chosen = self._to_prove()
        if not chosen:
            return
        first = self.settings.seed
        seeds = range(first + 1, first + self.settings.repeats)
        requests = [TrialRequest(patch, seed, self.fraction) for seed in seeds for patch in (None, chosen[0].patch)]
        alternatives = chosen[1 : 1 + PROVEN_ALTERNATIVES]
        others = [TrialRequest(one.patch, seed, self.fraction) for one in alternatives for seed in seeds]
        self.planned = self.done + len(requests) + len(others)
        self.pool.run([*requests, *others])
        self._decide(chosen[0])

    def _to_prove(self) -> list[_Candidate]:
        """Patches with a promising gain, in the order that ranking would give them if nothing else were known."""
        least = self._baseline_skill() + MEANINGFUL_GAIN
        promising = [one for one in self.candidates.values() if self._known_skill(one, self.fraction) > least]
        places = {
            suggestion.patch.key: suggestion.rank
            for suggestion in rank([self._evidence(one) for one in promising], self.pool.of(None), self.reference)
        }
        return sorted(promising, key=lambda one: (places.get(one.patch.key, len(places) + 1), len(one.parts)))

    def _decide(self, leader: _Candidate) -> None:
        """More seeds while the leader's interval decides nothing, its mean gain is worth having and time is left."""
        for extra in range(EXTRA_SEEDS):
            paired = pair(self.pool.of(None), self.pool.of(leader.patch.key))
            bounds, gain = interval(paired.gains), paired.mean_gain
            undecided = bounds is not None and gain is not None and bounds[0] <= MEANINGFUL_GAIN < gain
            if not undecided or len(paired.gains) < min(FEWEST_SEEDS, self.settings.repeats):
                return
            seed = self.settings.seed + self.settings.repeats + extra
            if self.pool.seconds_left() < 2.2 * self.pool.expected(self.fraction):
                return
            self.planned = self.done + 2
            self.pool.run([TrialRequest(patch, seed, self.fraction) for patch in (None, leader.patch)])

    # What is known ----------------------------------------------------------------------------------------------------

    def _skill(self, one: _Candidate, fraction: float) -> float | None:
        trial = self.pool.get(one.patch.key, self.settings.seed, fraction)
        return None if trial is None else trial.skill

    def _known_skill(self, one: _Candidate, fraction: float) -> float:
        skill = self._skill(one, fraction)
        return -math.inf if skill is None or not math.isfinite(skill) else skill

    def _baseline_skill(self) -> float:
        trial = self.pool.get(None, self.settings.seed, self.fraction)
        skill = skill_or_floor(trial) if trial is not None else None
        return -math.inf if skill is None else skill

    def _best(self, among: Sequence[_Candidate] | None = None) -> _Candidate | None:
        """The most skilful candidate with the first seed; of those within noise, the one of fewest edits."""
        pool = list(self.candidates.values()) if among is None else list(among)
        scored = [one for one in pool if self._skill(one, self.fraction) is not None]
        if not scored:
            return None
        top = max(scored, key=lambda one: self._known_skill(one, self.fraction))
        tied = [one for one in scored if not self._beats(top, one)]
        return min(tied, key=lambda one: (len(one.patch.edits), -self._known_skill(one, self.fraction)))

    def _beats(self, one: _Candidate, other: _Candidate) -> bool:
        """Whether the first is better by more than a meaningful gain and the error of scoring on so few rows."""
        first = self.pool.get(one.patch.key, self.settings.seed, self.fraction)
        noise = sampling_error(first) if first is not None else 0.0
        gain = self._known_skill(one, self.fraction) - self._known_skill(other, self.fraction)
        return gain > max(MEANINGFUL_GAIN, noise)

    def _reached(self, one: _Candidate | None) -> bool:
        """Whether a candidate is as good as the data allow, going by its first seed."""
        if one is None:
            return False
        trial = self.pool.get(one.patch.key, self.settings.seed, self.fraction)
        base = self._baseline_skill()
        if trial is None or trial.skill is None or trial.skill <= base + MEANINGFUL_GAIN:
            return False
        return trial.skill >= goal(self.reference, [trial])

    def _check_baseline(self) -> None:
        trial = self.pool.get(None, self.settings.seed, self.fraction)
        if trial is not None and trial.skill is None and len(self.pool.of(None)) == 1:
            note = f"The unpatched script could not be scored: {trial.reason or trial.state.value}"
            if note not in self.notes:
                self.notes.append(note)

    # Reporting --------------------------------------------------------------------------------------------------------

    def _count(self, trial: Trial) -> None:
        self.done += 1
        best = self._best()
        base = self._baseline_skill()
        self.progress(
            SearchProgress(
                message=self.message,
                done=self.done,
                total=max(self.planned, self.done),
                best_title=best.patch.title if best is not None else None,
                best_skill=self._skill(best, self.fraction) if best is not None else None,
                baseline_skill=base if math.isfinite(base) else None,
            )
        )

    def _evidence(self, one: _Candidate) -> Evidence:
        return Evidence(one.patch, self.pool.of(one.patch.key), one.keys)

    def _outcome(self, interrupted: bool) -> SearchOutcome:
        tried = [one for one in self.candidates.values() if self.pool.of(one.patch.key)]
        baseline = self.pool.of(None)
        longest = max((trial.fraction for trial in baseline), default=1.0)
        return SearchOutcome(
            baseline=tuple(trial for trial in baseline if trial.fraction == longest),
            suggestions=rank([self._evidence(one) for one in tried], baseline, self.reference),
            trials=tuple(self.pool.trials),
            trial_seconds=math.fsum(trial.seconds for trial in self.pool.trials),
            wall_seconds=self.clock() - self.begun,
            interrupted=interrupted,
            notes=tuple(self.notes),
        )


def _rounded(share: float) -> float:
    """Two digits are enough, and keep equal plans equal however the clock ran."""
    if share <= 0:
        return 0.01
    digits = 1 - math.floor(math.log10(share))
    return round(share, digits)
