"""Every check: traces that it must fire on, and healthy near misses that it must not."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from check_traces import (
    GENERATOR,
    IDS,
    MULTI_HOT,
    ONE_HOT,
    REAL,
    REFERENCE,
    Table,
    X,
    among_neighbours,
    beside,
    dense,
    firing,
    frozen,
    frozen_first,
    given_later,
    glorot,
    gradients,
    holding,
    in_batches,
    initial,
    judged_on,
    layered,
    maps,
    mixed,
    nan_in,
    on,
    on_table,
    other,
    output_shape,
    ranged,
    run,
    scaled,
    schedule,
    scored_later,
    scrambled,
    silent,
    stopped_early,
    subtracting,
    unshuffled,
    updates,
    validated,
    walks,
    with_evaluation,
    with_kernel,
    with_layer,
    with_losses,
)
from dlfix.diagnose.checks import all_checks
from dlfix.diagnose.checks.subject import Subject
from dlfix.diagnose.diagnosis import task_of
from dlfix.diagnose.findings import ReferenceScores
from dlfix.diagnose.trace import DataSample, FitTrace, LossFacts, TensorRange
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import scale
from traces import breakdown, compiled, data, dense_layers, fit_trace, model, raised, statistics


def own_step(fit: FitTrace) -> FitTrace:
    """A training step of the user's own, which compiles no loss."""
    return replace(fit, compile=replace(fit.compile, losses=()))


def own_loss(direction: str, cause: str = "operation", **changes: Any) -> FitTrace:
    """A fit with a loss of the user's own that broke, by default, in the loss."""
    given = {"kind": "loss", "layer": None, **changes}
    compiled_with = compiled("my_loss")
    losses = tuple(replace(loss, is_custom=True) for loss in compiled_with.losses)
    return fit_trace(None, replace(compiled_with, losses=losses), breakdown=breakdown(direction, cause, **given))


HILL = np.random.default_rng(3).binomial(10, 0.5, 120) - 1
COUNTS = np.random.default_rng(2).integers(0, 5, (120, 40))

