"""Tensors without content or change, and the false alarms of DeepLocalize that must not come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from check_traces import GENERATOR, firing, on, run, silent
from dlfix.diagnose.trace import FitTrace
from traces import dense_layers, fit_trace, statistics

STEPS = tuple(range(8))
LEARNED_NOTHING = {"skill": 0.0, "metric": "accuracy", "score": 0.5, "trivial": 0.5, "split": "training"}


def moving(scale: float = 1.0) -> np.ndarray:
    return scale * (1 + 0.1 * GENERATOR.random(len(STEPS)))


def sampled(per_layer: dict[int, dict[str, float | Sequence[float]]], learned: bool = False, **fields: Any) -> FitTrace:
    """A stuck run whose tensors all change except as ``per_layer`` says."""
    changing: dict[int, dict[str, Any]] = {
        index: {
            name: moving()
            for name in ("activation_mean", "activation_std", "activation_min", "activation_max", "gradient_norm")
        }
        for index in range(3)
    }
    for index, values in per_layer.items():
        changing[index] |= values
    fit = fit_trace(statistics=statistics(3, STEPS, loss=[0.7] * 8, per_layer=changing), **fields)
    if learned:
        return fit
    return replace(fit, evaluation=LEARNED_NOTHING, epoch_metrics={"loss": (0.7,) * 5})


SAME = dict.fromkeys(("activation_mean", "activation_std", "activation_min", "activation_max"), 0.5)
TABLE = [
    (
        "empty-activation",
        [sampled({1: {"zero_fraction": 1.0}}), sampled({0: {"zero_fraction": [0.5, 0.7, 0.9, 1, 1, 1, 1, 1]}})],
        [sampled({1: {"zero_fraction": 0.95}}), sampled({1: {"zero_fraction": [1, 1, 1, 1, 1, 1, 1, 0.9]}})],
    ),
    (
        "unchanged-activation",
        [sampled({1: SAME})],
        [
            sampled({1: SAME}, learned=True),  # a run that has arrived
            sampled({1: {**SAME, "activation_max": moving()}}),
            sampled({2: {"activation_mean": 0.5}}),
        ],
    ),
    (
        "unchanged-gradient",
        [sampled({1: {"gradient_norm": 0.25}})],
        [sampled({1: {"gradient_norm": 0.25}}, learned=True), sampled({1: {"gradient_norm": 0.0}}), sampled({})],
    ),
    (
        "missing-gradient",
        [sampled({0: {"gradient_norm": 0.0}}), sampled({1: {"gradient_norm": np.full(8, np.nan)}})],
        [
            sampled({}),
            sampled({index: {"gradient_norm": 0.0} for index in range(3)}),
            sampled({0: {"gradient_norm": [0, 0, 0, 0, 0, 0, 0, 0.1]}}),
        ],
    ),
    (
        "unchanged-weight",
        [sampled({0: {"update_norm": 1e-6}})],
        [
            sampled({}),
            sampled({index: {"update_norm": 1e-6} for index in range(3)}),  # undersized-updates says so
            sampled({0: {"update_norm": [0.01, 0, 0, 0, 0, 0, 0, 0]}}),
        ],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _softmax_run(classes: int = 3) -> tuple[FitTrace, np.ndarray, list[np.ndarray]]:
    """A healthy training of softmax regression, step by step in NumPy: its trace, output means and kernel gradients."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=(120, 4))
    labels = np.argmax(x @ generator.normal(size=(4, classes)), axis=1)
    kernel, means, gradients = np.zeros((4, classes)), [], []
    table: dict[str, list[float]] = {name: [] for name in (*SAME, "gradient_norm", "update_norm", "weight_norm")}
    losses = []
    for step in range(12):
        rows = np.arange(step * 10, step * 10 + 10)
        output = _softmax(x[rows] @ kernel)
        gradient = x[rows].T @ (output - np.eye(classes)[labels[rows]]) / len(rows)
        values = (output.mean(), output.std(), output.min(), output.max(), np.linalg.norm(gradient))
        for name, value in zip(table, (*values, 0.5 * np.linalg.norm(gradient), np.linalg.norm(kernel)), strict=True):
            table[name].append(float(value))
        losses.append(float(-np.log(output[np.arange(10), labels[rows]]).mean()))
        means.append(output.mean())
        gradients.append(gradient)
        kernel = kernel - 0.5 * gradient
    layers = dense_layers((classes, "softmax"))
    fit = replace(
        on(labels, (classes, "softmax"), "sparse_categorical_crossentropy", x=x.astype(np.float32)),
        evaluation=LEARNED_NOTHING,  # even of a run without a result, these say nothing
        epoch_metrics={"loss": (1.1, 1.1, 1.1, 1.1, 1.1)},
    )
    series = statistics(1, range(12), loss=losses, per_layer={0: dict(table)})
    return replace(fit, model=fit_trace(layers).model, statistics=series), np.asarray(means), gradients


def test_deeplocalize_alarms_for_every_softmax_and_this_does_not() -> None:
    fit, means, _ = _softmax_run()
    assert np.allclose(means, 1 / 3, rtol=1e-6)  # the condition of its "unchanged" test
    assert not {"unchanged-activation", "input-blind-activation", "empty-activation"} & set(run(fit))


def test_deeplocalize_alarms_for_gradients_under_softmax_and_crossentropy_and_this_does_not() -> None:
    fit, _, gradients = _softmax_run()
    assert all(abs(gradient.mean()) < 1e-12 for gradient in gradients)  # the sum over classes vanishes by construction
    assert not {"missing-gradient", "unchanged-gradient", "vanishing-gradient"} & set(run(fit))


def test_a_zero_mean_is_no_symptom() -> None:
    """DeepLocalize and DeepDiagnosis take a mean of exactly 0 for an error; centred outputs have it by design."""
    centred = sampled({1: {"activation_mean": 0.0}, 2: {"activation_mean": 0.0}}, learned=True)
    assert not {"empty-activation", "unchanged-activation", "input-blind-activation"} & set(run(centred))


def test_one_batch_of_zeros_is_no_symptom() -> None:
    """DeepLocalize stops at the first batch if a layer's mean is 0 there."""
    assert "empty-activation" not in run(sampled({1: {"zero_fraction": [1.0, *[0.6] * 7]}}))
