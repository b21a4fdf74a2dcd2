"""The search for what helps: short trials of single patches, compositions, minimization, and repeats for proof.

Order of events, all within one total of wall-clock time:

1. *Explore*: the baseline, single patches and early compositions of the best-supported answers with the first seed,
   over a part of the schedule if the whole is too long for the time, then survivors longer (successive halving,
   Jamieson and Talwalkar 2016).
2. *Compose*: add to the best what else may help, one patch at a time, as long as it gains.
3. *Look again*: one fault may hide another, so the patched script is diagnosed, and what that brings to light is added
   to the patches and composed with it.
4. *Minimize*: drop every part whose loss costs no skill beyond noise.
5. *Prove*: baseline and the best patches over further seeds. Time for the leader's proof is kept back from the start.
6. *Make reliable*: where trials are quick, the leader is tested with more seeds; if it fails with one, what makes it
   work there, too, is looked for and proven in turn.

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
from .contenders import MOST_PARTS, Candidate, Compose, Contenders
from .patch import Patch, Suggestion, Trial, TrialState
from .rank import FEWEST_SEEDS, MEANINGFUL_GAIN, goal, interval, pair, rank, skill_or_floor
from .trials.pool import START_MARGIN, Runner, Schedule, TrialPool
from .trials.runner import TrialRequest

#: Successive halving: each round keeps the best third and gives it four times the epochs (3 to 4 is the usual rate).
KEEP, LENGTHEN = 3, 4
#: No trial runs less of the schedule than this while a longer one is affordable; two rounds of lengthening from here
#: reach the whole.
SHORTEST = 1 / 16
#: Share of the time left after the reserve for proof that the first look at all patches may take; the rest is for
#: survivors, compositions and minimization.
EXPLORE_SHARE = 0.6
#: Trials that the first look is planned for, if time allows, and at the least.
MOST_LOOKS, FEWEST_LOOKS = 20, 6
#: Share of the schedule from which on a trial says which patches help; time is not spread over more looks than leave
#: this much to each. Successive halving starts at a quarter, too, where it has two rounds of four times the length.
TELLING = 1 / 4
#: Single patches looked at before the search may stop early, whatever it found: enough to tell whether the first that
#: works is also the best, and not so many that a user waits for proof of what is already answered.
ENOUGH_ALTERNATIVES = 5
#: Compositions that are looked at before each next step; all pairs of six patches.
MOST_EXTENSIONS = 15
#: Patches, besides the leader, whose effect is proven by repeats when time allows.
PROVEN_ALTERNATIVES = 2
#: Time kept for the proof, in multiples of what it is expected to take. Of 54 patches in the benchmark, the slowest of
#: the seeds that followed took 1.04 times as long as the first one in the median, and in four of five less than this.
PROOF_SLACK = 1.25
#: Extra seeds for a patch whose interval does not decide yet.
EXTRA_SEEDS = 3
#: Share of the time left that one more seed may take to test a leader that is proven already.
CERTAINTY_SHARE = 0.2
#: How often a leader that fails with some seed is built upon.
RELIABLE_ROUNDS = 2
#: How many patches that take the lead are tested with a seed that another one failed with.
MOST_HARD_TESTS = 4
#: How often the best patch so far is diagnosed for what it uncovered. Of the benchmark's programs with a genuine fault
#: hardly any has more than three root causes, and the first diagnosis finds one of them at least.
SECOND_LOOKS = 2
#: Share of the time left that a diagnosis may take, so that what it finds can be tried.
LOOK_SHARE = 0.5
#: Seconds that starting a probe run and judging it may take on top of the training.
LOOK_SLACK = 5.0
#: Patches from such a second diagnosis that are tried together with the one that was diagnosed.
MOST_UNCOVERED = 6
#: Parts of a patch that answers everything at once; with more, one that does harm becomes too likely.
MOST_AT_ONCE = 8
#: Of these, so many also two at a time.
MOST_PAIRED = 5

#: Diagnoses the patched script within so many seconds, run with a seed; returns patches, for the sources as they are,
#: against what is still wrong, best supported first. Empty when nothing is.
SecondLook = Callable[[Patch, float, int], Sequence[Patch]]


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
    second_look: SecondLook | None = None,
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
        second_look: Diagnoses a patched script; without it only the given patches are combined.
        progress: Called after every trial.
        clock: Monotonic seconds.

    Returns:
        The outcome; also after Ctrl-C, with what was finished.
    """
    begun = clock()
    pool = TrialPool(runner, max(1, settings.jobs), begun + settings.seconds, settings.schedule, clock=clock)
    contenders = Contenders(pool, compose, reference, settings.seed)
    contenders.add_singles(patches)
    return _Search(contenders, settings, second_look, progress, begun).run()


