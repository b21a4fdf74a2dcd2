"""Validation data that are missing, too easy or known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import GENERATOR, dense, firing, layered, other, run, schedule, silent
from dlfix.diagnose.trace import DataSample, FitTrace
from traces import data, fit_trace, statistics


def losses(train: list[float], held_out: list[float], fit: FitTrace | None = None) -> FitTrace:
    fit = fit or fit_trace()
    return replace(fit, epoch_metrics={"loss": tuple(train), "val_loss": tuple(held_out)})


def held_out(x: np.ndarray, rows: np.ndarray) -> FitTrace:
    """A fit on ``x`` that is validated on these rows."""
    y = np.arange(len(x)) % 2
    fit = fit_trace(x=x, y=y)
    judged = rows, np.arange(len(rows)) % 2
    return replace(fit, data=data(x, y, judged), sample=DataSample((x,), (y,), (judged[0],), (judged[1],)))


def as_trained(loss: float) -> FitTrace:
    """A fit whose batches, as they came, have this loss."""
    return fit_trace(statistics=statistics(3, series={"loss_before": loss}))


FLAT, LOW = [0.7, 0.6, 0.6, 0.6, 0.6, 0.6], [0.5, 0.2, 0.2, 0.2, 0.2, 0.2]
TRAIN, NEW = (GENERATOR.normal(size=(rows, 4)).astype(np.float32) for rows in (200, 60))
FEW = GENERATOR.integers(0, 2, (200, 3)).astype(np.float32)  # eight distinct rows, again and again
TABLE = [
    (
        "missing-validation",
        [schedule(32)],
        [schedule(32, rows=100), replace(schedule(32), fit=replace(schedule(32).fit, validation_split=0.1))],
    ),
    (
        "suspicious-validation",
        [losses(FLAT, LOW, as_trained(0.6))],
        [
            losses(FLAT, FLAT, as_trained(0.6)),
            losses(FLAT, LOW, as_trained(0.2)),  # a training step that mixes rows
            losses(FLAT, LOW, layered(dense(16), other("Dropout", config={"rate": 0.4}), dense(1, "sigmoid"))),
            losses(FLAT, LOW, layered(dense(16, config={"kernel_regularizer": {"l2": 0.1}}), dense(1, "sigmoid"))),
            losses([0.9, 0.4, 0.2, 0.08, 0.04, 0.015], [0.4, 0.2, 0.08, 0.04, 0.015, 0.006]),  # only ahead in time
            losses(FLAT[:4], LOW[:4]),
        ],
    ),
    (
        "leaked-rows",
        [held_out(TRAIN, TRAIN[:60]), held_out(TRAIN, np.concatenate([NEW[:40], TRAIN[:20]]))],
        [held_out(TRAIN, NEW), held_out(FEW, FEW[:60]), held_out(TRAIN, np.concatenate([NEW, TRAIN[:3]]))],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def test_of_a_large_set_only_a_part_is_seen_and_the_rest_is_inferred() -> None:
    fit = held_out(TRAIN, np.concatenate([NEW[:54], TRAIN[:6]]))
    assert "leaked-rows" not in run(fit)  # exactly a tenth
    of_four_times_as_many = replace(fit, data=replace(fit.data, rows=800))
    assert run(of_four_times_as_many)["leaked-rows"][0].value == pytest.approx(0.4)


def test_rows_that_differ_in_type_only_are_the_same() -> None:
    assert "leaked-rows" in run(held_out(TRAIN, TRAIN[:60].astype(np.float64)))
