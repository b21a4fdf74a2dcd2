"""Fits both models and measures them on cases that they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dlfix.diagnose.confidence import log_odds, probability
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

#: Ridge strengths to choose from by the log-loss on cases left out; the smaller, the stronger. At the smallest, rules
#: keep what their authors believed.
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
#: Gains closer than this say nothing of which of two patches is better.
TELLING_DIFFERENCE = 0.05

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """Log-odds of a fault being right: ``intercept + slope * log-odds of its raw confidence``."""

    intercept: float
    slope: float

    def __call__(self, raw: float) -> float:
        return probability(self.intercept + self.slope * log_odds(raw))


@dataclass(frozen=True)
class Order:
    """Offsets as in ``dlfix.knowledge_base.rule_order.RuleOrder``."""

    offsets: Mapping[str, float]

    def __call__(self, row: Row) -> float:
        """What the order goes by."""
        return _believed(row) + self.offsets.get(row["rule"], 0.0)


def _believed(row: Row) -> float:
    return log_odds(row["fault_confidence"] * row["rule_confidence"])


def fit_line(faults: Sequence[Row]) -> Line:
    """Platt's line; unpenalized but for a weak ridge, as there are two numbers for more than a hundred faults."""
    features = np.array([[log_odds(fault["raw"])] for fault in faults])
    model = LogisticRegression(C=10.0).fit(features, [fault["right"] for fault in faults])
    # A line that falls would turn the order of faults around; with so few it must not come to that.
    return Line(float(model.intercept_[0]), max(float(model.coef_[0][0]), 0.05))


def fit_order(answers: Sequence[Row]) -> Order:
    """Offsets by which patch gained more; the ridge's strength is chosen by leaving out one of the given cases at a
    time."""
    cases = sorted({row["case"] for row in answers})
    losses = {}
    for strength in STRENGTHS:
        loss = []
        for case in cases:
            pairs = _pairs([row for row in answers if row["case"] == case])
            if pairs:
                order = Order(_fit_offsets([row for row in answers if row["case"] != case], strength))
                loss.append(np.mean([np.logaddexp(0.0, order(worse) - order(better)) for better, worse in pairs]))
        losses[strength] = float(np.mean(loss)) if loss else 0.0
    return Order(_fit_offsets(answers, min(losses, key=lambda strength: losses[strength])))


def _fit_offsets(answers: Sequence[Row], strength: float) -> dict[str, float]:
    """Pairwise logistic model within cases, so that it makes no difference how hard a case is altogether.

    What the authors believed enters as it is; scikit-learn's logistic regression has no such fixed term.
    """
    rules = sorted({row["rule"] for row in answers})
    differences, believed, weights = [], [], []
    for case in sorted({row["case"] for row in answers}):
        pairs = _pairs([row for row in answers if row["case"] == case])
        for better, worse in pairs:
            difference = np.zeros(len(rules))
            difference[rules.index(better["rule"])] += 1.0
            difference[rules.index(worse["rule"])] -= 1.0
            differences.append(difference)
            believed.append(_believed(better) - _believed(worse))
            weights.append(1 / len(pairs))  # each case counts alike
    if not differences:
        return {}
    features, known, weight = np.array(differences), np.array(believed), np.array(weights)

    def loss(offsets: np.ndarray) -> tuple[float, np.ndarray]:
        margin = known + features @ offsets
        value = weight @ np.logaddexp(0.0, -margin) + offsets @ offsets / (2 * strength)
        return float(value), -features.T @ (weight * expit(-margin)) + offsets / strength

    found = minimize(loss, np.zeros(len(rules)), jac=True, method="L-BFGS-B")
    return {rule: round(float(offset), 4) for rule, offset in zip(rules, found.x, strict=True)}


