"""How much speaks for a rule's patch: the confidences in fault and rule, and measured outcomes.

Without outcomes the two confidences are multiplied, the fault's as its evidence adds up (``Fault.raw_confidence``),
which tells faults apart where probabilities are all but 1. With outcomes, an offset per rule is added to the log-odds
of that product. The offsets are fitted so that of two patches for the same program the one that gained more is tried
first, with a ridge penalty, so that a rule that was hardly ever tried keeps what its author believed.
``python -m benchmarks.calibration`` fits them and says how they do on programs that they were not fitted on. Only where
they do better there are they written next to this file; without them, the order is that of the product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

from ..diagnose.confidence import log_odds, probability

#: From here on an offset only says always or never: odds of e to the hundredth.
MOST_OFFSET = 100
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
    """The order without outcomes: the product of both confidences. No rule has an offset."""

    offsets: ClassVar[Mapping[str, float]] = {}

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
        return RuleOrder({rule: _offset(rule, value) for rule, value in data["offsets"].items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file} is no order of rules ({type(error).__name__}: {error})") from None


def _offset(rule: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST_OFFSET:
        raise ValueError(f"the offset of {rule!r} is {value!r}, no number from -{MOST_OFFSET} to {MOST_OFFSET}")
    return float(value)
