"""Steps judged by what they do to the loss of their own batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import firing, run, silent
from dlfix.diagnose.checks.step_gain import rate_factor
from dlfix.diagnose.trace import FitTrace
from traces import fit_trace, statistics

STUCK = {"skill": 0.0, "metric": "accuracy", "score": 0.5, "trivial": 0.5, "split": "training"}
STEPS = tuple(range(12))


def steps(change: float, predicted: float, learned: bool = False, before: float = 0.7) -> FitTrace:
    """A run in which every step changes its batch's loss by ``change``, where its gradient promised ``predicted``."""
    series = {"loss_before": before, "loss_after": before + change, "predicted_change": predicted}
    fit = fit_trace(statistics=statistics(3, STEPS, loss=[0.7] * 12, series=series))
    return fit if learned else replace(fit, evaluation=STUCK, epoch_metrics={"loss": (0.7,) * 6})


def downhill(slope: float, curvature: float, rate: float, start: float = 1.0) -> FitTrace:
    """Gradient descent on a parabola, stepped through for real."""
    place, before, after, predicted = start, [], [], []
    for _ in STEPS:
        gradient = slope + curvature * place
        moved = place - rate * gradient
        values = [slope * point + curvature * point**2 / 2 for point in (place, moved)]
        before.append(values[0])
        after.append(values[1])
        predicted.append(-rate * gradient**2)
        place = moved
    series = {"loss_before": before, "loss_after": after, "predicted_change": predicted}
    fit = fit_trace(statistics=statistics(3, STEPS, loss=[0.7] * 12, series=series))
    return replace(fit, evaluation=STUCK, epoch_metrics={"loss": (0.7,) * 6})


def jumps(*factors: float) -> FitTrace:
    """A run in which all steps gain but the first few, which multiply the loss of their batch."""
    after = [0.7 * factor for factor in factors] + [0.6] * (12 - len(factors))
    series = {"loss_before": 0.7, "loss_after": after, "predicted_change": -0.2}
    return fit_trace(statistics=statistics(3, STEPS, loss=[0.7] * 12, series=series))


TABLE = [
    (
        "overshooting-steps",
        [steps(0.3, -0.2), downhill(0.0, 1.0, 2.2), jumps(5.0, 7.0)],
        [
            steps(-0.1, -0.2),
            steps(1e-6, -1e-6),
            downhill(0.0, 1.0, 1.0),
            downhill(0.0, 1.0, 1.8),
            jumps(5.0),  # one alone
            jumps(1.6, 1.5, 1.4),
        ],
    ),
    (
        "timid-steps",
        [steps(-1e-5, -1e-5), downhill(0.0, 1.0, 1e-4)],
        [steps(-0.1, -0.2), steps(-1e-5, -1e-5, learned=True), downhill(0.0, 1.0, 0.5), steps(-0.1, -0.1)],
    ),
    (
        "batch-chasing-steps",
        [steps(-0.5, -0.7)],
        [steps(-0.05, -0.1), steps(-0.5, -0.7, learned=True)],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def test_the_rate_that_a_parabola_asks_for() -> None:
    """One step of the proposed length from any place reaches the minimum."""
    for curvature, rate in ((1.0, 0.3), (4.0, 0.7), (0.5, 3.9)):
        before, gradient = curvature / 2, curvature
        after = curvature * (1 - rate * curvature) ** 2 / 2
        ratio = (after - before) / (-rate * gradient**2)
        assert rate * rate_factor(ratio) == pytest.approx(1 / curvature)


def test_steps_that_were_not_measured_say_nothing() -> None:
    fit = steps(0.3, -0.2)
    unknown = replace(fit.statistics, loss_after=np.full(12, np.nan))
    assert not {"overshooting-steps", "timid-steps"} & set(run(replace(fit, statistics=unknown)))