def _pairs(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Of the answers to one case, those of which one gained clearly more than the other: better, worse."""
    return [
        (one, other)
        for one in rows
        for other in rows
        if one["gain"] - other["gain"] > TELLING_DIFFERENCE and one["helped"]
    ]


def with_confidence(answers: Sequence[Row]) -> list[dict[str, Any]]:
    """Answers with the confidence in their fault as patches are ordered by it, which no line changes."""
    return [{**row, "fault_confidence": row["fault_raw"]} for row in answers]


@dataclass(frozen=True)
class Held:
    """What was said of a case: by the authors, and by models that were fitted without it.

    Attributes:
        faults: Confidence before, after, and whether the fault was right.
        answers: The answers that were tried.
        before, after: What the order went by, for each answer.
    """

    faults: tuple[tuple[float, float, bool], ...]
    answers: tuple[Row, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


def leave_one_out(faults: Sequence[Row], answers: Sequence[Row]) -> tuple[dict[str, Held], dict[str, Order]]:
    """For each case what models fitted on all the others say, and those models' orders of rules."""
    held: dict[str, Held] = {}
    orders: dict[str, Order] = {}
    for case in sorted({row["case"] for row in (*faults, *answers)}):
        line = fit_line([row for row in faults if row["case"] != case])
        order = fit_order(with_confidence([row for row in answers if row["case"] != case]))
        orders[case] = order
        own = [row for row in answers if row["case"] == case]
        held[case] = Held(
            tuple((row["raw"], line(row["raw"]), row["right"]) for row in faults if row["case"] == case),
            tuple(own),
            tuple(row["fault_raw"] * row["rule_confidence"] for row in own),
            tuple(order(row) for row in with_confidence(own)),
        )
    return held, orders


def measures(held: Mapping[str, Held]) -> dict[str, dict[str, float]]:
    """Before and after: how right confidences are, and how soon patches that help are tried."""
    faults = [fault for one in held.values() for fault in one.faults]
    right = [fault[2] for fault in faults]
    result: dict[str, dict[str, float]] = {}
    for place, name in enumerate(("before", "after")):
        said = [fault[place] for fault in faults]
        orders = [
            found
            for one in held.values()
            if (found := _measure_order(one.answers, (one.before, one.after)[place])) is not None
        ]
        result[name] = {
            "fault_brier": round(float(brier_score_loss(right, said)), 4),
            "fault_calibration_error": round(_calibration_error(said, right), 4),
            "fault_auc": round(float(roc_auc_score(right, said)), 4),
            "programs": len(orders),
            "better_of_two_first": round(float(np.mean([found[0] for found in orders])), 4),
            "first_patch_helps": round(float(np.mean([found[1] == 1 for found in orders])), 4),
            "mean_place_of_first_patch_that_helps": round(float(np.mean([found[1] for found in orders])), 3),
            "mean_place_of_best_patch": round(float(np.mean([found[2] for found in orders])), 3),
        }
    return result


def _measure_order(answers: Sequence[Row], scores: Sequence[float]) -> tuple[float, int, int] | None:
    """Share of the pairs in the right order, place of the first patch that helps, place of the best; places from 1.

    None where no patch helps.
    """
    score = dict(zip(map(id, answers), scores, strict=True))
    pairs = _pairs(answers)
    if not pairs:
        return None
    ordered = [
        1.0 if score[id(better)] > score[id(worse)] else 0.5 * (score[id(better)] == score[id(worse)])
        for better, worse in pairs
    ]
    patches: dict[str, tuple[float, Row]] = {}
    for answer in answers:  # several rules may come to the same patch, which is tried when the first of them is due
        known = patches.get(answer["patch"])
        if known is None or score[id(answer)] > known[0]:
            patches[answer["patch"]] = (score[id(answer)], answer)
    sequence = [answer for _, answer in sorted(patches.values(), key=lambda item: -item[0])]
    most = max(answer["gain"] for answer in sequence)
    helps = next(place for place, answer in enumerate(sequence, start=1) if answer["helped"])
    best = next(place for place, answer in enumerate(sequence, start=1) if answer["gain"] > most - TELLING_DIFFERENCE)
    return float(np.mean(ordered)), helps, best


def _calibration_error(said: Sequence[float], truth: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: mean difference of what was said and what was true, over bins of equal width."""
    places = np.minimum((np.array(said) * bins).astype(int), bins - 1)
    errors = [
        abs(np.mean(np.array(said)[places == one]) - np.mean(np.array(truth)[places == one])) * np.mean(places == one)
        for one in np.unique(places)
    ]
    return float(np.sum(errors))
