"""Training rows against validation rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from check_traces import firing, run, silent
from dlfix.diagnose.findings import ReferenceScores, Symptom
from dlfix.diagnose.trace import FitTrace
from traces import compiled, data, dense_layers, fit_trace, statistics

GENERATOR = np.random.default_rng(5)


def split(rows: int, held_out: int, noise: float = 0.0, shares: tuple[float, float] = (0.5, 0.5)) -> FitTrace:
    """A binary task; ``noise`` is added to the training inputs, ``shares`` of class 1, in both parts."""
    x, other = GENERATOR.normal(size=(rows, 4)), GENERATOR.normal(size=(held_out, 4))
    labels = [
        (np.arange(size) < share * size).astype(int) for size, share in zip((rows, held_out), shares, strict=True)
    ]
    x = (x + noise * GENERATOR.normal(size=x.shape)).astype(np.float32)
    fit = fit_trace(x=x, y=labels[0])
    return replace(fit, data=data(x, labels[0], (other.astype(np.float32), labels[1])))


def three_classes(counts: tuple[int, int, int], held_out: tuple[int, int, int], one_hot: bool = False) -> FitTrace:
    ids = [np.repeat(np.arange(3), sizes) for sizes in (counts, held_out)]
    labels: list[Any] = [np.eye(3)[part] if one_hot else part for part in ids]
    x = [GENERATOR.normal(size=(len(part), 4)).astype(np.float32) for part in ids]
    loss = "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy"
    fit = fit_trace(
        dense_layers((16, "relu"), (3, "softmax")), compiled(loss), x[0], labels[0], statistics=statistics(2)
    )
    return replace(fit, data=data(x[0], labels[0], (x[1], labels[1])))


def weighted(fit: FitTrace) -> FitTrace:
    return replace(fit, data=replace(fit.data, has_class_weight=True))


TABLE = [
    (
        "starved-training-set",
        [split(20, 100), split(400, 900)],
        [split(100, 100), split(400, 100), split(2000, 5000), fit_trace()],
    ),
    ("misleading-training-rows", [], []),
    (
        "unseen-classes",
        [
            three_classes((200, 200, 0), (0, 0, 90)),
            three_classes((200, 0, 200), (50, 50, 50), one_hot=True),
            three_classes((200, 200, 0), (400, 400, 100)),
        ],
        [
            three_classes((200, 10, 200), (50, 50, 50)),
            three_classes((200, 200, 0), (400, 400, 10)),  # a rare class that fell to one side
            three_classes((200, 200, 200), (50, 0, 50)),
            split(400, 200),
        ],
    ),
    (
        "shifted-class-shares",
        [
            split(400, 200, shares=(0.1, 0.5)),
            three_classes((200, 10, 200), (50, 50, 50)),
            three_classes((200, 0, 200), (50, 50, 50), one_hot=True),
        ],
        [
            split(400, 200),
            split(400, 200, shares=(0.45, 0.55)),
            split(400, 20, shares=(0.1, 0.5)),
            weighted(split(400, 200, shares=(0.1, 0.5))),
            three_classes((100, 50, 100), (50, 30, 50)),
        ],
    ),
    (
        "shifted-inputs",
        [split(400, 200, noise=2.0), split(100, 100, noise=3.0)],
        [split(400, 200), split(100, 60, noise=0.5), split(400, 20, noise=3.0), fit_trace()],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def outdone(held_out: float | None, skill: float, best: float, rows: int = 150, series: bool = False) -> list[Symptom]:
    """What is seen where learners from held-out rows, network, and learners from training rows reach these skills."""
    fit = split(400, 4 * rows)
    x = GENERATOR.normal(size=(4 * rows, 4))
    x = np.cumsum(x, axis=0) if series else x
    assert fit.sample is not None
    sample = replace(fit.sample, validation_inputs=(x,), validation_targets=(np.arange(4 * rows) % 2,))
    evaluation = {**fit.evaluation, "skill": skill, "metric": "accuracy", "trivial": 0.5, "split": "validation"}
    fit = replace(fit, sample=sample, evaluation=evaluation)
    reference = ReferenceScores(0.0, best, best, "linear", "accuracy", rows, 0.0, held_out, rows)
    return run(fit, reference).get("misleading-training-rows", [])


def test_training_rows_that_teach_less_than_held_out_rows_are_misleading() -> None:
    (symptom,) = outdone(0.95, 0.2, 0.3)
    assert "0.95 when they learn from other validation rows, but 0.30 from the training rows" in symptom.text
    assert outdone(0.95, 0.6, 0.3)


@pytest.mark.parametrize(
    "near_miss",
    [
        {"held_out": None, "skill": 0.2, "best": 0.3},
        {"held_out": 0.95, "skill": 0.85, "best": 0.3},  # the network does find it
        {"held_out": 0.95, "skill": 0.2, "best": 0.85},  # it is there to be found in the training rows
        {"held_out": 0.5, "skill": 0.2, "best": 0.2, "rows": 25},  # a few rows may do so by chance
        {"held_out": 0.95, "skill": 0.2, "best": 0.3, "series": True},
    ],
    ids=["unknown", "network", "training rows", "few", "series"],
)
def test_training_rows_are_not_called_misleading(near_miss: dict[str, Any]) -> None:
    assert not outdone(**near_miss)