TABLE = [  # one row: id of the check, traces that show it, near misses that do not
    ("failed-training", [fit_trace(state="raised", exception=raised())], [fit_trace(), fit_trace(state="stopped")]),
    ("nonfinite-loss", [with_losses(0.7, 0.6, math.nan)], [with_losses(0.7, 0.6, 0.5)]),
    (
        "nonfinite-activation",
        [
            with_layer(1, {"activation_nonfinite": [0, 0, 0.1, 1, 1, 1]}),
            fit_trace(breakdown=breakdown()),
        ],
        [
            fit_trace(),
            # What follows a step that broke elsewhere is a consequence.
            with_layer(1, {"activation_nonfinite": [0, 0, 0.1, 1, 1, 1]}, breakdown=breakdown("backward")),
            with_layer(1, {"activation_nonfinite": [0, 0, 0.1, 1, 1, 1]}, breakdown=breakdown(cause="data")),
        ],
    ),
    (
        "nonfinite-gradient",
        [
            with_layer(1, {"gradient_nonfinite": [0, 0, 0.1, 1, 1, 1]}),
            fit_trace(breakdown=breakdown("backward", tensor="gradient of kernel")),
        ],
        [fit_trace(), with_layer(1, {"gradient_nonfinite": [0, 0, 0.1, 1, 1, 1]}, breakdown=breakdown())],
    ),
    (
        "nonfinite-weight",
        [
            with_layer(1, {"weight_nonfinite": [0, 0, 0, 1, 1, 1]}),
            fit_trace(breakdown=breakdown("update", tensor="weight kernel")),
            fit_trace(breakdown=breakdown("forward", "weights", tensor="weight kernel")),
        ],
        [fit_trace(), fit_trace(breakdown=breakdown())],
    ),
    (
        "undefined-loss",
        [
            own_loss("loss", detail="Log of 0 … 1"),
            own_loss("backward", detail="Sqrt of 0 … 4"),
        ],
        [
            own_loss("loss", detail="Exp of -209 … 209"),
            own_loss("forward", detail="Log of 0 … 1", kind="Dense", layer=1),
            own_loss("loss", detail="Log of 0 … 1", inputs=(TensorRange("input", 0.0, 3e38, 1.0, 0, 0, 8),)),
            own_loss("loss", "data", detail="Log of 0 … 1"),
            fit_trace(breakdown=breakdown("loss", kind="loss", layer=None, detail="Log of 0 … 1")),
        ],
    ),
    (
        "undefined-operation",
        [fit_trace(breakdown=breakdown(detail="Log of -2 … 3"))],
        [fit_trace(breakdown=breakdown()), fit_trace(), own_loss("loss", detail="Log of 0 … 1")],
    ),
    (
        "nonfinite-batch",
        [fit_trace(breakdown=breakdown("loss", "data", tensor="target", kind="loss", layer=None))],
        [fit_trace(), fit_trace(breakdown=breakdown())],
    ),
    ("exploding-loss", [with_losses(0.7, 5, 90, 3000)], [with_losses(5000, 200, 3, 1), with_losses(0.7, 0.9, 2, 3)]),
    ("negative-loss", [with_losses(0.7, -3, -90)], [with_losses(0.7, 0.1, -1e-4)]),
    (
        "flat-loss",
        [with_losses(*[0.6931] * 8, skill=0.0)],
        [with_losses(*[0.2] * 8, skill=0.0), with_losses(*[0.6931] * 8, skill=0.9), with_losses(0.7, 0.6, 0.5, 0.4)],
    ),
    ("trivial-loss", [with_losses(0.8, 0.7, 0.695)], [with_losses(0.8, 0.7, 0.6)]),
    (
        "oscillating-loss",
        [with_losses(*[0.7, 0.2] * 6)],
        [with_losses(*np.linspace(0.7, 0.1, 12)), with_losses(*[0.002, 0.001] * 6), with_losses(0.7, 0.2, 0.7, 0.2)],
    ),
    ("unconverged-loss", [with_losses(1, 0.8, 0.6, 0.5, 0.4)], [with_losses(1, 0.5, 0.4, 0.39, 0.389, 0.388)]),
    (
        "dying-relu",
        [with_layer(1, {"dead_fraction": [0.1, 0.2, 0.9, 1, 1, 1]})],
        [with_layer(1, {"dead_fraction": [0.1, 0.2, 0.9, 0.9, 1, 0.5]}), with_layer(1, {"dead_fraction": 0.6})],
    ),
    (
        "saturated-activation",
        [with_layer(0, {"saturated_fraction": 0.9}, "tanh")],
        [with_layer(0, {"saturated_fraction": 0.4}, "tanh"), with_layer(2, {"saturated_fraction": 0.95}, "tanh")],
    ),
    (
        "constant-prediction",
        [with_evaluation(constant=True, prediction_std=0.0)],
        [with_evaluation(constant=False), with_evaluation(prediction_std=1e-3)],
    ),
    (
        "vanishing-gradient",
        [with_layer(0, {"gradient_norm": 1e-5}, "sigmoid")],
        [with_layer(0, {"gradient_norm": 1e-2}, "sigmoid")],
    ),
    ("exploding-gradient", [gradients(0.5, 400.0)], [gradients(0.5, 4.0), gradients(400.0, 0.5), gradients(1e-4, 0.5)]),
    (
        "oversized-updates",
        [fit_trace(statistics=statistics(3, per_layer={index: {"update_norm": 1.5} for index in range(3)}))],
        [fit_trace(), fit_trace(statistics=statistics(3, per_layer={0: {"update_norm": 1.5}}))],
    ),
    (
        "undersized-updates",
        [fit_trace(statistics=statistics(3, per_layer={index: {"update_norm": 1e-5} for index in range(3)}))],
        [fit_trace(), updates(4.0, *[1e-5] * 5)],  # one huge step, and its weights stay where it threw them
    ),
    ("too-few-updates", [schedule(32, steps=26)], [schedule(32, steps=900)]),
    (
        "single-unit-softmax",
        [on(IDS % 2, (1, "softmax"), "binary_crossentropy")],
        [on(ONE_HOT, (3, "softmax"), "categorical_crossentropy"), on(IDS % 2, (1, "sigmoid"), "binary_crossentropy")],
    ),
    (
        "unreachable-targets",
        [
            on(REAL, (1, "sigmoid"), "mean_squared_error"),
            on(REAL, (1, "relu"), "mean_squared_error"),
            on(REAL, (1, "tanh"), "mean_squared_error"),
        ],
        [
            on(np.exp(REAL), (1, "relu"), "mean_squared_error"),
            on(1 / (1 + np.exp(-REAL)), (1, "sigmoid"), "mean_squared_error"),
            on(np.tanh(REAL), (1, "tanh"), "mean_squared_error"),
            on(REAL, (1, "linear"), "mean_squared_error"),
            on(np.where(np.arange(120) == 5, -0.01, np.exp(REAL)), (1, "relu"), "mean_squared_error"),
        ],
    ),
    (
        "unsuitable-output-activation",
        [
            on(IDS % 2, (1, "linear"), "binary_crossentropy"),
            on(IDS, (3, "linear"), "sparse_categorical_crossentropy"),
            on(ONE_HOT, (3, "relu"), "categorical_crossentropy"),
            on(ONE_HOT, (3, "relu"), "categorical_crossentropy", from_logits=True),
        ],
        [
            on(IDS % 2, (1, "linear"), "binary_crossentropy", from_logits=True),
            on(IDS, (3, "linear"), "sparse_categorical_crossentropy", from_logits=True),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy"),
            on(REAL, (1, "linear"), "mean_squared_error"),
        ],
    ),
    (
        "exclusive-multilabel-output",
        [on(MULTI_HOT, (3, "softmax"), "binary_crossentropy"), on(MULTI_HOT, (3, "softmax"), "mean_squared_error")],
        [on(MULTI_HOT, (3, "sigmoid"), "binary_crossentropy"), on(ONE_HOT, (3, "softmax"), "categorical_crossentropy")],
    ),
    (
        "mixed-output-activation",
        [
            on(ONE_HOT, (3, "sigmoid"), "categorical_crossentropy"),
            on(ONE_HOT, (3, "softmax"), "binary_crossentropy"),
            on(IDS, (3, "softmax"), "sparse_categorical_crossentropy", from_logits=True),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", from_logits=True),
        ],
        [
            on(ONE_HOT, (3, "softmax"), "categorical_crossentropy"),
            on(ONE_HOT, (3, "sigmoid"), "binary_crossentropy"),
            on(MULTI_HOT, (3, "sigmoid"), "binary_crossentropy"),
        ],
    ),
    (
        "mismatched-output-units",
        [
            on(IDS, (1, "sigmoid"), "binary_crossentropy"),
            on(IDS, (2, "softmax"), "sparse_categorical_crossentropy"),
            on(ONE_HOT, (2, "softmax"), "categorical_crossentropy"),
            on(REAL, (3, "linear"), "mean_squared_error"),
            on(np.stack([REAL, -REAL], 1), (1, "linear"), "mean_squared_error"),
        ],
        [
            on(IDS, (3, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS, (5, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS % 2, (2, "softmax"), "sparse_categorical_crossentropy"),
            on(REAL[:, None], (1, "linear"), "mean_squared_error"),
            on(np.stack([REAL, -REAL], 1), (2, "linear"), "mean_squared_error"),
        ],
    ),
    (
        "mismatched-output-shape",
        [
            output_shape((None, 8, 3), ONE_HOT, "categorical_crossentropy"),
            output_shape((None, 12, 1), REAL, "mean_squared_error"),
        ],
        [
            output_shape((None, 12, 1), np.tile(REAL, (12, 1)).T, "mean_squared_error"),
            output_shape((None, 1, 1), REAL, "mean_squared_error"),
            output_shape((None, None, 1), REAL, "mean_squared_error"),  # may be one
            replace(output_shape((None, 12, 1), REAL, "mean_squared_error"), origin="own loop"),
            own_step(output_shape((None, 12, 1), REAL, "mean_squared_error")),
            output_shape((None, 3), ONE_HOT, "categorical_crossentropy"),
            output_shape((None, 3), IDS, "sparse_categorical_crossentropy"),
            output_shape((None, 1, 1, 3), ONE_HOT, "categorical_crossentropy"),
        ],
    ),
    (
        "broadcast-loss",
        [subtracting(REAL, 1.0)],
        [
            subtracting(REAL, 0.2),
            subtracting(REAL[:, None], 1.0),
            replace(subtracting(REAL, 1.0), origin="fit"),
            output_shape((None, 1), REAL, "mean_squared_error"),
        ],
    ),
    (
        "mismatched-loss",
        [
            on(REAL, (1, "linear"), "cosine_similarity"),
            on(REAL, (1, "sigmoid"), "binary_crossentropy"),
            on(REAL, (1, "linear"), "sparse_categorical_crossentropy"),
            on(IDS % 2, (1, "sigmoid"), "categorical_crossentropy"),
            on(IDS, (3, "softmax"), "categorical_crossentropy"),
            on(ONE_HOT, (3, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS % 2, (1, "sigmoid"), "mean_absolute_error"),
            on(IDS, (3, "softmax"), "mean_squared_error"),
            on(IDS, (3, "linear"), "hinge"),
            on(REAL, (1, "linear"), "poisson"),
        ],
        [
            on(1 / (1 + np.exp(-REAL)), (1, "sigmoid"), "binary_crossentropy"),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy"),
            on(IDS % 2, (2, "softmax"), "sparse_categorical_crossentropy"),
            on(ONE_HOT, (3, "softmax"), "categorical_crossentropy"),
            on(MULTI_HOT, (3, "sigmoid"), "binary_crossentropy"),
            on(ONE_HOT, (3, "softmax"), "categorical_crossentropy"),
            on(ONE_HOT * 0.9 + 0.1 / 3, (3, "softmax"), "categorical_crossentropy"),
            on(IDS % 2 * 2 - 1, (1, "tanh"), "hinge"),
            on(REAL, (1, "linear"), "mean_absolute_error"),
            on(np.exp(REAL), (1, "exponential"), "poisson"),
        ],
    ),
    ("nonfinite-labels", [scaled(nan_in(REAL))], [scaled(REAL)]),
    (
        "out-of-range-labels",
        [
            on(IDS + 1, (3, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS - 1, (3, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS % 2 * 2 - 1, (1, "sigmoid"), "binary_crossentropy"),
            on(IDS, (1, "sigmoid"), "binary_crossentropy"),
            on(MULTI_HOT + 1, (3, "sigmoid"), "binary_crossentropy"),
            on(ONE_HOT * 2 - 1, (3, "softmax"), "categorical_crossentropy"),
        ],
        [
            on(MULTI_HOT, (3, "sigmoid"), "binary_crossentropy"),
            on(IDS, (3, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS + 1, (4, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS % 2 * 2 - 1, (1, "tanh"), "hinge"),
        ],
    ),
    (
        "scaled-class-labels",
        [
            on(IDS / 255, (3, "softmax"), "sparse_categorical_crossentropy"),
            on(IDS % 2 * 255, (1, "sigmoid"), "binary_crossentropy"),
            on(MULTI_HOT * 255, (3, "sigmoid"), "binary_crossentropy"),
        ],
        [
            on(MULTI_HOT, (3, "sigmoid"), "binary_crossentropy"),
            on(IDS % 2 * 2 - 1, (1, "sigmoid"), "binary_crossentropy"),
            on(IDS % 2 * 255, (1, "linear"), "mean_squared_error"),
            on(IDS / 2, (1, "linear"), "mean_squared_error"),
            on(IDS, (3, "softmax"), "sparse_categorical_crossentropy"),
        ],
    ),
    (
        "single-class-labels",
        [on(np.ones(120), (1, "sigmoid"), "binary_crossentropy")],
        [on(IDS % 2, (1, "sigmoid"), "binary_crossentropy")],
    ),
    (
        "imbalanced-classes",
        [on(np.arange(120) < 5, (1, "sigmoid"), "binary_crossentropy")],
        [on(np.arange(120) < 30, (1, "sigmoid"), "binary_crossentropy")],
    ),
    (
        "sorted-labels",
        [
            *(unshuffled(False), unshuffled(True, split=0.2), in_batches(unshuffled(True), 32)),
            in_batches(unshuffled(True), None, 60),
            in_batches(unshuffled(True, among_neighbours), None, 60),  # as a small buffer shuffles
        ],
        [
            *(unshuffled(True), unshuffled(False, GENERATOR.permutation), unshuffled(True, GENERATOR.permutation, 0.2)),
            in_batches(unshuffled(False, np.random.default_rng(1).permutation), 32),
            in_batches(unshuffled(True), 120),
            unshuffled(True, among_neighbours, 0.2),
            in_batches(unshuffled(True), None, 5),  # one batch of unknown size per epoch
        ],
    ),
    ("unlearnable-labels", [], [fit_trace()]),
    (
        "nonfinite-inputs",
        [on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", nan_in(X))],
        [on(IDS % 2, (1, "sigmoid"), "binary_crossentropy")],
    ),
    (
        "large-inputs",
        [on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", X * 5)],
        [
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", X * 2),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", X * 200),  # unscaled-inputs
            layered(other("Normalization"), dense(16), dense(1, "sigmoid"), x=X * 5, y=IDS % 2),
        ],
    ),
    (
        "unscaled-inputs",
        [
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", X * 200),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", X * 0.1 + 5),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", X * 0.01),
        ],
        [
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy"),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", np.abs(X) * 2.5 + 0.1),
            layered(other("Normalization"), dense(16), dense(1, "sigmoid"), x=X * 200, y=IDS % 2),
            layered(other("BatchNormalization"), dense(16), dense(1, "sigmoid"), x=X * 200, y=IDS % 2),
            layered(other("Embedding"), dense(16), dense(1, "sigmoid"), x=np.round(X**2 * 200), y=IDS % 2),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", np.eye(200)[:120]),
        ],
    ),
    (
        "heavy-tailed-inputs",
        [on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", np.exp(3 * np.abs(X)) * 100)],
        [
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", np.abs(X) * 500),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", np.eye(200)[:120]),
            layered(other("Normalization"), dense(16), dense(1, "sigmoid"), x=np.exp(3 * np.abs(X)) * 100, y=IDS % 2),
        ],
    ),
    (
        "coded-categories",
        [
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(np.random.default_rng(1).permutation(IDS))),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(IDS[::-1] / 2)),
        ],
        [
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(np.sqrt(IDS))),  # no equal distances
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(X[:, 0])),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(IDS % 2)),  # a flag
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(IDS * 10)),  # gaps
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(HILL)),
            on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", COUNTS),
        ],
    ),
    (
        "mismatched-validation-inputs",
        [judged_on(X * 255), judged_on(X / 100), judged_on(X + np.array([4, 4, 4, 0]))],
        [fit_trace(), judged_on(X * 3), judged_on(X * 0), judged_on(X + 2.5), judged_on(X + np.array([9, 0, 0, 0]))],
    ),
    (
        "mismatched-test-inputs",
        [
            given_later("evaluate", X * 255),
            given_later("evaluate", X + 4),
            given_later("evaluate", X, X / 100),
            given_later("predict", X * 30),
        ],
        [
            given_later("evaluate", X * 3),
            given_later("evaluate", X * 0),
            given_later("evaluate", X[:30] * 255),  # too few rows to tell
            given_later("evaluate", np.repeat(X, 2, axis=1) * 255),  # columns of another meaning
        ],
    ),
    (
        "collapsed-feature-maps",
        [maps((64, 12), (12, 4), (4, 1)), maps((16, 1))],
        [
            maps((64, 12), (12, 4)),
            maps((64, 12), (12, 1), units=512),
            maps((8, 1)),
            layered(
                other("Conv2D", 8, output_shape=(None, 1, 1, 8)),
                other("Conv2DTranspose", 8),
                x=np.ones((60, 4)),
                y=REAL[:60],
            ),
        ],
    ),
    (
        "unscaled-targets",
        [scaled(REAL * 100 + 5000), scaled(REAL + 200), scaled(REAL * 1e-4)],
        [scaled(REAL), scaled(REAL / 50), on(IDS * 50, (1, "linear"), "sparse_categorical_crossentropy")],
    ),
    (
        "missing-nonlinearity",
        [
            layered(dense(16, "linear"), dense(16, "linear"), dense(1, "sigmoid")),
            layered(dense(16, "relu"), dense(16, "linear"), dense(1, "sigmoid")),
            layered(dense(16, "linear"), other("Dropout", config={"rate": 0.1}), dense(1, "sigmoid")),
        ],
        [
            fit_trace(),
            layered(dense(16, "linear"), other("Activation", activation="relu"), dense(1, "sigmoid")),
            layered(
                dense(16, "linear"),
                other("BatchNormalization"),
                other("Activation", activation="relu"),
                dense(1, "sigmoid"),
            ),
            layered(dense(16, "linear"), other("MultiHeadAttention", parameters=100), dense(1, "sigmoid")),
            layered(dense(16, "linear"), other("Add"), dense(1, "sigmoid")),
            layered(dense(64), dense(8, "linear", inputs=64), dense(64), dense(64, "sigmoid")),
            layered(dense(1, "linear")),
        ],
    ),
    (
        "excessive-dropout",
        [
            layered(dense(64), other("Dropout", 64, config={"rate": 0.8}), dense(1, "sigmoid")),
            layered(dense(20), other("Dropout", 20, config={"rate": 0.5}), dense(1, "sigmoid")),
        ],
        [
            layered(dense(512), other("Dropout", 512, config={"rate": 0.5}), dense(1, "sigmoid")),
            layered(dense(20), other("Dropout", 20, config={"rate": 0.2}), dense(1, "sigmoid")),
        ],
    ),
    (
        "rate-beyond-range",
        [ranged(0.3), ranged(100.0)],
        [ranged(1e-3), ranged(0.03), replace(ranged(3.0), range_test=None)],
    ),
    ("rate-below-range", [ranged(1e-6), ranged(1e-4)], [ranged(1e-3), ranged(1e-4, steps=40_000)]),
    ("symmetric-weights", [initial(0.0)], [initial(0.3), initial(0.0, index=2)]),
    (
        "unsuitable-initial-weights",
        [initial(5.0), initial(0.01), with_kernel("Conv2D", (9, 9, 3, 256), glorot(9, 9, 3, 256) / 15)],
        [
            *(initial(0.32), initial(0.6)),
            # Keras's default, where it is far from He's: wide convolutions, transposed ones, channels on their own.
            with_kernel("Conv2D", (9, 9, 3, 256), glorot(9, 9, 3, 256)),
            with_kernel("Conv2DTranspose", (9, 9, 3, 256), glorot(9, 9, 3, 256)),
            with_kernel("DepthwiseConv2D", (5, 5, 64, 1), glorot(5, 5, 64, 1)),
        ],
    ),
    (
        "frozen-random-weights",
        [frozen_first((2 / 16) ** 0.5), frozen_first((2 / 80) ** 0.5)],
        [frozen_first((2 / 16) ** 0.5, trainable=True), frozen_first(0.2), frozen_first((2 / 16) ** 0.5, bias=0.1)],
    ),
    (
        "misdirected-stopping",
        [
            stopped_early("val_accuracy", "min", epochs=6),
            stopped_early("val_loss", "max", epochs=6),
            stopped_early("val_accuracy", "min", restore=True),
        ],
        [
            stopped_early("val_accuracy", "max", epochs=6),
            stopped_early("val_loss", "auto", epochs=6),
            stopped_early("val_accuracy", "min"),
            stopped_early("val_gain", "min", epochs=6),
        ],
    ),
    ("frozen-weights", [frozen(trainable_parameters=0)], [fit_trace(), frozen(trainable_parameters=17)]),
    ("below-reference", [with_evaluation(skill=0.3, rows=100)], [with_evaluation(skill=0.86, rows=100)]),
    ("trivial-skill", [with_evaluation(skill=0.0)], [with_evaluation(skill=0.2)]),
    (
        "overfitting",
        [validated(0.7, 0.5, 0.4, 0.5, 0.6, 0.8, 1.0)],
        [validated(0.7, 0.5, 0.4, 0.39, 0.38, 0.4, 0.41)],
    ),
    (
        "placeholder-values",
        [holding(-9999.0, 5), holding(250.0, 3)],
        [fit_trace(), holding(-9999.0, 2), holding(6.0, 9), holding(0.0, 60)],
    ),
    (
        "scrambled-inputs",
        [scrambled(load_digits().data), scrambled(load_breast_cancer().data)],
        [
            on_table(load_digits().data),
            on_table(load_breast_cancer().data),
            on_table(scale(load_breast_cancer().data)),
            on_table(np.random.default_rng(0).normal(size=(500, 12))),
            on_table(np.random.default_rng(0).normal(size=(500, 12)).cumsum(axis=1)),  # windows of a wandering series
            on_table(np.random.default_rng(0).normal(size=(500, 1)) + np.random.default_rng(1).normal(size=(500, 6))),
        ],
    ),
    (
        "mixed-axes",
        [mixed(walks(300, 64, 3)), mixed(walks(300, 24, 5)), mixed(walks(120, 12 * 12, 3).reshape(120, 12, 12, 3))],
        [
            on_table(walks(300, 64, 3)),
            on_table(walks(300, 24, 5) + 10 * np.arange(5)),
            on_table(np.cumsum(walks(300, 10, 64), axis=2)),  # spectra that change slowly: smooth along the last axis
            on_table(np.repeat(walks(300, 64, 1), 3, axis=2)),  # three channels that are nearly one
            mixed(np.random.default_rng(0).normal(size=(300, 64, 3))),  # nothing to tell
        ],
    ),
    (
        "learned-by-heart",
        [scored_later(0.99, 0.7), scored_later(0.8, 0.55)],
        [scored_later(0.99, 0.9), scored_later(0.99, 0.7, split="validation"), scored_later(0.99, 0.85, rows=10)],
    ),
    (
        "noisy-batches",
        [schedule(1, losses=(0.7, 0.8, 0.6, 0.7, 0.6))],
        [schedule(1), schedule(32, losses=(0.7, 0.8, 0.6, 0.7, 0.6))],
    ),
    (
        "few-passes",
        [schedule(32, steps=50, losses=(0.7, 0.6))],
        [schedule(32, steps=900, losses=(0.7, 0.6)), schedule(32, steps=50, losses=(0.7, 0.6, 0.5, 0.4, 0.3))],
    ),
    (
        "oversized-batch",
        [schedule(400), schedule(256, rows=2000, steps=80, losses=(0.7,) * 10)],
        [schedule(32), schedule(64, rows=64), schedule(256, rows=2000), schedule(64, rows=2000, steps=80)],
    ),
]


