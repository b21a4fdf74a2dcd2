"""Numbers taken from a trace that several checks share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import traces
from dlfix.diagnose.measures import repeated_rows, step_gains, steps_per_epoch, updates_made
from dlfix.diagnose.trace import DataSample


def test_updates_count_epochs_that_were_finished_though_sampling_ended_before():
    fit = traces.fit_trace()
    per_epoch, epochs = steps_per_epoch(fit), len(fit.epoch_metrics["loss"])
    early = replace(fit.statistics, loss_steps=fit.statistics.loss_steps[:2], loss=fit.statistics.loss[:2])
    assert per_epoch is not None
    assert updates_made(replace(fit, statistics=early)) == per_epoch * epochs > 2


def test_updates_of_an_epoch_that_was_cut_short_are_those_seen():
    fit = traces.fit_trace()
    assert updates_made(replace(fit, epoch_metrics={})) == fit.statistics.loss_steps[-1] + 1


def test_gains_hold_only_steps_of_which_all_is_known() -> None:
    after = [0.6, np.nan, 0.5, 0.4, 0.4, 0.4]
    series = traces.statistics(3, series={"loss_before": 0.7, "loss_after": after, "predicted_change": -0.2})
    gains = step_gains(traces.fit_trace(statistics=series))
    assert gains.steps.tolist() == [0, 2, 4, 8, 16]
    assert gains.ratios == pytest.approx([0.5, 1.0, 1.5, 1.5, 1.5])


def test_a_step_uphill_has_no_gain_ratio() -> None:
    series = traces.statistics(3, series={"loss_before": 0.7, "loss_after": 0.8, "predicted_change": 0.1})
    assert np.isnan(step_gains(traces.fit_trace(statistics=series)).ratios).all()


def test_repeated_rows_are_counted_on_both_sides() -> None:
    rows = np.arange(20.0).reshape(10, 2)
    held_out = np.concatenate([rows[:3], rows[3:5] + 9.5])
    twice = np.concatenate([rows, rows[:2]])
    sample = DataSample((twice,), (np.zeros(12),), (held_out,), ())
    shared, within, count = repeated_rows(sample)
    assert shared == pytest.approx(0.6)
    assert within == pytest.approx(2 / 12)
    assert count == 5
    assert repeated_rows(DataSample((rows,), (rows,))) == (0.0, 0.0, 0)
