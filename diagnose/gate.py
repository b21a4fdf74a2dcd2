"""When there is something to report: is this training shown to be poor?

Healthy scripts get silence. Hardly any program is without something that a checklist dislikes (prior tools alarm on a
third to all of the healthy ones), so a fault is reported in two cases only:

1. *Certain contradictions*: what a symptom says cannot be right whatever the outcome (softmax on one unit, labels of a
   single class, ids without an output, targets out of reach). The check marks such a symptom ``certain``.
2. *Poor training*, shown by at least one of:
   - the loss, or the predictions, are not finite, or the loss exploded or fell below its lower bound;
   - the skill is clearly below the best reference learner's (``shortfall``);
   - learners that are fitted to some of the held-out rows tell the others clearly better than the network does, and
     than learners that are fitted to the training rows (``misleading-training-rows``);
   - the skill is not above 0 although a reference learner finds something (``trivial-skill``);
   - neither the network nor any reference learner finds anything (``unlearnable-labels``, which also says when a
     skill on training rows is too low to count): what is poor, where everything is poor, points at the data;
   - there is no skill to go by, and the loss never gets below that of a constant prediction (``trivial-loss``), or does
     not move (``flat-loss``);
   - the skill is below the best reference learner's by more than the usual floor, if only by one standard error (one
     healthy program in six would be), and something is seen that none of 53 healthy programs shows (``TELLING``, which
     was read off them): two weaker witnesses instead of one. Half the floor is enough where the gap is beyond the
     sampling error by the usual margin, where two such things are seen, and where the network was scored on its own
     training rows: that flatters it, and still it is behind a learner that was scored on rows held out;
   - neither the network nor any reference learner tells the classes apart, and one of them is rare (10:1): what there
     is of it is too little to learn from;
   - there is no reference, something telling is seen, and the skill is below 0.8 (without a skill: less than 0.8 of
     the held-out rows are told, or the loss is above half of a constant's);
   - the inputs are scrambled (``SPOILED``), and neither the network nor any reference learner gets far;
   - neither the network nor any reference learner finds anything, and in hundreds of updates the loss neither moved
     nor got below that of a constant prediction. Labels that have nothing to do with the inputs would explain the
     former, not the latter: what trains at all learns them by heart to some part (Zhang et al., Understanding deep
     learning requires rethinking generalization, ICLR 2017, arXiv:1611.03530), if it has parameters enough for that.

The margin of a shortfall is the larger of two numbers. One is the joint sampling error: both skills are estimates on n
rows, so their difference has the standard error sqrt(s1² + s2²), with s = sqrt(p (1 - p) / n) / (1 - m0) for an
accuracy p over a trivial m0, and 2 (1 - R²) / sqrt(n) for R², which bounds 2 R (1 - R²) / sqrt(n) (Olkin & Finn 1995,
large n) from above and is not 0 for a network that learned nothing; at one-sided 95 % the margin is 1.645 times that.
Both are measured on the same rows and so are positively correlated, which makes the margin too wide, never too narrow.
The other is 0.1: boosted trees beat good networks on small tables by a few hundredths (Grinsztajn et al. 2022), which
is no fault. Where the network was scored on its own training rows, which favours it, and the references on held-out
ones, the same margin is the more cautious still.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .findings import Symptom
from .measures import columns

if TYPE_CHECKING:
    from .checks.subject import Subject

Z = 1.645
FLOOR = 0.1
#: Symptoms that show poor training by themselves.
BROKEN = frozenset({"nonfinite-loss", "nonfinite-weight", "exploding-loss", "negative-loss"})
POOR = frozenset({"below-reference", "trivial-skill", "unlearnable-labels", "misleading-training-rows"})
#: Symptoms that none of 53 healthy programs showed in 106 runs (``benchmarks/healthy``, 2026-11-30); settings and
#: states that can keep a network from learning. They are not by themselves a sign of poor training: a wide layer with
#: strong dropout may do well. Unscaled inputs are left out: networks that stand them are common, such as the faultless
#: case Traffic-Sign-Classifier.
TELLING = frozenset(
    {"oversized-updates", "undersized-updates", "rate-beyond-range", "rate-below-range", "overshooting-steps"}
    | {"excessive-clipping", "slow-default-optimizer", "unusual-momentum", "unusual-epsilon", "unusual-learning-rate"}
    | {"symmetric-weights", "unsuitable-initial-weights", "unsuitable-initial-bias", "frozen-weights"}
    | {"frozen-random-weights", "misdirected-stopping", "stale-moving-statistics"}
    | {"inference-mode-steps"}
    | {"dying-relu", "saturated-activation", "vanishing-gradient", "hidden-softmax", "doubled-output-activation"}
    | {"excessive-dropout", "dropout-at-output", "excessive-regularization", "excessive-weight-decay"}
    | {
        "excessive-weight-constraint",
        "narrow-layer",
        "narrow-convolution",
        "pointwise-kernels",
        "skipping-strides",
    }
    | {
        "collapsed-feature-maps",
        "deep-plain-stack",
        "sigmoid-stack",
        "unsuitable-output-activation",
        "mismatched-output-units",
    }
    | {
        "mismatched-validation-inputs",
        "mismatched-test-inputs",
        "placeholder-values",
        "mixed-axes",
        "scrambled-inputs",
        "shifted-inputs",
        "shifted-class-shares",
    }
    | {
        "starved-training-set",
        "misaligned-labels",
        "unrelated-labels",
        "permuted-classes",
        "permuted-target-columns",
        "swapped-outputs",
    }
    | {"inverted-class-weights", "sorted-labels", "scaled-class-labels", "out-of-range-labels"}
)
#: Symptoms of data that nobody can learn from, so that a reference learner is no measure either.
SPOILED = frozenset({"scrambled-inputs"})
#: Skill, and share of a constant prediction's loss, beyond which a network without a reference is left alone.
GOOD, GOOD_LOSS = 0.8, 0.5
#: Symptoms that show it only while there is no skill to go by.
WITHOUT_SKILL = frozenset({"trivial-loss", "flat-loss"})
#: Below this skill, of network and references alike, spoiled data are taken to be the reason.
SPOILED_SKILL = 0.5
#: Below this skill nothing was found: the sampling error of a skill on 400 rows.
NOTHING = 0.05
#: Parameters per number to be predicted from which on a network shows that it trains, whatever the labels. Per
#: parameter, least squares explain one part in n of the variance of n unrelated labels; this is twice what
#: ``trivial-loss`` sees.
BY_HEART = 0.04


@dataclass(frozen=True)
class Shortfall:
    """How far a network's skill lies below the best reference's, and what difference would have to be put up with.

    Attributes:
        error: Of that, the part that sampling alone may bring about.
    """

    skill: float
    value: float
    error: float

    @property
    def margin(self) -> float:
        return max(FLOOR, self.error)


@dataclass(frozen=True)
class Judgement:
    """Whether training is shown to be poor, and by which symptoms."""

    poor: bool
    reasons: tuple[str, ...] = ()


def shortfall(subject: Subject) -> Shortfall | None:
    """The gap between network and best reference, None when one of them is unknown."""
    skill, best = subject.skill, subject.reference.best
    if skill is None or best is None:
        return None
    facts = subject.fit.evaluation
    rows = int(facts.get("rows") or subject.fit.data.validation_rows or subject.reference.rows or 1)
    metric = str(facts.get("metric") or subject.reference.metric or "accuracy")
    trivial = facts.get("trivial")
    base = float(trivial) if trivial is not None and math.isfinite(trivial) else 0.0
    errors = (
        standard_error(metric, skill, base, rows),
        standard_error(metric, best, base, subject.reference.rows or rows),
    )
    if facts.get("split") == "training" and rows < 10:
        errors = (0.0, 0.0)  # so few rows are there to be learned by heart, not to estimate anything from
    return Shortfall(skill, best - skill, Z * math.hypot(*errors))


def standard_error(metric: str, skill: float, trivial: float, rows: int) -> float:
    """Standard error of a skill measured on ``rows`` rows, rather too large than too small: in doubt, silence."""
    if rows < 1:
        return 1.0
    if metric == "r2":
        return 2 * (1 - min(max(skill, 0.0), 1.0)) / math.sqrt(rows)
    room = max(1 - trivial, 1e-6)
    accuracy = min(max(trivial + skill * room, 0.0), 1.0)
    # Agresti & Coull's two added successes and failures keep the error above 0 where all rows are right.
    adjusted = (accuracy * rows + 2) / (rows + 4)
    return math.sqrt(adjusted * (1 - adjusted) / (rows + 4)) / room


def judge(subject: Subject, symptoms: Iterable[Symptom]) -> Judgement:
    """Apply the gate to one fit."""
    found = {symptom.check for symptom in symptoms}
    if subject.fit.adversarial:  # neither side is meant to win: a loss that stands still is what both aim at
        broken = tuple(name for name in sorted(BROKEN - {"negative-loss"}) if name in found)
        return Judgement(bool(broken), broken)
    # A run that was cut short while its loss still fell would have gone on to do better.
    unfinished = subject.fit.state == "stopped" and "unconverged-loss" in found
    reasons = [name for name in (*sorted(BROKEN), *(() if unfinished else sorted(POOR))) if name in found]
    if subject.fit.evaluation.get("diverged"):
        reasons.append("nonfinite-prediction")
    gap = shortfall(subject)
    if not reasons and gap is not None and not unfinished and _is_behind(gap, subject, len(found & TELLING)):
        reasons.extend(sorted(found & TELLING))
    known = subject.skill is not None and subject.reference.best is not None
    nothing = known and max(subject.skill or 0.0, subject.reference.best or 0.0) < NOTHING
    if not reasons and nothing and "imbalanced-classes" in found and not unfinished:
        reasons.append("imbalanced-classes")
    if found & SPOILED and max(subject.skill or 0.0, subject.reference.best or 0.0) < SPOILED_SKILL:
        reasons.extend(sorted(found & SPOILED))
    if subject.skill is None or subject.reference.best is None:
        if not unfinished and _leaves_much(subject):
            reasons.extend(sorted(found & TELLING))
        no_skill = subject.skill is None or subject.skill < 0.5
        reasons.extend(name for name in sorted(WITHOUT_SKILL) if name in found and no_skill)
    elif nothing and not unfinished and _would_learn_by_heart(subject):
        stands_still = found >= WITHOUT_SKILL and "too-few-updates" not in found
        reasons.extend(sorted(WITHOUT_SKILL) if stands_still else ())
    return Judgement(bool(reasons), tuple(reasons))


def _is_behind(gap: Shortfall, subject: Subject, witnesses: int) -> bool:
    """Whether a network is behind the references by what, with one more witness or several, is enough."""
    clear = gap.value > gap.error or subject.fit.evaluation.get("split") == "training" or witnesses > 1
    return gap.value > max(FLOOR / 2 if clear else FLOOR, gap.error / Z)


def _leaves_much(subject: Subject) -> bool:
    """Whether the network is far from perfect.

    Without a skill, by how many rows it tells (where all held-out rows have the same class), or by its loss against
    that of a constant prediction.
    """
    if subject.skill is not None:
        return subject.skill < GOOD
    told = [one for one in subject.fit.evaluation.get("recalls") or () if one is not None]
    if told and sum(told) / len(told) < GOOD:
        return True
    finite = subject.losses[np.isfinite(subject.losses)]
    return (
        bool(finite.size) and bool(subject.trivial_loss) and float(finite[-1]) > GOOD_LOSS * (subject.trivial_loss or 0)
    )


def _would_learn_by_heart(subject: Subject) -> bool:
    """Whether a network of this size that trains would get below a constant's loss on labels without any rule."""
    target, rows = subject.target, subject.fit.data.rows
    if target is None or not rows:
        return False
    return subject.fit.model.trainable_parameters >= BY_HEART * rows * columns(target)