@pytest.mark.parametrize(("identifier", "fit"), firing(TABLE))
def test_fires(identifier: str, fit: FitTrace) -> None:
    assert identifier in run(fit)


@pytest.mark.parametrize(("identifier", "fit"), silent(TABLE))
def test_stays_silent_on_near_misses(identifier: str, fit: FitTrace) -> None:
    assert identifier not in run(fit)


def tables() -> Table:
    """The rows of all test modules beside this one."""
    rows = list(TABLE)
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"rows_of_{file.stem}", file)
        if file == Path(__file__) or spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        rows.extend(getattr(module, "TABLE", ()))
    return rows


def test_every_check_has_a_row() -> None:
    rows = tables()
    assert sorted(check.id for check in all_checks()) == sorted(name for name, _, _ in rows)
    # These have tests of their own, as they depend on what reference learners reach.
    exempt = {"unlearnable-labels", "misleading-training-rows"}
    assert all(yes and no for name, yes, no in rows if name not in exempt)


def test_a_healthy_trace_shows_nothing_at_all() -> None:
    fit = schedule(16, steps=900, losses=(0.7, 0.3, 0.2, 0.2, 0.199))
    assert set(run(replace(fit, fit=replace(fit.fit, validation_split=0.2)))) == set()


def test_unlearnable_labels() -> None:
    nothing = ReferenceScores(0.0, 0.0, 0.01, "linear", "accuracy", 200)
    assert "unlearnable-labels" in run(with_evaluation(skill=0.0), nothing)
    assert "unlearnable-labels" not in run(with_evaluation(skill=0.4, split="validation"), nothing)
    assert "unlearnable-labels" in run(with_evaluation(skill=0.4, split="training"), nothing)  # learned by heart
    assert "unlearnable-labels" not in run(with_evaluation(skill=0.6, split="training"), nothing)


