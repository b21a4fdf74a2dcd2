import itertools
import math
from collections.abc import Callable

import pytest
from dlfix.diagnose.probe.schedule import (
    FREE_SAMPLES,
    FREE_SECONDS,
    CostAccount,
    Course,
    LossReader,
    SamplingSchedule,
    TypicalStep,
    share_spent,
)


def simulate(
    account: CostAccount,
    steps: int,
    per_epoch: int,
    costs: tuple[float, float],
    signal: Callable[[int], float] = lambda step: 1.0,
) -> list[int]:
    """Steps that are sampled; ``costs`` are seconds of a step and of a sample."""
    schedule = SamplingSchedule(account)
    taken: list[int] = []
    for step in range(steps):
        if step % per_epoch == 0:
            schedule.begin_epoch(step // per_epoch)
        if schedule.due(step):
            taken.append(step)
            account.book("observing", costs[1])
            schedule.taken(step, (signal(step),))
            if schedule.thin():
                del taken[1::2]
        account.training_seconds += costs[0]
    return taken


def test_dense_first_then_sparse() -> None:
    taken = simulate(CostAccount(), 10_000, 10_000, (1.0, 0.0))
    assert taken[:5] == [0, 1, 2, 3, 4]
    gaps = [b - a for a, b in itertools.pairwise(taken)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 1000
    assert len(taken) < 60


def test_dense_where_training_changes() -> None:
    def falls_late(step: int) -> float:
        return 1.0 if step < 5000 else math.exp(-(step - 5000) / 200)

    calm = simulate(CostAccount(), 7000, 10_000, (1.0, 0.0))
    moved = simulate(CostAccount(), 7000, 10_000, (1.0, 0.0), falls_late)
    assert [s for s in moved if s < 5000] == [s for s in calm if s < 5000]
    assert sum(s > 5000 for s in moved) >= 2 * sum(s > 5000 for s in calm)


def test_a_loss_that_leaves_its_course_is_looked_at() -> None:
    course = Course()
    values = [1.0 + 0.1 * math.sin(step) for step in range(200)]
    assert not any(course.left(value) for value in values)
    assert course.left(3.0)
    schedule = SamplingSchedule(CostAccount(training_seconds=1e3), samples=20, next_step=900)
    schedule.begin_epoch(0)
    schedule.taken(200)
    assert not schedule.due(210)
    schedule.hurry(210)
    assert schedule.due(210)


def test_first_step_of_each_epoch() -> None:
    taken = simulate(CostAccount(), 1000, 100, (1.0, 0.0))
    assert set(range(0, 1000, 100)) <= set(taken)


def test_number_of_samples_is_bounded() -> None:
    taken = simulate(CostAccount(), 20_000, 4, (1.0, 0.0))
    assert len(taken) <= 400
    assert taken[0] == 0
    assert taken[-1] > 18_000


@pytest.mark.parametrize("sample_cost", [0.01, 1.0])
@pytest.mark.parametrize("budget", [0.01, 0.03, 0.2])
def test_time_stays_in_the_budget(budget: float, sample_cost: float) -> None:
    account = CostAccount(budget)
    taken = simulate(account, 5000, 10, (0.01, sample_cost), signal=lambda step: 2.0 ** (step % 2))
    allowed = max(FREE_SECONDS, budget * account.training_seconds) + sample_cost
    assert account.recurring <= max(allowed, FREE_SAMPLES * sample_cost)
    assert len(taken) >= FREE_SAMPLES


def test_tracing_is_paid_back() -> None:
    """A long training keeps the budget with tracing counted; a short one is seen although tracing cost more."""
    account = CostAccount(0.03)
    account.book("tracing", 2.0)
    assert len(simulate(account, 300, 300, (0.01, 0.005))) >= 15
    account = CostAccount(0.03)
    account.book("tracing", 2.0)
    simulate(account, 40_000, 10, (0.01, 0.05), signal=lambda step: 2.0 ** (step % 2))
    assert share_spent(account.spent, account.training_seconds + sum(account.spent.values())) <= 0.0302


def test_tracing_waits_for_a_training_that_is_worth_it() -> None:
    account = CostAccount(0.03)
    assert account.may_trace(2.0, 0.0)
    assert not account.may_trace(30.0, 100.0)
    assert account.may_trace(30.0, 1000.0)


def test_on_a_busy_machine_a_short_training_is_seen_as_well() -> None:
    """Steps and samples take five times as long by the clock; the first step tells."""
    rest, busy = CostAccount(), CostAccount()
    busy.measure_slowdown(seconds=5.0, worked=1.0)
    assert busy.slowdown == 5.0
    noisy = {"signal": lambda step: 2.0 ** (step % 2)}
    assert simulate(rest, 300, 300, (0.001, 0.01), **noisy) == simulate(busy, 300, 300, (0.005, 0.05), **noisy)
    busy.measure_slowdown(seconds=0.9, worked=1.0)  # several threads worked
    assert busy.slowdown == 1.0


def test_what_a_watched_step_takes_more() -> None:
    typical = TypicalStep()
    assert typical.excess(1.0) == 0.0
    for seconds in (0.01, 0.01, 5.0, 0.01):  # one hiccup of the machine
        typical.add(seconds)
    assert 0.01 < typical.seconds < 0.015
    assert typical.excess(0.05) == pytest.approx(0.05 - typical.seconds)


def test_forced_samples_ignore_the_budget() -> None:
    schedule = SamplingSchedule(CostAccount(spent={"observing": 1e6}), samples=50, next_step=1000)
    schedule.begin_epoch(0)
    assert not schedule.due(7)
    schedule.force(2)
    assert schedule.due(7)
    schedule.taken(7)
    assert schedule.due(8)
    schedule.taken(8)
    assert not schedule.due(9)


def test_losses_from_a_running_mean() -> None:
    reader = LossReader()
    losses, sizes = [0.9, 0.5, 0.7, 0.1], [32, 32, 32, 4]
    for epoch in range(2):
        total = count = 0.0
        reader.restart()
        for i, (loss, size) in enumerate(zip(losses, sizes, strict=True)):
            total, count = total + loss * size, count + size
            assert reader.read(epoch * 4 + i, total, count) == pytest.approx(loss)
    assert reader.steps == list(range(8))


def test_a_reset_that_nobody_announced() -> None:
    reader = LossReader()
    reader.read(0, 64.0, 64.0)
    assert reader.read(9, 16.0, 32.0) == pytest.approx(0.5)


def test_window_means_keep_the_mean() -> None:
    reader = LossReader(max_points=10)
    total = 0.0
    for step in range(16):
        total += step
        reader.read(step, total, step + 1.0)
    assert len(reader.steps) <= 10
    assert reader.steps[-1] == 15
    assert reader.values[-1] == pytest.approx(14.5)  # the mean of steps 14 and 15
    assert reader.values[0] < reader.values[-1]


def test_a_nonfinite_loss_shows() -> None:
    reader = LossReader()
    reader.read(0, 1.0, 1.0)
    assert math.isnan(reader.read(1, math.nan, 2.0))


def test_reading_becomes_sparse_when_it_costs_too_much() -> None:
    reader, account = LossReader(dense_steps=10), CostAccount()
    assert reader.due(9, account)
    account.book("reading", 10.0)
    account.training_seconds = 1.0
    assert not reader.due(11, account)
    account.training_seconds = 1e6
    assert reader.due(11, account)
