"""Fits both models with scikit-learn and measures them on cases that they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dlfix.diagnose.confidence import log_odds, probability
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

#: Ridge strengths to choose from by the log-loss on cases left out; the smaller, the stronger.
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
#: Offsets of rules are features of this size next to log-odds of size 1 to 4, and so shrunk more than the weights.
OFFSET_SCALE = 0.7

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
    """Coefficients as in ``dlfix.knowledge_base.rule_order.RuleOrder``."""

    intercept: float
    fault_weight: float
    rule_weight: float
    offsets: Mapping[str, float]

    def __call__(self, row: Row) -> float:
        return probability(
            self.intercept
            + self.fault_weight * log_odds(row["fault_confidence"])
            + self.rule_weight * log_odds(row["rule_confidence"])
            + self.offsets.get(row["rule"], 0.0)
        )


def fit_line(faults: Sequence[Row]) -> Line:
    """Platt's line; unpenalized but for a weak ridge, as there are two numbers for more than a hundred faults."""
    features = np.array([[log_odds(fault["raw"])] for fault in faults])
    model = LogisticRegression(C=10.0).fit(features, [fault["right"] for fault in faults])
    # A line that falls would turn the order of faults around; with so few it must not come to that.
    return Line(float(model.intercept_[0]), max(float(model.coef_[0][0]), 0.05))


def fit_order(answers: Sequence[Row]) -> Order:
    """The logistic model, its ridge strength chosen by leaving out one of the given cases at a time."""
    cases = sorted({row["case"] for row in answers})
    losses = {}
    for strength in STRENGTHS:
        rows, said = [], []
        for case in cases:
            kept = [row for row in answers if row["case"] != case]
            if len({row["helped"] for row in kept}) < 2:
                continue
            order = _fit_order(kept, strength)
            left_out = [row for row in answers if row["case"] == case]
            rows += left_out
            said += [order(row) for row in left_out]
        losses[strength] = log_loss([row["helped"] for row in rows], said, labels=[False, True])
    return _fit_order(answers, min(losses, key=lambda strength: losses[strength]))


def _fit_order(answers: Sequence[Row], strength: float) -> Order:
    rules = sorted({row["rule"] for row in answers})
    features = np.zeros((len(answers), 2 + len(rules)))
    for place, row in enumerate(answers):
        features[place, 0] = log_odds(row["fault_confidence"])
        features[place, 1] = log_odds(row["rule_confidence"])
        features[place, 2 + rules.index(row["rule"])] = OFFSET_SCALE
    # Each case counts alike, however many answers it had.
    sizes = {row["case"]: 0 for row in answers}
    for row in answers:
        sizes[row["case"]] += 1
    weights = [len(answers) / len(sizes) / sizes[row["case"]] for row in answers]
    helped = [row["helped"] for row in answers]
    for _ in range(3):
        model = LogisticRegression(C=strength, max_iter=2000).fit(features, helped, sample_weight=weights)
        falling = [column for column in (0, 1) if model.coef_[0][column] < 0]
        if not falling:
            break
        features[:, falling] = 0.0  # more trust in fault or rule must never mean less support
    weight = model.coef_[0]
    offsets = {rule: round(float(OFFSET_SCALE * weight[2 + place]), 4) for place, rule in enumerate(rules)}
    return Order(
        round(float(model.intercept_[0]), 4),
        round(max(float(weight[0]), 0.0), 4),
        round(max(float(weight[1]), 0.0), 4),
        offsets,
    )


def with_confidence(answers: Sequence[Row], line: Line) -> list[dict[str, Any]]:
    """Answers with the confidence in their fault as this line calibrates it."""
    return [{**row, "fault_confidence": line(row["fault_raw"])} for row in answers]


@dataclass(frozen=True)
class Held:
    """What was said of a case by models that were fitted without it."""

    faults: tuple[tuple[float, float, bool], ...]  # before, after, right
    answers: tuple[tuple[float, float, bool, str], ...]  # before, after, helped, patch


def leave_one_out(faults: Sequence[Row], answers: Sequence[Row]) -> tuple[dict[str, Held], dict[str, Order]]:
    """For each case what models fitted on all the others say, and those models' orders of rules."""
    held: dict[str, Held] = {}
    orders: dict[str, Order] = {}
    for case in sorted({row["case"] for row in (*faults, *answers)}):
        line = fit_line([row for row in faults if row["case"] != case])
        order = fit_order(with_confidence([row for row in answers if row["case"] != case], line))
        orders[case] = order
        own = with_confidence([row for row in answers if row["case"] == case], line)
        held[case] = Held(
            tuple((row["raw"], line(row["raw"]), row["right"]) for row in faults if row["case"] == case),
            tuple((row["fault_raw"] * row["rule_confidence"], order(row), row["helped"], row["patch"]) for row in own),
        )
    return held, orders


def measures(held: Mapping[str, Held]) -> dict[str, dict[str, float]]:
    """Before and after: how right confidences are, and how soon the first patch that helps is tried."""
    faults = [fault for one in held.values() for fault in one.faults]
    answers = [answer for one in held.values() for answer in one.answers]
    result: dict[str, dict[str, float]] = {}
    for place, name in enumerate(("before", "after")):
        said = [fault[place] for fault in faults]
        right = [fault[2] for fault in faults]
        support = [answer[place] for answer in answers]
        helped = [answer[2] for answer in answers]
        ranks = [rank for one in held.values() if (rank := _first_that_helps(one, place)) is not None]
        result[name] = {
            "fault_brier": round(float(brier_score_loss(right, said)), 4),
            "fault_calibration_error": round(_calibration_error(said, right), 4),
            "fault_auc": round(float(roc_auc_score(right, said)), 4),
            "patch_brier": round(float(brier_score_loss(helped, support)), 4),
            "patch_calibration_error": round(_calibration_error(support, helped), 4),
            "patch_auc": round(float(roc_auc_score(helped, support)), 4),
            "mean_place_of_first_patch_that_helps": round(float(np.mean(ranks)), 3),
            "first_patch_helps": round(float(np.mean([rank == 1 for rank in ranks])), 4),
        }
    return result


def _first_that_helps(one: Held, place: int) -> int | None:
    """Place, from 1, of the first patch that helps in the order of support; None where none does."""
    best: dict[str, tuple[float, bool]] = {}
    for answer in one.answers:
        known = best.get(answer[3])
        if known is None or answer[place] > known[0]:
            best[answer[3]] = (answer[place], answer[2])
    ordered = sorted(best.values(), key=lambda item: -item[0])
    return next((rank for rank, (_, helped) in enumerate(ordered, start=1) if helped), None)


def _calibration_error(said: Sequence[float], truth: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: mean difference of what was said and what was true, over bins of equal width."""
    places = np.minimum((np.array(said) * bins).astype(int), bins - 1)
    errors = [
        abs(np.mean(np.array(said)[places == one]) - np.mean(np.array(truth)[places == one])) * np.mean(places == one)
        for one in np.unique(places)
    ]
    return float(np.sum(errors))