def test_shares_of_classes_that_come_one_after_the_other_are_not_compared() -> None:
    def trained(labels: np.ndarray) -> FitTrace:
        return in_batches(fit_trace(data=data(X, labels, (X, IDS)), x=X, y=labels), 16, 60)

    uneven = np.repeat([0, 1, 2], [90, 25, 5])
    assert "shifted-class-shares" in run(trained(GENERATOR.permutation(uneven)))
    assert "shifted-class-shares" not in run(trained(uneven))


def test_of_sequences_and_after_few_updates_unlearnable_labels_say_less() -> None:
    nothing = ReferenceScores(0.0, 0.0, 0.01, "linear", "accuracy", 200)

    def strength(x: np.ndarray, steps: int) -> float:
        fit = fit_trace(x=x, y=IDS % 2, epoch_metrics={"loss": (0.7, 0.69)})
        fit = replace(fit, fit=replace(fit.fit, steps_per_epoch=steps))
        fit = replace(fit, evaluation={**fit.evaluation, "skill": 0.0})
        return run(fit, nothing)["unlearnable-labels"][0].strength

    table, sequences = X[:120], np.zeros((120, 12, 2))
    assert strength(table, 500) > strength(sequences, 500) > strength(sequences, 50)


def test_codes_of_categories_weigh_more_where_trees_tell_them_apart() -> None:
    fit = on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", beside(IDS[::-1]))

    def strength(linear: float) -> float:
        reference = ReferenceScores(0.0, linear, 0.9, "boosted trees", "accuracy", 200)
        return run(fit, reference)["coded-categories"][0].strength

    assert strength(0.3) > strength(0.85)


