"""What two series of epochs, one under the probe, say about its cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Epochs at the start that hold tracing and warming up; they count for the whole, not for what a typical epoch costs.
WARM_UP = 3
#: Share of the pairs of epochs that is left out on either side.
TRIMMED = 0.1


def whole_ratio(plain: Sequence[float], probed: Sequence[float]) -> float:
    """All epochs of the one over all of the other."""
    return sum(probed) / sum(plain)


def trimmed_ratio(plain: Sequence[float], probed: Sequence[float]) -> float:
    """The same without the bursts of other work that fall into one epoch of a pair and not into the other.

    Of the differences between the epochs of a pair, the largest and the smallest tenth count like the others on average
    (a trimmed mean: Tukey 1962, The future of data analysis). The first epochs, with their tracing, count in full.
    """
    differences = np.sort(np.subtract(probed[WARM_UP:], plain[WARM_UP:]))
    cut = int(TRIMMED * len(differences))
    usual = float(np.mean(differences[cut : len(differences) - cut])) if len(differences) else 0.0
    started = sum(probed[:WARM_UP]) - sum(plain[:WARM_UP])
    return 1 + (started + usual * len(differences)) / sum(plain)