class _Search:
    """The state of one search: what is planned, and the contenders."""

    def __init__(
        self,
        contenders: Contenders,
        settings: SearchSettings,
        second_look: SecondLook | None,
        progress: Callable[[SearchProgress], None],
        begun: float,
    ) -> None:
        self.contenders = contenders
        self.pool = contenders.pool
        self.pool.on_trial = self._count
        self.settings = settings
        self.second_look = second_look
        self.progress = progress
        self.begun = begun
        self.message = "trials"
        self.done = 0
        self.planned = 0
        self.longest = 1.0
        self.notes: list[str] = []
        self.looked_at: set[tuple[str, int]] = set()
        self.hard_seeds: set[int] = set()

    def run(self) -> SearchOutcome:
        interrupted = False
        try:
            self._plan()
            self._measure_cost()
            self._explore()
            self._lengthen()
            leader = self.contenders.best()
            if leader is not None:
                if leader not in self.contenders.promising():
                    leader = self._look_again(leader)
                self._minimize(self._look_again(self._compose(leader)))
            self._prove()
            self._make_reliable()
        except KeyboardInterrupt:
            interrupted = True
            self.pool.runner.cancel_all()
        return self._outcome(interrupted)

    # Planning ---------------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Choose how much of the schedule a proof can afford, and how much the first look at all patches can."""
        settings = self.settings
        cap = self._cap()
        fit, other = self.pool.costs()
        self.longest = self.contenders.fraction = cap
        if fit <= 0:
            return
        # A proof is of leader and baseline, and half as much again for one more patch; it may take half of the time.
        proof = self._share(0.5 * settings.seconds, 3 * max(1, settings.repeats), fit, other)
        self.longest = min(cap, max(_rounded(proof), cap * SHORTEST / 4))
        left = EXPLORE_SHARE * (self.pool.seconds_left() - self._reserve())
        most = min(len(self._queue()) + 1, MOST_LOOKS)
        # Rather fewer looks than such short ones that they tell nothing; the best-supported patches come first.
        looks = next(
            (number for number in range(most, FEWEST_LOOKS, -1) if self._share(left, number, fit, other) >= TELLING),
            min(most, FEWEST_LOOKS),
        )
        short = self._share(left, looks, fit, other)
        if short < 0.7 * self.longest:
            self.contenders.fraction = max(_rounded(short), _rounded(self.longest * SHORTEST))
        else:
            self.contenders.fraction = self.longest
        if self.longest < cap:
            self.notes.append(
                f"The time allows {self.longest:.0%} of the script's own epochs per trial; effects are measured there."
            )

    def _cap(self) -> float:
        """The largest share of the schedule that the user wants to be run."""
        most = self.settings.most_epochs
        return 1.0 if most is None else min(1.0, most / max(1, self.settings.schedule.epochs))

    def _measure_cost(self) -> None:
        """Plan again by what a trial really takes, where the probe run suggests that schedules must be cut.

        A trial watches nothing and runs short epochs many at once, so it may be far quicker than the probe run.
        """
        if self.contenders.fraction >= self._cap():
            return
        self.message = "measuring a trial"
        self._expect(1)
        self.pool.run([TrialRequest(None, self.settings.seed, self.contenders.fraction)], self._reserve)
        self.notes.clear()
        self._plan()

    def _share(self, seconds: float, trials: int, fit: float, other: float) -> float:
        """The share of the schedule at which so many trials fit into so many seconds."""
        return (seconds * self.pool.jobs / trials / 1.1 - other) / fit

    def _reserve(self) -> float:
        """Seconds that proving the leader will take.

        When time is too short to look any further and nothing helpful was found yet, a proof over the present share of
        the schedule has to do.
        """
        rounds: float = math.ceil(2 * (max(1, self.settings.repeats) - 1) / self.pool.jobs)
        rounds = PROOF_SLACK * rounds + 2 * (START_MARGIN - 1) if rounds else 0  # so that the last may start, too
        whole = rounds * max(self.pool.expected(self.longest), self._leader_seconds())
        look = START_MARGIN * self.pool.expected(self.contenders.fraction)
        if self.pool.seconds_left() - whole > look or self.contenders.promising():
            return whole
        return rounds * self.pool.expected(self.contenders.fraction)

    def _leader_seconds(self) -> float:
        """Seconds of a trial of the best patch over what a proof will run; with more epochs it takes longer."""
        leader, fraction = self.contenders.best(self.contenders.promising()), self.contenders.fraction
        trial = self.pool.get(leader.patch.key, self.contenders.seed, fraction) if leader is not None else None
        return trial.seconds * self.longest / fraction if trial is not None else 0.0

    # Exploring --------------------------------------------------------------------------------------------------------

    def _explore(self) -> None:
        """Single patches by support, and early compositions of the answers to the best-supported faults."""
        self.message = "trying patches"
        queue = self._queue()
        self._expect(1 + len(queue))
        width = max(4, 2 * self.pool.jobs)
        first = [TrialRequest(None, self.settings.seed, self.contenders.fraction)]
        later = (1 - EXPLORE_SHARE) * max(0.0, self.pool.seconds_left() - self._reserve())
        while queue or first:
            group, queue = queue[: width - len(first)], queue[width - len(first) :]
            requests = [*first, *self.contenders.requests(group)]
            skipped = self.pool.skipped
            # The first patches are looked at in any case; the rest leave time to build on what they show.
            self.pool.run(requests, self._reserve if first else lambda: self._reserve() + later)
            first = []
            if self._is_answered():
                if self._has_alternatives():
                    break
                queue = [one for one in queue if len(one.parts) == 1]
            if self.pool.skipped - skipped == len(requests):
                left_out = self.pool.skipped + len(queue)
                self.notes.append(f"Time was too short to try {left_out} more patches and combinations.")
                break
        self._check_baseline()

    def _queue(self) -> list[Candidate]:
        """Best support first; compositions of the top answers to different faults come right after the first."""
        tops = [one.patch for one in self.contenders.tops()]
        choices = [tops[:size] for size in range(len(tops), 1, -1)]
        choices += [list(two) for two in combinations(tops[:3], 2)]
        early: dict[frozenset[str], Candidate] = {}
        singles = self.contenders.singles
        for chosen in choices:
            composed = self.contenders.composed(chosen)
            if composed is not None:
                early.setdefault(composed.keys, composed)
        return [*singles[:1], *early.values(), *singles[1:]]

    def _is_answered(self) -> bool:
        """Whether a single patch is as good as the data allow, so that no combination can be better."""
        best = self.contenders.best()
        return best is not None and len(best.parts) == 1 and self.contenders.reached(best)

    def _has_alternatives(self) -> bool:
        """Whether enough single patches were tried to rank the best one among them."""
        singles = self.contenders.singles
        tried = sum(bool(self.pool.of(one.patch.key)) for one in singles)
        return tried >= min(len(singles), ENOUGH_ALTERNATIVES)

    def _lengthen(self) -> None:
        """Give the best of each round more epochs, until they run all that a proof will run."""
        contenders = self.contenders
        while contenders.fraction < self.longest:
            tried = [one for one in contenders.all.values() if contenders.is_scored(one)]
            tried.sort(key=lambda one: (-contenders.skill(one), len(one.parts)))
            kept = tried[: max(2, math.ceil(len(tried) / KEEP))]
            before = contenders.fraction
            longer = before * LENGTHEN
            contenders.fraction = self.longest if longer > 0.7 * self.longest else longer
            self.message = f"survivors over {contenders.fraction:.0%} of the epochs"
            self._expect(len(kept) + 1)
            baseline = TrialRequest(None, self.settings.seed, contenders.fraction)
            self.pool.run([baseline, *contenders.requests(kept)], self._reserve)
            if not any(contenders.is_scored(one) for one in kept):
                self.notes.append("Time was too short to train the survivors for longer.")
                self.longest = contenders.fraction = before
                return
            self._mark_pruned(tried[len(kept) :], before)

    def _mark_pruned(self, losers: Sequence[Candidate], fraction: float) -> None:
        keys = {one.patch.key for one in losers}
        reason = f"not among the best after {fraction:.0%} of the epochs"
        for index, trial in enumerate(self.pool.trials):
            if trial.patch in keys and trial.state is TrialState.COMPLETED:
                self.pool.trials[index] = replace(trial, state=TrialState.PRUNED, reason=trial.reason or reason)

    # Composing and minimizing -----------------------------------------------------------------------------------------

    def _compose(self, leader: Candidate) -> Candidate:
        """Add what gains most until nothing gains beyond noise: one part at a time, two where no single one does.

        What reaches the reference learners may still gain: a suitable network often does better than they do.
        """
        contenders = self.contenders
        self.message = "combining what helped"
        while len(leader.parts) < MOST_PARTS and not contenders.is_perfect(leader):
            begin = leader.parts if leader in contenders.promising() else ()
            partners = contenders.partners(leader)
            better = self._extended(begin, [one.parts for one in partners]) if begin else None
            if (better is None or not contenders.beats(better, leader)) and not contenders.reached(leader):
                # Faults may hide each other so that only two changes together show anything at all.
                pairs = combinations(partners if begin else contenders.singles, 2)
                better = self._extended(begin, [(*one.parts, *other.parts) for one, other in pairs])
            if better is None or not contenders.beats(better, leader):
                break
            leader = better
        return leader

    def _extended(
        self, begin: tuple[Patch, ...], additions: Sequence[tuple[Patch, ...]], most: int = MOST_PARTS
    ) -> Candidate | None:
        """The best of these parts with one of the additions each, as far as they were or can be tried."""
        wider: list[Candidate] = []
        for addition in additions:
            composed = self.contenders.composed([*begin, *addition]) if len(begin) + len(addition) <= most else None
            if composed is not None:
                wider.append(composed)
            if len(wider) == MOST_EXTENSIONS:
                break
        self._run_more(wider)
        return self.contenders.best(wider)

    def _look_again(self, leader: Candidate) -> Candidate:
        """Diagnose what the leader leaves wrong, and add the answers to that which gain.

        Where nothing helped so far, what is most probably wrong is mended all the same to see what it hides, and then
        all that came to light, too.
        """
        contenders = self.contenders
        mended: Candidate | None = None
        for _ in range(SECOND_LOOKS):
            begin = leader if leader in contenders.promising() else mended or self._foremost()
            look = (begin.patch.key, contenders.seed)
            if self.second_look is None or contenders.matches_references(leader) or look in self.looked_at:
                break
            seconds = self._seconds_for_a_look()
            if seconds is None:
                break
            self.message = "diagnosing the best patch"
            self.looked_at.add(look)
            self._expect(0)
            try:
                found = self.second_look(begin.patch, seconds, contenders.seed)
            except Exception as error:  # a diagnosis that breaks down must not cost what was found before it
                reason = f"{type(error).__name__}: {error}"
                self.notes.append(f"What the best patch leaves wrong could not be diagnosed ({reason}).")
                break
            uncovered = _one_of_each_first([one for one in found if one.key not in begin.keys])
            contenders.add_singles(uncovered)
            self.message = "trying what it uncovered"
            additions = _additions(begin, uncovered)
            better = self._extended(begin.parts, additions, MOST_AT_ONCE)
            if better is not None and contenders.beats(better, leader):
                leader = self._compose(better)
            elif leader in contenders.promising() or not additions:
                break
            else:
                mended = contenders.composed([*begin.parts, *additions[0]])  # and still nothing to be seen of it
        return leader

    def _foremost(self) -> Candidate:
        """The answers to the two best-supported faults together, or to the best-supported one."""
        tops = self.contenders.tops()
        together = self.contenders.composed([one.patch for one in tops[:2]]) if len(tops) > 1 else None
        return together or tops[0]

    def _seconds_for_a_look(self) -> float | None:
        """Seconds that a diagnosis may take now, None if what it finds could not be tried any more.

        It runs the script as the first diagnosis did, which may take far longer than a trial; a training that is cut
        off is diagnosed as far as it came.
        """
        schedule = self.settings.schedule
        whole = schedule.other_seconds + (schedule.fit_seconds or self.pool.expected(1.0))
        left = self.pool.seconds_left() - self._reserve() - 2 * self.pool.expected(self.contenders.fraction)
        seconds = min(LOOK_SHARE * left, 1.5 * whole + LOOK_SLACK)
        return seconds if seconds >= min(whole, LOOK_SLACK) else None

    def _minimize(self, leader: Candidate) -> Candidate:
        """Drop parts as long as the rest is as good."""
        self.message = "dropping what is not needed"
        while len(leader.parts) > 1:
            rests = [[part for part in leader.parts if part is not dropped] for dropped in leader.parts]
            smaller = [one for one in map(self.contenders.composed, rests) if one is not None]
            self._run_more(smaller)
            best = self.contenders.best(smaller)
            if best is None or self.contenders.beats(leader, best):
                break
            leader = best
        return leader

    def _run_more(self, candidates: Sequence[Candidate]) -> None:
        unknown = [one for one in candidates if not self.contenders.is_scored(one)]
        self._expect(len(unknown))
        self.pool.run(self.contenders.requests(candidates), self._reserve)

    # Proving ----------------------------------------------------------------------------------------------------------

    def _prove(self) -> None:
        """Repeat the leader with further seeds, then the alternatives, then whatever is still open."""
        self.message = "repeating with other seeds"
        chosen = self._to_prove()
        if not chosen:
            return
        alternatives = chosen[1 : 1 + PROVEN_ALTERNATIVES]
        others = [request for one in alternatives for request in self._repeats(one)]
        pairs = self._pairs(chosen[0])
        self.planned = self.done + len(pairs) + len(others)
        self.pool.run([*pairs, *others])
        for one in chosen[: 1 + PROVEN_ALTERNATIVES]:
            self._decide(one)

    def _pairs(self, one: Candidate) -> list[TrialRequest]:
        """Trials of patch and baseline, seed by seed."""
        seeds = range(self.settings.seed, self.settings.seed + max(1, self.settings.repeats))
        return [request for seed in seeds for patch in (None, one.patch) for request in self._open(patch, [seed])]

    def _repeats(self, one: Candidate) -> list[TrialRequest]:
        """Trials of the patch alone, where the baseline is known already."""
        return self._open(one.patch, range(self.settings.seed, self.settings.seed + max(1, self.settings.repeats)))

    def _open(self, patch: Patch | None, seeds: Iterable[int]) -> list[TrialRequest]:
        """Those that were not run yet."""
        fraction = self.contenders.fraction
        key = patch.key if patch is not None else None
        return [TrialRequest(patch, seed, fraction) for seed in seeds if self.pool.get(key, seed, fraction) is None]

    def _make_reliable(self) -> None:
        """Build upon a leader that works with most seeds and fails with one, going by the one."""
        for _ in range(RELIABLE_ROUNDS):
            chosen = self._to_prove()
            if not chosen:
                return
            leader = chosen[0]
            failing = self._failing_seed(leader)
            if failing is None:
                self._try_more_seeds(leader)
                failing = self._failing_seed(leader)
            if failing is None:
                return
            self.hard_seeds.add(failing)
            better = self._mended(leader, failing)
            if better is not leader:
                self.message = "repeating with other seeds"
                pairs = self._pairs(better)
                self.planned = self.done + len(pairs)
                self.pool.run(pairs)
                self._decide(better)
            self._try_hard_seeds()

    def _mended(self, leader: Candidate, failing: int) -> Candidate:
        """What works with a seed that the leader fails with, or the leader."""
        self.message = "mending what fails with another seed"
        self.contenders.seed = failing
        better = self._extended(leader.parts, [one.parts for one in self.contenders.partners(leader)])
        if better is None or not self.contenders.beats(better, leader):
            better = self._look_again(leader)
        self.contenders.seed = self.settings.seed
        return better

    def _try_hard_seeds(self) -> None:
        """Test whatever leads now with the seeds that others failed with, too, until what leads was tested so."""
        for _ in range(MOST_HARD_TESTS):
            chosen = self._to_prove()
            requests = self._open(chosen[0].patch, sorted(self.hard_seeds)) if chosen else []
            if not requests:
                return
            self.planned = self.done + len(requests)
            self.pool.run(requests)

    def _try_more_seeds(self, leader: Candidate) -> None:
        """Test a leader with further seeds while that takes little of the time left, until it fails with one."""
        for extra in range(EXTRA_SEEDS):
            needed = math.ceil(2 / self.pool.jobs) * 1.1 * self.pool.expected(self.contenders.fraction)
            if needed > CERTAINTY_SHARE * self.pool.seconds_left() or self._failing_seed(leader) is not None:
                return
            seed = self.settings.seed + self.settings.repeats + extra
            self.planned = self.done + 2
            self.pool.run([TrialRequest(patch, seed, self.contenders.fraction) for patch in (None, leader.patch)])

    def _failing_seed(self, one: Candidate) -> int | None:
        """The seed that a patch does worst with, if it has what the data allow with another and not with this."""
        trials = [trial for trial in self.pool.of(one.patch.key) if trial.fraction == self.contenders.fraction]
        skills = {trial.seed: skill for trial in trials if (skill := skill_or_floor(trial)) is not None}
        if not skills:
            return None
        enough = goal(self.contenders.reference, trials)
        worst = min(skills, key=lambda seed: skills[seed])
        return worst if skills[worst] < enough <= max(skills.values()) else None

    def _to_prove(self) -> list[Candidate]:
        """Patches with a promising gain, in the order that ranking would give them if nothing else were known."""
        contenders = self.contenders
        promising = contenders.promising()
        suggestions = rank([contenders.evidence(one) for one in promising], self.pool.of(None), contenders.reference)
        places = {suggestion.patch.key: suggestion.rank for suggestion in suggestions}
        return sorted(promising, key=lambda one: (places.get(one.patch.key, len(places) + 1), len(one.parts)))

    def _decide(self, one: Candidate) -> None:
        """More seeds while a patch's interval decides nothing, its mean gain is worth having and time is left."""
        for extra in range(EXTRA_SEEDS):
            paired = pair(self.pool.of(None), self.pool.of(one.patch.key))
            bounds, gain = interval(paired.gains), paired.mean_gain
            undecided = bounds is not None and gain is not None and bounds[0] <= MEANINGFUL_GAIN < gain
            if not undecided or len(paired.gains) < FEWEST_SEEDS:
                return
            needed = math.ceil(2 / self.pool.jobs) * 1.1 * self.pool.expected(self.contenders.fraction)
            if self.pool.seconds_left() < needed:
                return
            seed = self.settings.seed + self.settings.repeats + extra
            self.planned = self.done + 2
            self.pool.run([TrialRequest(patch, seed, self.contenders.fraction) for patch in (None, one.patch)])

    # Reporting --------------------------------------------------------------------------------------------------------

    def _expect(self, more: int) -> None:
        """Count trials to come, those of the leader's proof included."""
        self.planned = self.done + more + 2 * (self.settings.repeats - 1)

    def _count(self, trial: Trial) -> None:
        self.done += 1
        best, base = self.contenders.best(), self.contenders.baseline_skill()
        self.progress(
            SearchProgress(
                message=self.message,
                done=self.done,
                total=max(self.planned, self.done),
                best_title=best.patch.title if best is not None else None,
                best_skill=self.contenders.skill(best) if best is not None else None,
                baseline_skill=base if math.isfinite(base) else None,
            )
        )

    def _check_baseline(self) -> None:
        trial = self.pool.get(None, self.settings.seed, self.contenders.fraction)
        if trial is None:
            self.notes.append("Time was too short to train the unpatched script.")
        elif trial.skill is None:
            self.notes.append(f"The unpatched script could not be scored: {trial.reason or trial.state.value}")

    def _outcome(self, interrupted: bool) -> SearchOutcome:
        tried = [one for one in self.contenders.all.values() if self.pool.of(one.patch.key)]
        baseline = self.pool.of(None)
        if self.pool.too_long:
            self.notes.append(
                f"{len(self.pool.too_long)} patches and combinations set more epochs than the time allows."
            )
        longest = max((trial.fraction for trial in baseline), default=1.0)
        suggestions = rank([self.contenders.evidence(one) for one in tried], baseline, self.contenders.reference)
        return SearchOutcome(
            baseline=tuple(trial for trial in baseline if trial.fraction == longest),
            suggestions=suggestions,
            trials=tuple(self.pool.trials),
            trial_seconds=math.fsum(trial.seconds for trial in self.pool.trials),
            wall_seconds=self.pool.clock() - self.begun,
            interrupted=interrupted,
            notes=tuple(self.notes),
        )


