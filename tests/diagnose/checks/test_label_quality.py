"""Labels that neighbours contradict or that belong to other rows, and columns that tell too much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import REAL, X, beside, firing, on, run, silent
from dlfix.diagnose.trace import FitTrace

GENERATOR = np.random.default_rng(7)
#: Four well separated clouds.
CLOUD = np.arange(400) % 4
PLACES = (3 * np.array([[1, 1, 0, 0], [-1, 1, 0, 0], [1, -1, 0, 0], [-1, -1, 0, 0]])[CLOUD]).astype(np.float32)
CLOUDS = PLACES + GENERATOR.normal(size=(400, 4)).astype(np.float32)
TABLE_OF_REALS = GENERATOR.normal(size=(300, 4)).astype(np.float32)
SUMS = TABLE_OF_REALS @ np.array([1.0, -2.0, 0.5, 0.3])
NOISE = GENERATOR.normal(size=310)
WINDOWS = np.stack([NOISE[start : start + 300] for start in range(5)], axis=1).astype(np.float32)
WALK = np.cumsum(GENERATOR.normal(size=(300, 2)), axis=0).astype(np.float32)
SHUFFLED = GENERATOR.permutation(400)


def with_noise(share: float) -> np.ndarray:
    wrong = GENERATOR.random(400) < share
    return np.where(wrong, (CLOUD + GENERATOR.integers(1, 4, 400)) % 4, CLOUD)


def classes(labels: np.ndarray, x: np.ndarray = CLOUDS) -> FitTrace:
    return on(labels, (4, "softmax"), "sparse_categorical_crossentropy", x)


def numbers(targets: np.ndarray, x: np.ndarray = TABLE_OF_REALS) -> FitTrace:
    return on(targets, (1, "linear"), "mean_squared_error", x)


def judged(fit: FitTrace, x: np.ndarray, y: np.ndarray) -> FitTrace:
    """The run with these rows to be judged on."""
    assert fit.sample is not None
    return replace(fit, sample=replace(fit.sample, validation_inputs=(x,), validation_targets=(y,)))


TABLE = [
    (
        "contradicted-labels",
        [classes(with_noise(0.2)), classes(with_noise(0.35)), classes(np.eye(4)[with_noise(0.2)])],
        [
            classes(CLOUD),
            classes(with_noise(0.03)),
            classes(GENERATOR.integers(0, 4, 400)),  # no rule at all: nothing is confident, unlearnable-labels says so
            numbers(SUMS),
        ],
    ),
    (
        "unrelated-labels",
        [
            judged(classes(CLOUD[SHUFFLED]), CLOUDS, CLOUD),
            judged(numbers(GENERATOR.permutation(SUMS)), TABLE_OF_REALS, SUMS),
        ],
        [
            judged(classes(CLOUD), CLOUDS, CLOUD),
            judged(classes(CLOUD[SHUFFLED]), CLOUDS, CLOUD[SHUFFLED]),  # no rule on either side
            judged(classes(CLOUD), CLOUDS, CLOUD[SHUFFLED]),
            judged(classes(CLOUD[SHUFFLED]), CLOUDS[:60], CLOUD[:60]),
            judged(classes(CLOUD, GENERATOR.normal(size=CLOUDS.shape) * 30), CLOUDS, CLOUD),  # noise in place of inputs
            classes(CLOUD[SHUFFLED]),
        ],
    ),
    (
        "misaligned-labels",
        [
            numbers(np.roll(SUMS, 1)),
            numbers(np.roll(SUMS, -3)),
            classes(np.roll(CLOUD[SHUFFLED], 2), CLOUDS[SHUFFLED]),
        ],
        [
            numbers(SUMS),
            numbers(GENERATOR.permutation(SUMS)),
            numbers(np.roll(WALK[:, 0], 1), WALK),  # neighbours in time resemble each other
            numbers(NOISE[5:305], WINDOWS),  # the next value of a series that nobody can tell
            classes((np.diff(NOISE[4:305]) > 0).astype(int), WINDOWS),
            replace(numbers(np.roll(SUMS, 1)), data=replace(numbers(np.roll(SUMS, 1)).data, kind="generator")),
        ],
    ),
    (
        "telltale-column",
        [
            numbers(SUMS, np.column_stack([TABLE_OF_REALS, 3 * SUMS - 7])),
            classes(CLOUD, np.column_stack([CLOUDS, CLOUD + 0.4 * GENERATOR.random(400)]).astype(np.float32)),
        ],
        [numbers(SUMS), classes(CLOUD), on(REAL[:60], (1, "linear"), "mean_squared_error", beside(REAL)[:60])],
    ),
    (
        "identifier-columns",
        [on(REAL, (1, "linear"), "mean_squared_error", beside(np.arange(120)))],
        [
            on(REAL, (1, "linear"), "mean_squared_error", X),
            on(REAL, (1, "linear"), "mean_squared_error", beside(np.arange(120) % 7)),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def test_the_direction_of_the_shift_is_told() -> None:
    assert run(numbers(np.roll(SUMS, 1)))["misaligned-labels"][0].details["shift"] == -1
    assert "1 row below" in run(numbers(np.roll(SUMS, 1)))["misaligned-labels"][0].text


def test_the_telltale_column_is_named() -> None:
    symptom = run(numbers(SUMS, np.column_stack([TABLE_OF_REALS, SUMS])))["telltale-column"][0]
    assert symptom.details["column"] == 4
