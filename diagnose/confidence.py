"""From a raw confidence, as evidence adds up, to a probability: how often a fault said with it is right.

The raw numbers are judgements combined by noisy-or. A straight line through their log-odds (Platt 1999) maps them to
the frequencies that were measured on programs with planted faults; it keeps their order.
``python -m benchmarks.injected fit`` fits the line to some families of programs and says how it does on others. Only if
it does better on families left out are its two numbers written next to this file; without them, raw confidences are
used as they are.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

#: Confidences are kept this far from 0 and 1, where log-odds have no end.
EDGE = 0.005
#: What a fault is said with at least and at most: it was seldom, not never, and often, not always, right.
LEAST_SAID, MOST_SAID = 0.01, 0.99
_FILE = Path(__file__).with_name("confidence.json")


def log_odds(confidence: float) -> float:
    """Natural logarithm of the odds.

    >>> log_odds(0.5)
    0.0
    """
    inside = min(max(confidence, EDGE), 1 - EDGE)
    return math.log(inside / (1 - inside))


def probability(odds: float) -> float:
    """The inverse of :func:`log_odds`, without overflow."""
    if odds >= 0:
        return 1 / (1 + math.exp(-odds))
    power = math.exp(odds)
    return power / (1 + power)


def calibrated(raw: float) -> float:
    """The measured frequency with which faults of this raw confidence are right."""
    intercept, slope = _line()
    return probability(intercept + slope * log_odds(raw))


def said(raw: float) -> float:
    """The confidence that a fault is reported with, between one and 99 in a hundred."""
    return round(min(max(calibrated(raw), LEAST_SAID), MOST_SAID), 4)


@cache
def _line() -> tuple[float, float]:
    if not _FILE.exists():
        return 0.0, 1.0
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    return float(data["intercept"]), float(data["slope"])
