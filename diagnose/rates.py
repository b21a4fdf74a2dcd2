"""What a learning-rate range test says about a training: which rates learn, which blow up, how far it would get.

A range test (Smith 2017) trains a few steps at ever larger rates. As long as steps are small, progress depends on the
sum of the rates, the time of the gradient flow that they follow (for SGD exactly in the limit; Adam moves by about the
rate each step, so the same holds for the way it goes). That makes a short test comparable with a long training at a
small rate: what the test learns up to a step, the training learns in as many steps as its own rates need for the same
sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .trace import RangeTest

#: Range and length: nine decades hold every rate in use, fifteen steps in each average out some of the batches' noise.
LOWEST, HIGHEST = 1e-7, 100.0
STEPS_PER_DECADE = 15
STEPS = 9 * STEPS_PER_DECADE
#: Centred mean over half a decade.
_WINDOW = 7
#: The loss must fall by this many standard errors of the first decade's mean before it counts as learning.
_STANDARD_ERRORS = 4.0
_LEAST_FALL = 0.01
#: A loss within this share of the whole fall is about as low as the lowest: batches scatter at least that much.
_ABOUT = 0.1


@dataclass(frozen=True)
class RateRange:
    """What a range test shows.

    Attributes:
        best: Highest rate up to which the smoothed loss is about as low as it gets; beyond it the loss rises.
        blows_up: Rate from which on the loss is above where it began; None if none was.
        time: Sum of all rates up to the first one at which the loss is about as low as it gets.
        fall: Share of the first loss that was gone at the lowest.
    """

    best: float
    blows_up: float | None
    time: float
    fall: float


def rate_range(test: RangeTest) -> RateRange | None:
    """Read a range test; None if the loss never fell at any rate, or there are too few steps to say."""
    rates, losses = np.asarray(test.rates, dtype=float), np.asarray(test.losses, dtype=float)
    finite = np.isfinite(losses)
    length = len(losses) if finite.all() else int(np.argmin(finite))
    if length < 2 * STEPS_PER_DECADE:
        return None
    smooth = _smoothed(losses[:length])
    head = losses[:STEPS_PER_DECADE]
    start, error = float(head.mean()), float(head.std() / math.sqrt(len(head)))
    lowest = int(smooth.argmin())
    needed = max(_STANDARD_ERRORS * error, _LEAST_FALL * abs(start))
    if start - smooth[lowest] < needed or lowest == 0:
        return None
    low = smooth <= smooth[lowest] + _ABOUT * (start - smooth[lowest])
    first, last = int(low.argmax()), lowest + int(np.append(~low[lowest:], True).argmax()) - 1
    above = np.flatnonzero(smooth[lowest:] > start + needed)
    blows_up: float | None
    if above.size:
        blows_up = float(rates[lowest + int(above[0])])
    else:
        blows_up = float(rates[length]) if length < len(rates) else None
    return RateRange(
        best=float(rates[last]),
        blows_up=blows_up,
        time=float(rates[: first + 1].sum()),
        fall=float((start - smooth[lowest]) / max(abs(start), 1e-12)),
    )


def _smoothed(losses: np.ndarray) -> np.ndarray:
    """Centred moving mean; narrower at the ends, so that every value has one."""
    half = _WINDOW // 2
    total = np.concatenate([[0.0], np.cumsum(losses)])
    index = np.arange(len(losses))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(losses))
    smooth: np.ndarray = (total[high] - total[low]) / (high - low)
    return smooth
