"""Which trainings are judged, and when a test of learning rates is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dlfix.diagnose.diagnosis import SURE, diagnose, doubtful_fit, task_of, with_range_test
from dlfix.diagnose.findings import Diagnosis, Fault
from dlfix.diagnose.trace import FitFacts, RangeTest
from traces import compiled, dense_layers, fit_trace, raised, site, trace


def found(*faults: tuple[str, float, int]) -> Diagnosis:
    named = tuple(Fault(kind, "", confidence, fit=fit) for kind, confidence, fit in faults)
    return replace(diagnose(trace()), verdict="faulty" if faults else "healthy", faults=named)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([("learning_rate", 0.5, 0)], 0),
        ([("units", 0.3, 1), ("epochs", 0.2, 1)], 1),
        ([("output_activation", SURE, 0), ("learning_rate", 0.5, 0)], None),
        ([("input_scaling", 0.5, 0)], None),
        ([], None),
    ],
)
def test_doubt_about_the_learning_rate(faults: list[tuple[str, float, int]], expected: int | None) -> None:
    second = fit_trace(fit=FitFacts(5, 32, 7, True, site=site(30)))
    assert doubtful_fit(trace(fit_trace(), second), found(*faults)) == expected


def test_the_first_of_several_trainings_at_one_place_is_tested() -> None:
    assert doubtful_fit(trace(fit_trace(), fit_trace()), found(("learning_rate", 0.5, 1))) == 0


def test_a_training_that_raised_is_not_trained_again() -> None:
    broken = fit_trace(state="raised", exception=raised())
    assert doubtful_fit(trace(broken), found(("learning_rate", 0.5, 0))) is None


def test_calls_of_fit_are_counted_without_loops_of_the_script() -> None:
    loop, second = fit_trace(origin="own loop"), fit_trace(fit=FitFacts(5, 32, 7, True, site=site(30)))
    traced = trace(loop, second)
    assert doubtful_fit(traced, found(("learning_rate", 0.5, 1))) == 0
    assert doubtful_fit(traced, found(("learning_rate", 0.5, 0))) is None
    test = RangeTest(np.asarray([0.1]), np.asarray([1.0]))
    assert [one.range_test is test for one in with_range_test(traced, 0, test).fits] == [False, True]


def test_a_range_test_stands_for_all_trainings_at_its_place() -> None:
    elsewhere = fit_trace(fit=FitFacts(5, 32, 7, True, site=site(30)))
    test = RangeTest(np.asarray([0.1]), np.asarray([1.0]))
    tested = with_range_test(trace(fit_trace(), elsewhere, fit_trace()), 0, test)
    assert [one.range_test is test for one in tested.fits] == [True, False, True]


def test_rows_of_two_whole_numbers_are_labels_under_a_binary_crossentropy_only() -> None:
    rows = (np.random.default_rng(0).random((120, 3)) > 0.5).astype(float)
    layers = dense_layers((16, "relu"), (3, "sigmoid"))

    def task(targets: np.ndarray, loss: str) -> tuple[str, str]:
        found = task_of(fit_trace(layers, compiled(loss), np.zeros((120, 4)), targets))
        return found.kind, found.encoding

    assert task(rows + 1, "binary_crossentropy") == ("multilabel", "one_based")
    assert task(rows * 5, "BinaryCrossentropy") == ("multilabel", "other_integer")
    assert task(rows + 1, "mean_squared_error")[0] == "regression"
    assert task(rows + np.arange(3), "binary_crossentropy")[0] == "regression"
    assert task(rows / 2, "binary_crossentropy")[0] == "regression"
