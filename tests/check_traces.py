"""Builders for tests of checks: fits that show one thing, and the running of all checks over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dlfix.diagnose.checks import run_checks
from dlfix.diagnose.checks.subject import Subject
from dlfix.diagnose.diagnosis import task_of
from dlfix.diagnose.findings import ReferenceScores, Symptom
from dlfix.diagnose.trace import CallbackFacts, FitFacts, FitTrace, LaterCall, LayerFacts, RangeTest
from traces import compiled, data, dense_layers, fit_trace, statistics, two_moons

#: One row per check: its id, traces that show it, near misses that do not.
Table = Sequence[tuple[str, Sequence[FitTrace], Sequence[FitTrace]]]


def firing(table: Table) -> list[Any]:
    """Test cases of all traces that must show their check."""
    return [pytest.param(name, fit, id=f"{name}-{i}") for name, yes, _ in table for i, fit in enumerate(yes)]


def silent(table: Table) -> list[Any]:
    """Test cases of all near misses."""
    return [pytest.param(name, fit, id=f"{name}-{i}") for name, _, no in table for i, fit in enumerate(no)]


REFERENCE = ReferenceScores(0.0, 0.9, 0.95, "randomized trees", "accuracy", 100)
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(120, 4)).astype(np.float32)
IDS = np.arange(120) % 3
ONE_HOT = np.eye(3)[IDS]
MULTI_HOT = (GENERATOR.random((120, 3)) > 0.5).astype(float)
REAL = X @ np.array([1.0, -2.0, 0.5, 0.0])


def run(fit: FitTrace, reference: ReferenceScores = REFERENCE) -> dict[str, list[Symptom]]:
    found: dict[str, list[Symptom]] = {}
    symptoms, outcomes = run_checks(Subject(fit, task_of(fit), reference))
    assert not [outcome for outcome in outcomes if outcome.status == "failed"]
    for symptom in symptoms:
        found.setdefault(symptom.check, []).append(symptom)
    return found


def on(y: Any, last: tuple[int, str], loss: str, x: np.ndarray = X, **options: Any) -> FitTrace:
    layers = dense_layers((16, "relu"), last, inputs=x.shape[-1])
    return fit_trace(layers, compiled(loss, **options), x, np.asarray(y))


def with_losses(*losses: float, **evaluation: Any) -> FitTrace:
    fit = fit_trace(epoch_metrics={"loss": losses}, statistics=statistics(3, loss=losses, steps=range(len(losses))))
    return replace(fit, evaluation={**fit.evaluation, **evaluation} if evaluation.get("skill", 0) is not None else {})


def with_layer(index: int, values: dict[str, Any], activation: str = "relu", **fields: Any) -> FitTrace:
    layers = dense_layers((16, activation), (16, activation), (1, "sigmoid"))
    return fit_trace(layers, statistics=statistics(3, per_layer={index: values}), **fields)


def with_evaluation(**changes: Any) -> FitTrace:
    fit = fit_trace()
    return replace(fit, evaluation={**fit.evaluation, **changes})


def scored_later(training: float, later: float, *, rows: int = 200, split: str = "test") -> FitTrace:
    """A run with this accuracy in training and on rows that are evaluated afterwards."""
    fit = with_evaluation(metric="accuracy", score=later, rows=rows, split=split, skill=2 * later - 1)
    return replace(fit, epoch_metrics={"loss": (0.6, 0.3), "accuracy": (0.6, training)})


def schedule(
    batch: int, rows: int = 400, steps: int = 400, losses: tuple[float, ...] = (0.7, 0.5, 0.3, 0.2)
) -> FitTrace:
    x, y = two_moons(rows)
    fit = fit_trace(x=x, y=y, epoch_metrics={"loss": losses})
    ticks = (0, 1, 2, 4, 8, 16, steps - 1)
    return replace(
        fit,
        fit=FitFacts(len(losses), batch, None, True),
        statistics=statistics(3, ticks, loss=np.linspace(0.7, 0.2, steps)),
    )


def layered(*layers: LayerFacts, **changes: Any) -> FitTrace:
    chain = []
    for index, layer in enumerate(layers):
        chain.append(
            replace(
                layer,
                index=index,
                inbound=(index - 1,) if index else (),
                outbound=(index + 1,) if index + 1 < len(layers) else (),
            )
        )
    return fit_trace(chain, statistics=statistics(len(chain)), **changes)


def dense(units: int, activation: str = "relu", inputs: int = 16, **changes: Any) -> LayerFacts:
    return replace(dense_layers((units, activation), inputs=inputs)[0], **changes)


def other(class_name: str, units: int = 16, **changes: Any) -> LayerFacts:
    return LayerFacts(0, class_name.lower(), class_name, units=units, input_shape=(None, units), **changes)


def initial(deviation: float, index: int = 0) -> FitTrace:
    layers = list(dense_layers((16, "relu"), (16, "relu"), (1, "sigmoid")))
    layers[index] = replace(layers[index], initial={"kernel_std": deviation})
    return fit_trace(layers)


def with_kernel(class_name: str, shape: tuple[int, ...], variance: float) -> FitTrace:
    facts = {"weights": {"kernel": shape}, "parameters": math.prod(shape), "initial": {"kernel_std": variance**0.5}}
    return layered(other(class_name, **facts), dense(1))


def glorot(*shape: int) -> float:
    """The variance that Keras gives kernels of this shape by default."""
    return 2 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1]))


def ranged(rate: float, steps: int = 400) -> FitTrace:
    """A training at this rate, for which a range test found 0.1 to be the highest that learns."""
    rates = np.geomspace(1e-7, 100.0, 135)
    losses = np.where(rates < 0.1, 1 - 0.9 * rates / (rates + 0.01), 30.0)
    fit = schedule(32, steps=steps)
    return replace(fit, compile=compiled(learning_rate=rate), range_test=RangeTest(rates, losses))


def unshuffled(shuffle: bool, order: Callable[[np.ndarray], np.ndarray] = np.sort, split: float = 0.0) -> FitTrace:
    fit = on(order(IDS), (3, "softmax"), "sparse_categorical_crossentropy")
    return replace(fit, fit=replace(fit.fit, shuffle=shuffle, validation_split=split))


def among_neighbours(labels: np.ndarray) -> np.ndarray:
    """The labels in order, but for a few that changed places at the borders."""
    labels = np.sort(labels)
    labels[[39, 40, 79, 80]] = labels[[40, 39, 80, 79]]
    return labels


def in_batches(fit: FitTrace, batch_size: int | None, updates: int | None = None) -> FitTrace:
    """The same rows as a loop of the user's hands them over."""
    batches = replace(fit, data=replace(fit.data, kind="batches"), fit=replace(fit.fit, batch_size=batch_size))
    return replace(batches, updates=updates)