def test_several_outputs_for_one_target_belong_to_a_loss_of_ones_own() -> None:
    fit = on(REAL, (3, "linear"), "mean_squared_error")
    assert "mismatched-output-units" in run(fit)
    pinball = replace(fit, compile=replace(fit.compile, losses=(LossFacts("pinball", is_custom=True),)))
    found = run(pinball)
    assert "mismatched-output-units" not in found
    assert "below-reference" not in found  # quantiles are no predictions of the mean
    assert Subject(pinball, task_of(pinball), REFERENCE).skill is None
    assert Subject(fit, task_of(fit), REFERENCE).skill is not None


def test_a_loss_of_ones_own_may_aim_beside_the_mean() -> None:
    fit = on(REAL, (1, "linear"), "mean_squared_error")
    spread = float(fit.data.targets[0].std)
    facts = {"metric": "r2", "skill": 0.3, "split": "training", "correlation": 0.9}
    quantile = replace(fit, evaluation={**fit.evaluation, **facts, "prediction_std": 1.1 * spread})
    assert Subject(quantile, task_of(quantile), REFERENCE).skill == 0.3
    own = replace(fit.compile, losses=(LossFacts("pinball", is_custom=True),))
    aimed = replace(quantile, compile=own)
    assert Subject(aimed, task_of(aimed), REFERENCE).skill == pytest.approx(0.81)
    small = replace(aimed, evaluation={**aimed.evaluation, "prediction_std": 0.1 * spread})  # on another scale
    assert Subject(small, task_of(small), REFERENCE).skill == 0.3