def _additions(begin: Candidate, uncovered: Sequence[Patch]) -> list[tuple[Patch, ...]]:
    """What to add to a patch: an answer to everything that it uncovered at once, each alone, and the first by twos.

    Where three faults hide each other, nothing short of mending all of them shows anything; what was not needed is
    dropped again later.
    """
    answered = {kind for part in begin.parts for kind in part.fault_kinds}
    everything: list[Patch] = []
    for one in uncovered:
        # By its first fault only: a higher learning rate may do against too few epochs as well, but need not suffice.
        first = one.fault_kinds[:1]
        if not answered.issuperset(first) and len(begin.parts) + len(everything) < MOST_AT_ONCE:
            everything.append(one)
            answered.update(first)
    additions = [tuple(everything)] if len(everything) > 2 else []
    additions += [(one,) for one in uncovered[:MOST_UNCOVERED]]
    return [*additions, *combinations(uncovered[:MOST_PAIRED], 2)]


def _one_of_each_first(patches: Sequence[Patch]) -> list[Patch]:
    """The best answer to each kind of fault before second answers to any; both in the order given."""
    firsts: dict[frozenset[str], Patch] = {}
    for patch in patches:
        firsts.setdefault(frozenset(patch.fault_kinds), patch)
    return [*firsts.values(), *(patch for patch in patches if patch not in firsts.values())]


def _rounded(share: float) -> float:
    """Two digits are enough, and keep equal plans equal however the clock ran."""
    if share <= 0:
        return 0.01
    digits = 1 - math.floor(math.log10(share))
    return round(share, digits)