def validated(*losses: float) -> FitTrace:
    return fit_trace(epoch_metrics={"loss": tuple(np.linspace(0.7, 0.1, len(losses))), "val_loss": losses})


def scaled(y: np.ndarray, **options: Any) -> FitTrace:
    return on(y, (1, "linear"), "mean_squared_error", **options)


def beside(column: np.ndarray) -> np.ndarray:
    """A table of measurements with one more column."""
    return np.column_stack([X, column])


def judged_on(x: np.ndarray) -> FitTrace:
    """A run whose validation inputs are these."""
    return fit_trace(data=data(X, IDS % 2, (x, IDS % 2)), x=X, y=IDS % 2)


def holding(value: float, rows: int) -> FitTrace:
    """A run in whose first column some rows hold this number."""
    x = X.copy()
    x[:rows, 0] = value
    return fit_trace(data=data(x, IDS % 2), x=x, y=IDS % 2)


def scrambled(table: np.ndarray) -> FitTrace:
    """A run on a table that has its columns first and was reshaped instead of transposed."""
    x = np.ascontiguousarray(table.T).reshape(table.shape)
    return on_table(x)


def mixed(x: np.ndarray) -> FitTrace:
    """A run on series or pictures whose channels come first in memory and were reshaped to come last."""
    return on_table(np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(x.shape))