def test_what_a_step_of_ones_own_takes_besides_the_inputs_need_not_be_labels() -> None:
    pairs = on(X[::-1].copy(), (3, "linear"), "mean_squared_error", X)
    assert "mismatched-output-units" in run(pairs)
    views = replace(pairs, compile=replace(pairs.compile, losses=()))
    assert task_of(views).kind == "unknown"
    assert Subject(views, task_of(views), REFERENCE).skill is None
    assert "mismatched-output-units" not in run(views)
    rebuilt = on(X, (4, "linear"), "mean_squared_error", X)
    assert task_of(replace(rebuilt, compile=views.compile)).kind == "regression"


def test_a_distance_may_be_small_where_the_label_is_one() -> None:
    fit = on(IDS % 2, (1, "linear"), "mean_squared_error")
    turned = replace(
        fit, evaluation={**fit.evaluation, "skill": -0.9, "classes": [0, 1], "confusion": [[3, 57], [57, 3]]}
    )
    assert "permuted-classes" in run(turned)
    contrastive = LossFacts("contrastive", is_custom=True)
    distance = replace(turned, compile=replace(fit.compile, losses=(contrastive,)))
    assert "permuted-classes" not in run(distance)
    assert Subject(distance, task_of(distance), REFERENCE).skill == 0.9
    probability = on(IDS % 2, (1, "sigmoid"), "mean_squared_error")
    probability = replace(turned, model=probability.model, compile=distance.compile)
    assert "permuted-classes" in run(probability)


