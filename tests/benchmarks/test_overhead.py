"""Estimates of the overhead."""

import numpy as np
import pytest

from benchmarks.overhead.estimates import WARM_UP, trimmed_ratio, whole_ratio

GENERATOR = np.random.default_rng(4)
PLAIN = list(GENERATOR.normal(1.0, 0.05, 60))


def test_a_constant_cost_is_found() -> None:
    probed = [1.04 * seconds for seconds in PLAIN]
    assert trimmed_ratio([(PLAIN, probed)]) == pytest.approx(whole_ratio([(PLAIN, probed)]), abs=1e-3)


def test_bursts_on_either_side_do_not_count() -> None:
    plain, probed = list(PLAIN), [1.02 * seconds for seconds in PLAIN]
    plain[10] += 5
    probed[20] += 4
    probed[40] += 6
    assert whole_ratio([(plain, probed)]) > 1.07
    assert trimmed_ratio([(plain, probed)]) == pytest.approx(1.02, abs=0.006)


def test_tracing_counts_in_full() -> None:
    probed = list(PLAIN)
    probed[WARM_UP - 1] += 6
    assert trimmed_ratio([(PLAIN, probed)]) == pytest.approx(1.1, abs=1e-2)


def test_a_cost_in_every_third_epoch_counts() -> None:
    probed = [seconds + (0.3 if place % 3 == 0 else 0) for place, seconds in enumerate(PLAIN)]
    assert trimmed_ratio([(PLAIN, probed)]) == pytest.approx(1.1, abs=0.02)


def test_the_start_of_each_training_counts_in_full() -> None:
    probed = list(PLAIN)
    probed[0] += 3
    assert trimmed_ratio([(PLAIN, probed), (PLAIN, PLAIN)]) == pytest.approx(1 + 3 / (2 * sum(PLAIN)), abs=1e-6)


def test_a_slow_half_of_a_machine_evens_out_when_trainings_take_turns() -> None:
    slower = [1.1 * seconds for seconds in PLAIN]
    assert trimmed_ratio([(PLAIN, slower), (slower, PLAIN)]) == pytest.approx(1, abs=1e-6)