def walks(rows: int, steps: int, channels: int) -> np.ndarray:
    """Series that wander, each channel on its own."""
    return np.cumsum(np.random.default_rng(0).normal(size=(rows, steps, channels)), axis=1)


def on_table(x: np.ndarray) -> FitTrace:
    """A run on these inputs."""
    return fit_trace(data=data(x, np.arange(len(x)) % 2), x=x, y=np.arange(len(x)) % 2)


def given_later(method: str, *calls: np.ndarray) -> FitTrace:
    """A run whose model is given these inputs afterwards, one call after the other."""
    facts = [data(call, IDS[: len(call)] % 2).inputs[0] for call in calls]
    return replace(judged_on(X), later_calls=tuple(LaterCall(method, (one,)) for one in facts))


def maps(*steps: tuple[int, int], units: int = 32) -> FitTrace:
    """Convolutions that shrink square maps step by step, and a classifier behind them."""
    shrinking = [
        LayerFacts(
            0, "conv", "Conv2D", "relu", units, (None, before, before, 3), (None, after, after, units), parameters=9
        )
        for before, after in steps
    ]
    return layered(*shrinking, other("Flatten", units), dense(3, "softmax", inputs=units))


def nan_in(array: np.ndarray) -> np.ndarray:
    broken = array.astype(float).copy()
    broken[3] = np.nan
    return broken


def updates(*norms: float) -> FitTrace:
    """All layers' updates at the sampled steps; their weights have a norm of 5."""
    return fit_trace(statistics=statistics(3, per_layer={index: {"update_norm": norms} for index in range(3)}))


def gradients(start: float, late: float) -> FitTrace:
    fit = fit_trace(statistics=statistics(3, range(12)))
    norms = np.concatenate([np.full(4, start), np.full(8, late)])
    return replace(fit, statistics=replace(fit.statistics, gradient_norm=norms))


def output_shape(shape: tuple[int | None, ...], labels: np.ndarray, loss: str) -> FitTrace:
    fit = on(labels, (3, "softmax"), loss)
    return replace(fit, model=replace(fit.model, output_shapes=(shape,)))


def subtracting(labels: np.ndarray, share: float) -> FitTrace:
    """A loop with a loss of its own that stays at this share of a constant's."""
    fit = output_shape((None, 1), labels, "mean_squared_error")
    compiled_facts = replace(fit.compile, losses=(replace(fit.compile.losses[0], is_custom=True),))
    losses = (share * float(labels.var()),) * 3
    return replace(fit, compile=compiled_facts, origin="own loop", epoch_metrics={"loss": losses})


def frozen_first(deviation: float, bias: float = 0.0, trainable: bool = False) -> FitTrace:
    """A first layer of 16 inputs and 64 units before a trainable head, which is frozen with these weights."""
    first = dense(64, trainable=trainable, initial={"kernel_std": deviation, "bias_max": bias})
    fit = layered(first, dense(1, "sigmoid", inputs=64))
    return replace(fit, model=replace(fit.model, trainable_parameters=65))


def stopped_early(monitor: str, mode: str, *, epochs: int = 30, restore: bool = False) -> FitTrace:
    """Training that was to take 30 epochs and made these, with early stopping."""
    fit = with_losses(*np.linspace(1.0, 0.5, epochs))
    settings = {"monitor": monitor, "mode": mode, "restore_best_weights": restore}
    facts = replace(fit.fit, epochs=30, callbacks=(CallbackFacts("EarlyStopping", settings),))
    return replace(fit, fit=facts, epoch_seconds=(0.1,) * epochs)


def frozen(**fields: int) -> FitTrace:
    fit = fit_trace()
    return replace(fit, model=replace(fit.model, **fields))
