"""Reading a range test of learning rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dlfix.diagnose.probe.range_test import Ramp, rates_between
from dlfix.diagnose.rates import HIGHEST, LOWEST, STEPS, rate_range
from dlfix.diagnose.trace import RangeTest


def descent(curvature: float, noise: float = 0.0, seed: int = 0) -> RangeTest:
    """Gradient descent on a parabola at rising rates: it diverges beyond 2 / curvature, visibly some steps later."""
    generator = np.random.default_rng(seed)
    ramp = Ramp(rates_between(LOWEST, HIGHEST, STEPS))
    place = 1.0
    while not ramp.ended:
        ramp.losses.append(curvature * place**2 / 2 + 1.0 + noise * generator.normal())
        place *= 1 - ramp.rates[len(ramp.losses) - 1] * curvature
    return RangeTest(np.asarray(ramp.rates[: len(ramp.losses)]), np.asarray(ramp.losses))


@pytest.mark.parametrize("curvature", [0.5, 10.0, 1000.0])
def test_the_range_scales_with_the_curvature(curvature: float) -> None:
    found = rate_range(descent(curvature))
    assert found is not None
    assert 1 < found.best * curvature < 20
    assert found.blows_up is not None
    assert found.best < found.blows_up < 30 / curvature
    assert 0.5 < found.time * curvature < 5


def test_noise_of_the_batches_hardly_moves_it() -> None:
    found = [rate_range(descent(10.0, noise=0.3, seed=seed)) for seed in range(8)]
    assert all(one is not None and 0.1 < one.best < 2 for one in found)


def test_a_loss_that_never_falls_shows_nothing() -> None:
    generator = np.random.default_rng(0)
    rates = np.asarray(rates_between(LOWEST, HIGHEST, STEPS))
    assert rate_range(RangeTest(rates, np.full(STEPS, 0.7))) is None
    assert rate_range(RangeTest(rates, 0.7 + 0.1 * generator.normal(size=STEPS))) is None
    assert rate_range(RangeTest(rates, np.linspace(1.0, 2.0, STEPS))) is None


def test_too_few_steps_show_nothing() -> None:
    rates = np.asarray(rates_between(LOWEST, HIGHEST, STEPS))
    losses = np.linspace(1.0, 0.1, STEPS)
    losses[20:] = math.nan
    assert rate_range(RangeTest(rates, losses)) is None


def test_a_loss_that_is_no_number_ends_the_range() -> None:
    test = descent(10.0)
    losses = test.losses.copy()
    losses[-1] = math.inf
    found = rate_range(RangeTest(test.rates, losses))
    assert found is not None
    assert found.blows_up is not None
    assert found.blows_up <= test.rates[-1]


def test_a_ramp_ends_where_the_loss_blew_up_and_not_at_one_bad_batch() -> None:
    ramp = Ramp(rates_between(1e-3, 1.0, 100), [1.0, 0.5, 0.4, 90.0])
    assert not ramp.ended
    ramp.losses += [80.0, 85.0]
    assert ramp.ended
    assert Ramp([0.1], [0.3]).ended
    assert Ramp([0.1, 0.2], [math.nan]).ended
    assert not Ramp([0.1], []).ended
