"""Loss and accuracy over a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import IDS, REAL, firing, on, run, silent
from dlfix.diagnose.trace import FitTrace
from traces import fit_trace


def epochs(losses: list[float], accuracy: list[float], fit: FitTrace | None = None) -> FitTrace:
    fit = fit or fit_trace()
    return replace(fit, epoch_metrics={"loss": tuple(losses), "accuracy": tuple(accuracy)})


FALLING = np.linspace(0.7, 0.3, 6).tolist()
REGRESSION = on(REAL, (1, "linear"), "mean_squared_error")
CLASSES = on(IDS, (3, "softmax"), "sparse_categorical_crossentropy")

TABLE = [
    (
        "rising-loss",
        [
            epochs([0.7, 0.5, 0.6, 0.7, 0.8, 0.9], FALLING),
            epochs([0.7, 0.8, 0.9, 1.0, 1.1, 1.2], FALLING),
        ],
        [
            epochs(FALLING, FALLING),
            epochs([0.7, 0.4, 0.3, 0.31, 0.3, 0.32], FALLING),  # noise at the end
            epochs([0.7, 0.9, 0.5, 0.4, 0.3, 0.2], FALLING),  # a bad start
            epochs([0.7, 0.9, 1.2], FALLING),  # too short to tell
            epochs([0.5, 0.499, 0.5, 0.501, 0.5, 0.502], FALLING),  # flat
        ],
    ),
    (
        "flat-accuracy",
        [epochs(FALLING, [0.5] * 6), epochs([0.7] * 6, [0.5] * 6), epochs(FALLING, [1 / 3] * 6, CLASSES)],
        [
            epochs(FALLING, [1.0] * 6),  # DeepLocalize says "model does not learn" of five equal accuracies
            epochs(FALLING, [0.5, 0.5, 0.5, 0.5, 0.5, 0.51]),
            epochs(FALLING, [0.5] * 3),
            epochs(FALLING, [0.0] * 6, REGRESSION),
        ],
    ),
    (
        "zero-accuracy",
        [epochs(FALLING, [0.0] * 6), epochs(FALLING, [0.0] * 6, CLASSES)],
        [epochs(FALLING, [0.0, 0.0, 0.1, 0.2, 0.3, 0.4]), epochs(FALLING, [0.0] * 6, REGRESSION)],
    ),
    (
        "stalled-training",
        [fit_trace(state="stopped", epoch_seconds=(2.0, 2.0), seconds=120.0)],
        [
            fit_trace(state="completed", epoch_seconds=(2.0, 2.0), seconds=120.0),
            fit_trace(state="stopped", epoch_seconds=(2.0, 2.0), seconds=30.0),
            fit_trace(state="stopped", epoch_seconds=(50.0, 50.0), seconds=200.0),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def test_an_accuracy_that_stands_still_while_the_loss_falls_says_so() -> None:
    symptom = run(epochs(FALLING, [0.5] * 6))["flat-accuracy"][0]
    assert symptom.details["loss_falls"]
    assert "although the loss falls" in symptom.text