def test_a_regression_that_hardly_varies_is_constant() -> None:
    fit = scaled(REAL)
    spread = {**fit.evaluation, "metric": "r2", "prediction_std": 0.001 * float(REAL.std())}
    assert "constant-prediction" in run(replace(fit, evaluation=spread))
    assert "constant-prediction" not in run(replace(fit, evaluation={**spread, "prediction_std": 0.3}))


def test_large_first_steps_count_as_oversized() -> None:
    killed = {index: {"update_norm": [15.0, 0.4, 0.1, 0.0, 0.0, 0.0]} for index in range(3)}
    symptom = run(fit_trace(statistics=statistics(3, per_layer=killed)))["oversized-updates"][0]
    assert symptom.value == pytest.approx(3.0)
    assert symptom.details["at_start"]


def test_the_first_broken_layer_is_named() -> None:
    table = {1: {"activation_nonfinite": [0, 0, 0, 1, 1, 1]}, 2: {"activation_nonfinite": [0, 0, 0, 1, 1, 1]}}
    symptom = run(fit_trace(statistics=statistics(3, per_layer=table)))["nonfinite-activation"][0]
    assert symptom.layer is not None
    assert (symptom.layer.index, symptom.epoch) == (1, 1)


def test_a_replayed_step_is_told_in_words() -> None:
    fit = replace(with_losses(0.7, 0.6, math.nan), breakdown=breakdown())
    found = run(fit)
    told = "Layer 1 (dense_1), forward: output is infinite in Exp of -209 … 209; "
    told += "what goes in is finite and reaches 209 (input)."
    symptom = found["nonfinite-activation"][0]
    assert symptom.text == f"{told} This is what broke first, at step 7."
    assert symptom.layer is not None
    assert (symptom.layer.index, symptom.epoch, symptom.details["step"]) == (1, 1, 7)
    assert found["nonfinite-loss"][0].text == (
        f"The loss is not a finite number from step 2 on. Step 7 broke first. {told}"
    )


