import itertools
import math

import pytest
from dlfix.diagnose.probe.schedule import FREE_SAMPLES, FREE_SECONDS, LossReader, SamplingSchedule


def simulate(schedule: SamplingSchedule, steps: int, per_epoch: int, step_cost: float, sample_cost: float) -> list[int]:
    taken: list[int] = []
    for step in range(steps):
        if step % per_epoch == 0:
            schedule.begin_epoch(step // per_epoch)
        if schedule.due(step):
            taken.append(step)
            schedule.taken(step, sample_cost)
            if schedule.thin():
                del taken[1::2]
        schedule.training_seconds += step_cost
    return taken


def test_dense_first_then_sparse() -> None:
    taken = simulate(SamplingSchedule(), 10_000, 10_000, 1.0, 0.0)
    assert taken[:5] == [0, 1, 2, 3, 4]
    gaps = [b - a for a, b in itertools.pairwise(taken)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 1000
    assert len(taken) < 60


def test_first_step_of_each_epoch() -> None:
    taken = simulate(SamplingSchedule(), 1000, 100, 1.0, 0.0)
    assert set(range(0, 1000, 100)) <= set(taken)


def test_number_of_samples_is_bounded() -> None:
    taken = simulate(SamplingSchedule(), 20_000, 4, 1.0, 0.0)
    assert len(taken) <= 400
    assert taken[0] == 0
    assert taken[-1] > 18_000


@pytest.mark.parametrize("sample_cost", [0.01, 1.0])
def test_time_stays_in_the_budget(sample_cost: float) -> None:
    schedule = SamplingSchedule(budget=0.03)
    simulate(schedule, 5000, 10, 0.01, sample_cost)
    allowed = FREE_SECONDS + 0.03 * schedule.training_seconds + sample_cost
    assert schedule.observing_seconds <= max(allowed, FREE_SAMPLES * sample_cost)
    assert schedule.samples >= FREE_SAMPLES


def test_forced_samples_ignore_the_budget() -> None:
    schedule = SamplingSchedule(observing_seconds=1e6, samples=50, next_step=1000)
    schedule.begin_epoch(0)
    assert not schedule.due(7)
    schedule.force(2)
    assert schedule.due(7)
    schedule.taken(7, 0.1)
    assert schedule.due(8)
    schedule.taken(8, 0.1)
    assert not schedule.due(9)


def test_losses_from_a_running_mean() -> None:
    reader = LossReader()
    losses, sizes = [0.9, 0.5, 0.7, 0.1], [32, 32, 32, 4]
    for epoch in range(2):
        total = count = 0.0
        reader.restart()
        for i, (loss, size) in enumerate(zip(losses, sizes, strict=True)):
            total, count = total + loss * size, count + size
            assert reader.read(epoch * 4 + i, total, count, 0.0) == pytest.approx(loss)
    assert reader.steps == list(range(8))


def test_a_reset_that_nobody_announced() -> None:
    reader = LossReader()
    reader.read(0, 64.0, 64.0, 0.0)
    assert reader.read(9, 16.0, 32.0, 0.0) == pytest.approx(0.5)


def test_window_means_keep_the_mean() -> None:
    reader = LossReader(max_points=10)
    total = 0.0
    for step in range(16):
        total += step
        reader.read(step, total, step + 1.0, 0.0)
    assert len(reader.steps) <= 10
    assert reader.steps[-1] == 15
    assert reader.values[-1] == pytest.approx(14.5)  # the mean of steps 14 and 15
    assert reader.values[0] < reader.values[-1]


def test_a_nonfinite_loss_shows() -> None:
    reader = LossReader()
    reader.read(0, 1.0, 1.0, 0.0)
    assert math.isnan(reader.read(1, math.nan, 2.0, 0.0))


def test_reading_becomes_sparse_when_it_costs_too_much() -> None:
    reader = LossReader(dense_steps=10)
    assert reader.due(9, 0.0)
    reader.reading_seconds = 10.0
    assert not reader.due(11, 1.0)
    assert reader.due(11, 1e6)
