"""Verdicts and order: what trials prove about patches.

Gains are paired: patched minus baseline skill with the same seed, so the same data, split and initial randomness.
What is called *improved* or *fixed* rests on at least three seeds and on Student's interval of the mean gain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..diagnose.findings import ReferenceScores
from ..diagnose.skill import FLOOR
from .patch import Patch, Suggestion, Trial, TrialState, Verdict
from .trials.holdout import MIN_ROWS

#: A gain of skill up to this size is not worth an edit: two hundredths of the way from trivial to perfect, about what
#: scoring on another 1,000 rows changes (the standard error of an accuracy of 90 % over 1,000 rows is 1 %, doubled by
#: the scale of skill for two even classes).
MEANINGFUL_GAIN = 0.02
#: Fewest seeds for a proof: below, Student's quantile (6.3 for two seeds) proves nothing, and one is no repeat at all.
FEWEST_SEEDS = 3
#: A network within this share of the best reference learner's skill has what the data allow. Tuned gradient boosting
#: and networks differ by a few percent either way on most tabular data (Grinsztajn et al. 2022), which is no fault.
REFERENCE_SHARE = 0.9
#: From here on a model is near enough to perfect whatever the references reach.
NEAR_PERFECT = 0.95

#: A patch whose skill with its worst seed lies further than this below that with its best one, half of the way from
#: trivial to perfect, works with some seeds and fails with others.
UNRELIABLE = 0.5

#: 95 % quantiles of Student's t for 1, 2, … degrees of freedom, so two-sided intervals of 90 %. The claim is one-sided
#: (the patch helps), and is wrong in at most 5 % of cases when the lower end decides. A two-sided 95 % interval would
#: need a gain of 2.5 standard deviations to say anything of three seeds, and call a clear repair of an unsteady
#: baseline "no change".
_T = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753)
_T_MORE = 1.746  # above 15 degrees of freedom: the value for 16, on the safe side of all others


@dataclass(frozen=True)
class Evidence:
    """What is known of one patch.

    Attributes:
        patch: The patch.
        trials: All its trials.
        parts: Keys of the single patches that it is composed of; its own key for a single one.
    """

    patch: Patch
    trials: tuple[Trial, ...]
    parts: frozenset[str]


@dataclass(frozen=True)
class PairedSkill:
    """Skills of baseline and patch by seed, in the order of seeds."""

    seeds: tuple[int, ...]
    baseline: tuple[float, ...]
    patched: tuple[float, ...]

    @property
    def gains(self) -> tuple[float, ...]:
        return tuple(after - before for before, after in zip(self.baseline, self.patched, strict=True))

    @property
    def mean_gain(self) -> float | None:
        return mean(self.gains) if self.gains else None


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def skill_or_floor(trial: Trial) -> float | None:
    """The skill that counts in comparisons: the floor for a run that broke down, None for one that was cut off."""
    if trial.skill is not None and math.isfinite(trial.skill):
        return trial.skill
    return FLOOR if trial.state in (TrialState.CRASHED, TrialState.DIVERGED) else None


def pair(baseline: Sequence[Trial], patched: Sequence[Trial]) -> PairedSkill:
    """Pair trials by seed, at the largest share of the schedule that both have been run for.

    A patched trial that crashed has no skill and forms no pair; a crashed baseline is at the floor.
    """
    before = {(trial.seed, trial.fraction): skill_or_floor(trial) for trial in baseline}
    after = {(trial.seed, trial.fraction): trial.skill for trial in patched}
    common = [key for key, skill in after.items() if skill is not None and before.get(key) is not None]
    if not common:
        return PairedSkill((), (), ())
    longest = max(fraction for _, fraction in common)
    keys = sorted(key for key in common if key[1] == longest)
    skills = [(before[key], after[key]) for key in keys]
    return PairedSkill(
        tuple(seed for seed, _ in keys),
        tuple(one for one, _ in skills if one is not None),
        tuple(one for _, one in skills if one is not None),
    )


def interval(gains: Sequence[float]) -> tuple[float, float] | None:
    """Student's 90 % interval of the mean; None for fewer than two values.

    Without any spread it is the value itself: bounded skills often reach the same number on all seeds (1.0), and there
    is then no sign of noise to allow for.

    Example:
        >>> interval([0.5, 0.5, 0.5])
        (0.5, 0.5)
    """
    count = len(gains)
    if count < 2:
        return None
    centre = mean(gains)
    variance = math.fsum((gain - centre) ** 2 for gain in gains) / (count - 1)
    quantile = _T[count - 2] if count - 2 < len(_T) else _T_MORE
    half = quantile * math.sqrt(variance / count)
    return centre - half, centre + half


def sampling_error(trial: Trial) -> float:
    """Standard error of a trial's skill from the number of rows it was scored on.

    Where all rows are both trained on and scored, as there are too few to hold any out, they are there to be learned by
    heart and stand for no others: there is no such error.
    """
    rows, trivial = trial.evaluation.get("rows"), trial.evaluation.get("trivial")
    if trial.split == "training" and rows is not None and rows < MIN_ROWS:
        return 0.0
    return skill_error(trial.skill, trial.metric, trivial, rows)


def skill_error(skill: float | None, metric: str | None, trivial: float | None, rows: int | None) -> float:
    """Standard error of a skill: binomial for accuracies, Olkin and Finn's (1995) for R²; 0 where it is unknown.

    It lowers what a patch must reach, so it is rather too small than too large; the gate of the diagnosis
    (``diagnose.gate.standard_error``) errs on the other side.
    """
    if skill is None or not rows:
        return 0.0
    inside = min(max(skill, 0.0), 1.0)
    if metric == "r2":
        return math.sqrt(4 * inside * (1 - inside) ** 2 / rows)
    base = 0.5 if trivial is None else trivial
    accuracy = base + inside * (1 - base)
    return math.sqrt(accuracy * (1 - accuracy) / rows) / (1 - base) if base < 1 else 0.0


def goal(reference: ReferenceScores | None, trials: Sequence[Trial] = ()) -> float:
    """The skill from which on a model has what its data allow.

    That is ``NEAR_PERFECT``, or less if the best reference learner gets less: ``REFERENCE_SHARE`` of its skill, or its
    skill less two standard errors of the comparison, if that is lower.
    """
    if reference is None or reference.best is None:
        return NEAR_PERFECT
    scored = [trial for trial in trials if trial.skill is not None]
    own = max((sampling_error(trial) for trial in scored), default=0.0)
    trivial = scored[0].evaluation.get("trivial") if scored else None
    theirs = skill_error(reference.best, reference.metric, trivial, reference.rows)
    error = 2 * math.hypot(own, theirs)
    return min(NEAR_PERFECT, reference.best * REFERENCE_SHARE, reference.best - error)


def judge(evidence: Evidence, paired: PairedSkill, reference: ReferenceScores | None) -> Verdict:
    """What the trials of a patch prove.

    - *fixed*: improved, and its mean skill reaches what the data allow (:func:`goal`).
    - *improved*: over at least three seeds, the interval of the mean gain lies above ``MEANINGFUL_GAIN``.
    - *worse*: the mean gain is below ``-MEANINGFUL_GAIN``, and so is zero above the interval, where there is one.
    - *failed*: no trial could be scored; each crashed, timed out or diverged.
    - *no change*: anything else that was tried; in particular a gain that the interval cannot tell from none.
    - *untested*: no pair of trials, or a promising gain on fewer than three seeds.
    """
    finished = [trial for trial in evidence.trials if trial.state is not TrialState.PRUNED or trial.skill is not None]
    if finished and all(_broke(trial) for trial in finished):
        return Verdict.FAILED
    gain, bounds = paired.mean_gain, interval(paired.gains)
    if gain is None:
        return Verdict.UNTESTED
    if len(paired.gains) < FEWEST_SEEDS:
        if gain > MEANINGFUL_GAIN:
            return Verdict.UNTESTED
        return Verdict.WORSE if gain < -MEANINGFUL_GAIN else Verdict.NO_CHANGE
    low, high = bounds if bounds is not None else (gain, gain)
    if low > MEANINGFUL_GAIN:
        reached = mean(paired.patched) >= goal(reference, evidence.trials) and mean(paired.patched) > MEANINGFUL_GAIN
        return Verdict.FIXED if reached else Verdict.IMPROVED
    return Verdict.WORSE if gain < -MEANINGFUL_GAIN and high < 0 else Verdict.NO_CHANGE


def _broke(trial: Trial) -> bool:
    return trial.state in (TrialState.CRASHED, TrialState.TIMED_OUT, TrialState.DIVERGED)


_ORDER = (Verdict.FIXED, Verdict.IMPROVED, Verdict.UNTESTED, Verdict.NO_CHANGE, Verdict.WORSE, Verdict.FAILED)


def rank(
    evidence: Sequence[Evidence], baseline: Sequence[Trial], reference: ReferenceScores | None
) -> tuple[Suggestion, ...]:
    """Order patches: verdict, then gain (ties within noise), then reliability, fewer edits, lower cost and rule ids.

    A composition that beats its parts replaces them. Of patches with one verdict, those that make a hypothesis for the
    first time stand before further variants of it.
    """
    made = [(one, _suggest(one, baseline, reference)) for one in evidence]
    shown = [pair_ for pair_ in made if not _is_replaced(pair_, made)]
    hard = _hard_seeds([suggestion for _, suggestion in shown])
    ordered: list[Suggestion] = []
    for verdict in _ORDER:
        group = [pair_ for pair_ in shown if pair_[1].verdict is verdict]
        ordered.extend(_distinct_first(_by_gain([suggestion for _, suggestion in group], hard)))
    return tuple(replace(suggestion, rank=place) for place, suggestion in enumerate(ordered, start=1))


def _suggest(evidence: Evidence, baseline: Sequence[Trial], reference: ReferenceScores | None) -> Suggestion:
    paired = pair(baseline, evidence.trials)
    bounds = interval(paired.gains)
    return Suggestion(
        rank=0,
        patch=evidence.patch,
        verdict=judge(evidence, paired, reference),
        baseline_skill=paired.baseline,
        patched_skill=paired.patched,
        gain=paired.mean_gain,
        interval=bounds,
        trials=evidence.trials,
    )


def _is_replaced(one: tuple[Evidence, Suggestion], others: Sequence[tuple[Evidence, Suggestion]]) -> bool:
    """Whether a proven composition that contains this patch is clearly better than it."""
    evidence, suggestion = one
    for other, better in others:
        contains = evidence.parts < other.parts
        proven = better.verdict in (Verdict.FIXED, Verdict.IMPROVED)
        if contains and proven and _ORDER.index(better.verdict) <= _ORDER.index(suggestion.verdict):
            if suggestion.gain is None or better.verdict is not suggestion.verdict:
                return True
            if not _ties(better, suggestion) and (better.gain or 0.0) > suggestion.gain:
                return True
    return False


def _hard_seeds(suggestions: Iterable[Suggestion]) -> frozenset[int]:
    """Seeds that patches fail with which help with others."""
    hard: set[int] = set()
    for one in suggestions:
        if one.verdict in (Verdict.FIXED, Verdict.IMPROVED):
            skills = _longest_skills(one.trials)
            hard |= {seed for seed, skill in skills.items() if max(skills.values()) - skill > UNRELIABLE}
    return frozenset(hard)


def _by_gain(group: list[Suggestion], hard: frozenset[int]) -> list[Suggestion]:
    """Largest gain first; those that tie with the leader of what remains by reliability, edits, cost and rules."""
    waiting = sorted(group, key=lambda one: (-_gain(one), one.patch.rules, one.patch.key))
    ordered: list[Suggestion] = []
    while waiting:
        tied = [one for one in waiting if _ties(waiting[0], one)]
        ordered.extend(sorted(tied, key=lambda one: (*_reliability(one, hard), *_economy(one))))
        waiting = [one for one in waiting if one not in tied]
    return ordered


def _gain(one: Suggestion) -> float:
    return one.gain if one.gain is not None and math.isfinite(one.gain) else -math.inf


def _ties(leader: Suggestion, other: Suggestion) -> bool:
    """Whether two patches differ by no more than noise: the standard error of their difference over common seeds."""
    if leader is other:
        return True
    if leader.gain is None or other.gain is None:
        return leader.gain is other.gain
    first, second = _longest_skills(leader.trials), _longest_skills(other.trials)
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    error = 0.0
    if len(differences) > 1:
        centre = mean(differences)
        variance = math.fsum((value - centre) ** 2 for value in differences) / (len(differences) - 1)
        error = math.sqrt(variance / len(differences))
    return abs(leader.gain - other.gain) <= max(MEANINGFUL_GAIN, error)


def _reliability(one: Suggestion, hard: frozenset[int]) -> tuple[bool, int]:
    """Whether it fails with some seeds, and with how many of the hard ones it was not tried.

    One that fails with some seeds has gains so scattered that it ties with nearly everything.
    """
    skills = _longest_skills(one.trials)
    fails = bool(skills) and max(skills.values()) - min(skills.values()) > UNRELIABLE
    return fails, len(hard - skills.keys())


def _economy(one: Suggestion) -> tuple[int, int, tuple[str, ...], str]:
    """Fewer edits, fewer epochs, rule ids. Seconds would make the order depend on what else the machine does."""
    epochs = max((trial.epochs for trial in one.trials), default=0)
    return len(one.patch.edits), epochs, one.patch.rules, one.patch.key


def _distinct_first(group: Sequence[Suggestion]) -> list[Suggestion]:
    seen: set[tuple[object, ...]] = set()
    first: list[Suggestion] = []
    variants: list[Suggestion] = []
    for one in group:
        hypothesis = (tuple(sorted(set(one.patch.fault_kinds))), tuple(sorted(edit.edit for edit in one.patch.edits)))
        (variants if hypothesis in seen else first).append(one)
        seen.add(hypothesis)
    return [*first, *variants]


def _longest_skills(trials: Sequence[Trial]) -> dict[int, float]:
    """Skill by seed, of the longest trial of each seed."""
    ordered = sorted(trials, key=lambda one: one.fraction)
    return {trial.seed: trial.skill for trial in ordered if trial.skill is not None}
