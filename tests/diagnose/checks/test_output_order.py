"""Several outputs whose targets come in another order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_traces import GENERATOR, IDS, ONE_HOT, REAL, X, firing, run, silent
from dlfix.diagnose.task import array_facts
from dlfix.diagnose.trace import DataSample, FitTrace
from traces import dense_layers, fit_trace


def two_heads(first: tuple[int, str], second: tuple[int, str], *targets: np.ndarray, names: str = "y[{}]") -> FitTrace:
    """A trunk with two outputs, and their targets in this order."""
    trunk, left, right = dense_layers((16, "relu"), first, second)
    left, right = replace(left, outbound=()), replace(right, inbound=(0,), input_shape=(None, 16))
    fit = fit_trace((replace(trunk, outbound=(1, 2)), left, right), x=X, y=IDS % 2)
    facts = tuple(array_facts(names.format(index), target) for index, target in enumerate(targets))
    return replace(
        fit,
        model=replace(fit.model, output_layers=(1, 2), output_shapes=()),
        data=replace(fit.data, targets=facts),
        sample=DataSample((X,), tuple(targets)),
    )


CLASSES, NUMBER, FLAG = (3, "softmax"), (1, "linear"), (1, "sigmoid")
TABLE = [
    (
        "swapped-outputs",
        [
            two_heads(CLASSES, (2, "linear"), GENERATOR.normal(size=(120, 2)), ONE_HOT),
            two_heads(CLASSES, FLAG, IDS % 2, ONE_HOT),
            two_heads(FLAG, NUMBER, 10 * REAL, IDS % 2),
        ],
        [
            two_heads(CLASSES, NUMBER, ONE_HOT, REAL),
            two_heads(CLASSES, NUMBER, IDS, REAL),
            two_heads(NUMBER, NUMBER, REAL, -REAL),  # alike: any order will do
            two_heads(CLASSES, (2, "linear"), GENERATOR.normal(size=(120, 2)), ONE_HOT, names="head_{}"),
            two_heads(CLASSES, (2, "linear"), GENERATOR.normal(size=(120, 2)), ONE_HOT, names="y{}"),
            two_heads(CLASSES, NUMBER, ONE_HOT[:, :2], REAL),  # wrong units, in any order
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)
