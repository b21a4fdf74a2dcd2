"""What pairs of series of epochs, one of each pair under the probe, say about its cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Epochs at the start that hold tracing and warming up; they count for the whole, not for what a typical epoch costs.
WARM_UP = 3
#: Share of the pairs of epochs that is left out on either side.
TRIMMED = 0.1

#: Seconds of the epochs of one training without the probe and of the same under it.
Pair = tuple[Sequence[float], Sequence[float]]


def whole_ratio(pairs: Sequence[Pair]) -> float:
    """All epochs under the probe over all without."""
    return sum(sum(probed) for _, probed in pairs) / sum(sum(plain) for plain, _ in pairs)


def trimmed_ratio(pairs: Sequence[Pair]) -> float:
    """The same without the bursts of other work that fall into one epoch of a pair and not into the other.

    Of the differences between the epochs that were run in turn, the largest and the smallest tenth count like the
    others on average (a trimmed mean: Tukey 1962, The future of data analysis). The first epochs of each training, with
    their tracing, count in full.
    """
    differences = np.sort(np.concatenate([np.subtract(probed[WARM_UP:], plain[WARM_UP:]) for plain, probed in pairs]))
    cut = int(TRIMMED * len(differences))
    usual = float(np.mean(differences[cut : len(differences) - cut])) if len(differences) else 0.0
    started = sum(sum(probed[:WARM_UP]) - sum(plain[:WARM_UP]) for plain, probed in pairs)
    return 1 + (started + usual * len(differences)) / sum(sum(plain) for plain, _ in pairs)
