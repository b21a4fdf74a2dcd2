"""Numbers taken from a trace that several checks share."""

from __future__ import annotations

from dataclasses import replace

import traces
from dlfix.diagnose.measures import steps_per_epoch, updates_made


def test_updates_count_epochs_that_were_finished_though_sampling_ended_before():
    fit = traces.fit_trace()
    per_epoch, epochs = steps_per_epoch(fit), len(fit.epoch_metrics["loss"])
    early = replace(fit.statistics, loss_steps=fit.statistics.loss_steps[:2], loss=fit.statistics.loss[:2])
    assert per_epoch is not None
    assert updates_made(replace(fit, statistics=early)) == per_epoch * epochs > 2


def test_updates_of_an_epoch_that_was_cut_short_are_those_seen():
    fit = traces.fit_trace()
    assert updates_made(replace(fit, epoch_metrics={})) == fit.statistics.loss_steps[-1] + 1
