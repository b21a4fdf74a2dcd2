"""How much speaks for a rule's patch: the confidences in fault and rule, and measured outcomes.

Without outcomes the two confidences are multiplied. With them, an offset per rule is added to the log-odds of that
product. The offsets are fitted so that of two patches for the same program the one that gained more is tried first,
with a ridge penalty, so that a rule that was hardly ever tried keeps what its author believed.
``python -m benchmarks.calibration`` fits them and says how they do on programs that they were not fitted on; they are
data, next to this file.
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
    """The order with outcomes.

    Attributes:
        offsets: Rule id -> what is added to the log-odds of the product; a rule that is not in it has none.
    """

    offsets: Mapping[str, float] = field(default_factory=dict)

    def support(self, fault_confidence: float, rule_confidence: float, rule: str) -> float:
        """What speaks for the rule's answer to this fault, 0..1."""
        return probability(log_odds(fault_confidence * rule_confidence) + self.offsets.get(rule, 0.0))


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
        order = RuleOrder({str(rule): float(offset) for rule, offset in data["offsets"].items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file} is no order of rules ({type(error).__name__}: {error})") from None
    if not all(map(math.isfinite, order.offsets.values())):
        raise ValueError(f"{file} is no order of rules (an offset is not finite)")
    return order