def test_custom_losses_are_not_judged_by_their_name() -> None:
    fit = on(REAL, (1, "sigmoid"), "binary_crossentropy")
    own = replace(fit.compile, losses=(replace(fit.compile.losses[0], is_custom=True),))
    assert "mismatched-loss" not in run(replace(fit, compile=own))


def test_class_weights_make_the_trivial_loss_unknown() -> None:
    fit = with_losses(0.8, 0.7, 0.695)
    assert "trivial-loss" not in run(replace(fit, data=replace(fit.data, has_class_weight=True)))


def test_images_with_their_own_channels_are_measured_as_a_whole() -> None:
    pictures = GENERATOR.integers(0, 256, (60, 8, 8, 3)).astype(np.float32)
    fit = fit_trace(model_layers := dense_layers((8, "relu"), (1, "sigmoid")), x=pictures, y=IDS[:60] % 2)
    assert "unscaled-inputs" in run(fit)
    small = replace(fit, data=data(pictures / 255, IDS[:60] % 2), model=model(model_layers))
    assert "unscaled-inputs" not in run(replace(small, sample=DataSample((pictures / 255,), (IDS[:60] % 2,))))


def test_each_output_is_judged_by_its_own_loss() -> None:
    trunk, left, right = dense_layers((16, "relu"), (3, "softmax"), (1, "linear"))
    layers = (replace(trunk, outbound=(1, 2)), replace(left, outbound=()), replace(right, inbound=(0,)))
    fit = fit_trace(layers, x=X, y=IDS)
    losses = (*compiled("sparse_categorical_crossentropy").losses, *compiled("mean_squared_error").losses)
    two = replace(
        fit,
        compile=replace(fit.compile, losses=losses),
        model=replace(fit.model, output_layers=(1, 2), output_shapes=()),
    )
    assert "unsuitable-output-activation" not in run(two)
    swapped = replace(two, compile=replace(fit.compile, losses=losses[::-1]))
    assert "unsuitable-output-activation" in run(swapped)
