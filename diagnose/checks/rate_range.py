"""The learning rate against what a range test of the same training shows."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..findings import Symptom
from ..measures import updates_made
from .registry import check
from .subject import Subject

#: Below a hundredth of the best rate there is room to raise it tenfold; three healthy programs in four lie above that.
ROOM = 100.0
#: Share of the way to the lowest loss of the range test.
TRAVELLED = 0.5


@check("rate-beyond-range", requires=("range test", "learning rate"))
def rate_beyond_range(subject: Subject) -> Iterator[Symptom]:
    """The learning rate lies where a range test no longer learns.

    Symptom: The rate is above the one at which the loss was lowest in a range test.
    Why: Beyond that rate each step undoes more than it gains; the loss rises, or stays high.
    Threshold and its source: The highest rate that still learns; Smith 2017 (arXiv:1506.01186) trains below it. Of 34
        healthy programs none trains above 0.15 of it.
    When not: Fits without a range test; it is only made when in doubt.
    """
    shown, rate = subject.rate_range, subject.fit.compile.optimizer.learning_rate
    if shown is None or rate is None or rate <= shown.best:
        return
    yield Symptom(
        "rate-beyond-range",
        f"In a test of rising learning rates the loss was lowest at {shown.best:.2g}; this one is {rate:g}.",
        value=rate,
        threshold=shown.best,
        strength=min(1.0, 0.7 + 0.15 * math.log10(rate / shown.best)),
        details={"best_rate": shown.best},
    )


@check("rate-below-range", requires=("range test", "learning rate"))
def rate_below_range(subject: Subject) -> Iterator[Symptom]:
    """The learning rate is so small that all steps together do not get as far as a short range test.

    Symptom: The rate is below a hundredth of the best one of a range test, and rate times updates below half of what
        the test needed to get to its lowest loss.
    Why: As long as steps are small, progress depends on the sum of the rates. This training ends before it gets where
        a hundred steps at rising rates have been.
    Threshold and its source: Half of the way, our choice: of 34 healthy programs none goes less than the whole of it.
        Smith 2017 for the range test.
    When not: Fits without a range test; rates that many updates make up for.
    """
    shown, rate = subject.rate_range, subject.fit.compile.optimizer.learning_rate
    steps = updates_made(subject.fit)
    if shown is None or not rate or not steps or rate * ROOM >= shown.best:
        return
    way = rate * steps / shown.time
    if way < TRAVELLED:
        yield Symptom(
            "rate-below-range",
            f"In a test of rising learning rates the loss was lowest at {shown.best:.2g}; {steps} steps at {rate:g} go "
            f"{way:.1%} of the way there.",
            value=rate,
            threshold=shown.best / ROOM,
            strength=min(1.0, 0.7 + 0.15 * math.log10(TRAVELLED / max(way, 1e-12))),
            details={"best_rate": shown.best, "way": way},
        )
