"""Ranges of tensors."""

from __future__ import annotations

import math

import numpy as np
from dlfix.diagnose.replay.values import range_of


def test_only_finite_entries_count() -> None:
    span = range_of(np.array([[1.0, -3.0], [np.nan, np.inf]], dtype="float32"))
    assert (span.minimum, span.maximum, span.mean) == (-3.0, 1.0, -1.0)
    assert (span.nan, span.infinite, span.nonfinite, span.size) == (1, 1, 2, 4)
    assert span.magnitude == 3.0
    assert str(span) == "-3 … 1, 1 NaN and 1 infinite of 4"


def test_nothing_finite_and_nothing_at_all() -> None:
    assert str(range_of(np.array([np.nan]))) == "no finite entry, 1 NaN of 1"
    assert math.isnan(range_of(np.array([np.inf])).magnitude)
    assert str(range_of(np.zeros((0, 3)))) == "empty"


def test_means_of_huge_numbers_do_not_overflow() -> None:
    assert np.isfinite(range_of(np.full(100, 3e38, dtype="float32")).mean)
    assert range_of(np.array([True, False])).mean == 0.5
