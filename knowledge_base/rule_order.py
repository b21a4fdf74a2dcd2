"""How probable it is that a rule's patch helps, from the confidences in fault and rule and from measured outcomes.

Without outcomes the two confidences are multiplied. With them, a logistic model takes their place: the log-odds of
"this patch gains skill" are a weighted sum of the log-odds of the two confidences and of an offset per rule, fitted
with a ridge penalty on what trials of the benchmark's programs showed, so that a rule that was hardly ever tried keeps
what its author believed. ``python -m benchmarks.calibration`` fits it and says how it does on programs that it was not
fitted on; the coefficients are data, next to this file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..diagnose.confidence import log_odds, probability

_FILE = Path(__file__).with_name("rule_order.json")


@dataclass(frozen=True)
class RuleOrder:
    """Coefficients of the logistic model.

    Attributes:
        intercept: Log-odds where both confidences are even.
        fault_weight, rule_weight: What the log-odds of the confidences count for; neither is negative.
        offsets: Rule id -> added log-odds; a rule that is not in it has none.
    """

    intercept: float
    fault_weight: float
    rule_weight: float
    offsets: Mapping[str, float] = field(default_factory=dict)

    def support(self, fault_confidence: float, rule_confidence: float, rule: str) -> float:
        """The probability, 0..1, that the rule's answer to this fault helps."""
        return probability(
            self.intercept
            + self.fault_weight * log_odds(fault_confidence)
            + self.rule_weight * log_odds(rule_confidence)
            + self.offsets.get(rule, 0.0)
        )


@dataclass(frozen=True)
class Uncalibrated:
    """The order without outcomes: the product of both confidences."""

    def support(self, fault_confidence: float, rule_confidence: float, rule: str) -> float:
        """The product; ``rule`` makes no difference."""
        return fault_confidence * rule_confidence


def load_rule_order(file: Path | None = None) -> RuleOrder | Uncalibrated:
    """The fitted model in ``file``; by default the shipped one.

    Raises:
        ValueError: The file is missing or not what ``python -m benchmarks.calibration`` writes.
    """
    return _shipped() if file is None else _read(file)


@cache
def _shipped() -> RuleOrder | Uncalibrated:
    return _read(_FILE) if _FILE.exists() else Uncalibrated()


def _read(file: Path) -> RuleOrder:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        order = RuleOrder(
            float(data["intercept"]),
            float(data["fault_weight"]),
            float(data["rule_weight"]),
            {str(rule): float(offset) for rule, offset in data["offsets"].items()},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file} is no order of rules ({type(error).__name__}: {error})") from None
    numbers = (order.intercept, order.fault_weight, order.rule_weight, *order.offsets.values())
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{file} is no order of rules (a coefficient is not finite)")
    return order
