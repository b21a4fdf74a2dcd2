"""Builders of small synthetic traces, without TensorFlow and without training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from dlfix.diagnose.source import CallSite, SourceSpan
from dlfix.diagnose.task import array_facts
from dlfix.diagnose.trace import (
    LAYER_STATISTICS,
    Breakdown,
    CompileFacts,
    DataFacts,
    DataSample,
    ExceptionFacts,
    FitFacts,
    FitTrace,
    LayerFacts,
    LossFacts,
    ModelFacts,
    OptimizerFacts,
    Statistics,
    TensorRange,
    Trace,
    TrailPoint,
)

#: What a layer of a well-behaved network looks like; override by name.
HEALTHY: dict[str, float] = {
    "activation_mean": 0.4,
    "activation_std": 0.6,
    "activation_min": 0.0,
    "activation_max": 3.0,
    "activation_nonfinite": 0.0,
    "zero_fraction": 0.4,
    "dead_fraction": 0.05,
    "saturated_fraction": math.nan,
    "batch_std": 0.5,
    "output_gradient_norm": 0.02,
    "gradient_norm": 0.5,
    "gradient_nonfinite": 0.0,
    "weight_norm": 5.0,
    "weight_max": 0.5,
    "weight_nonfinite": 0.0,
    "update_norm": 0.005,
}


def span(line: int, file: str = "train.py") -> SourceSpan:
    return SourceSpan(file, line, 5, line, 40)


def site(line: int, file: str = "train.py") -> CallSite:
    return CallSite(span(line, file))


def dense_layers(*shape: tuple[int, str], inputs: int = 4) -> tuple[LayerFacts, ...]:
    """A chain of Dense layers, each ``(units, activation)``, written on lines 11, 12, …"""
    layers = []
    before = inputs
    for index, (units, activation) in enumerate(shape):
        layers.append(
            LayerFacts(
                index=index,
                name="dense" if index == 0 else f"dense_{index}",
                class_name="Dense",
                activation=activation,
                units=units,
                input_shape=(None, before),
                output_shape=(None, units),
                parameters=(before + 1) * units,
                trainable_parameters=(before + 1) * units,
                inbound=(index - 1,) if index else (),
                outbound=(index + 1,) if index + 1 < len(shape) else (),
                site=site(11 + index),
                config={"units": units, "activation": activation, "use_bias": True},
                weights={"kernel": (before, units), "bias": (units,)},
                initial={
                    "kernel_std": math.sqrt(2 / (before + units)),
                    "kernel_max": 0.9,
                    "bias_std": 0.0,
                    "bias_max": 0.0,
                },
            )
        )
        before = units
    return tuple(layers)


def model(layers: Sequence[LayerFacts], kind: str = "sequential") -> ModelFacts:
    last = layers[-1]
    return ModelFacts(
        name="model",
        kind=kind,
        layers=tuple(layers),
        output_layers=(last.index,),
        parameters=sum(layer.parameters for layer in layers),
        trainable_parameters=sum(layer.trainable_parameters for layer in layers),
        input_shapes=(layers[0].input_shape or (None,),),
        output_shapes=(last.output_shape,) if last.output_shape else (),
        site=site(10),
    )


def compiled(
    loss: str = "binary_crossentropy",
    optimizer: str = "Adam",
    learning_rate: float = 0.001,
    *,
    from_logits: bool = False,
    from_string: bool = True,
    metrics: Sequence[str] = ("accuracy",),
) -> CompileFacts:
    return CompileFacts(
        optimizer=OptimizerFacts(optimizer, learning_rate, {"learning_rate": learning_rate}, from_string, site(20)),
        losses=(LossFacts(loss, from_logits=from_logits, from_string=from_string, site=site(20)),),
        metrics=tuple(metrics),
        site=site(20),
    )


def statistics(
    layers: int,
    steps: Sequence[int] = (0, 1, 2, 4, 8, 16),
    *,
    loss: Sequence[float] | None = None,
    per_layer: Mapping[int, Mapping[str, float | Sequence[float]]] | None = None,
    series: Mapping[str, float | Sequence[float]] | None = None,
    steps_per_epoch: int = 4,
) -> Statistics:
    """Series in which every layer is healthy except where ``per_layer[index][statistic]`` says otherwise.

    Each step goes two thirds of the way to the minimum along its direction (a gain ratio of 2/3) except where
    ``series`` says otherwise by the names in ``STEP_SERIES``.
    """
    count = len(steps)
    table = {name: np.full((count, layers), HEALTHY[name]) for name in LAYER_STATISTICS}
    for index, overrides in (per_layer or {}).items():
        for name, values in overrides.items():
            table[name][:, index] = values
    losses = np.asarray(loss if loss is not None else np.linspace(0.7, 0.2, max(steps[-1] + 1, 2)), dtype=np.float64)
    norms = np.sqrt(np.nansum(table["gradient_norm"] ** 2, axis=1))
    before = np.interp(steps, np.arange(len(losses)), losses)
    by_step = {
        "loss_before": before,
        "loss_after": before - 0.002,
        "predicted_change": -0.003,
        "penalty": 0.0,
        "learning_rate": 0.001,
    }
    filled = {
        name: np.broadcast_to(value, count).astype(float) for name, value in (by_step | dict(series or {})).items()
    }
    return Statistics(
        steps=np.asarray(steps),
        epochs=np.asarray(steps) // steps_per_epoch,
        layers=table,
        gradient_norm=norms,
        loss_steps=np.arange(len(losses)),
        loss=losses,
        **filled,
    )


def data(x: np.ndarray, y: np.ndarray, validation: tuple[np.ndarray, np.ndarray] | None = None) -> DataFacts:
    return DataFacts(
        kind="arrays",
        inputs=(array_facts("x", x),),
        targets=(array_facts("y", y),),
        rows=len(x),
        validation_rows=len(validation[0]) if validation else None,
        validation_inputs=(array_facts("x", validation[0]),) if validation else (),
        validation_targets=(array_facts("y", validation[1]),) if validation else (),
        has_validation=validation is not None,
    )


def two_moons(rows: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A separable two-class problem in four columns, scaled."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, rows)
    x = generator.normal(size=(rows, 4)) + np.outer(y * 2 - 1, [1.0, -1.0, 0.5, 0.0])
    return x.astype(np.float32), y


def fit_trace(
    layers: Sequence[LayerFacts] | None = None,
    compile_facts: CompileFacts | None = None,
    x: np.ndarray | None = None,
    y: np.ndarray | None = None,
    **changes: Any,
) -> FitTrace:
    """A fit on a binary task; healthy unless ``changes`` (fields of FitTrace) say otherwise."""
    layers = layers if layers is not None else dense_layers((16, "relu"), (16, "relu"), (1, "sigmoid"))
    if x is None or y is None:
        x, y = two_moons()
    epochs = 5
    made = FitTrace(
        model=model(layers),
        compile=compile_facts or compiled(),
        fit=FitFacts(epochs=epochs, batch_size=32, steps_per_epoch=math.ceil(len(x) / 32), shuffle=True, site=site(21)),
        data=data(x, y),
        statistics=statistics(len(layers)),
        sample=DataSample((x,), (y,)),
        epoch_metrics={
            "loss": tuple(np.linspace(0.7, 0.2, epochs).tolist()),
            "accuracy": tuple(np.linspace(0.5, 0.95, epochs).tolist()),
        },
        epoch_seconds=(0.1,) * epochs,
        state="completed",
        seconds=0.5,
        evaluation={
            "skill": 0.9,
            "metric": "accuracy",
            "score": 0.95,
            "trivial": 0.5,
            "split": "training",
            "constant": False,
            "prediction_min": 0.01,
            "prediction_max": 0.99,
            "prediction_std": 0.4,
        },
    )
    return replace(made, **changes)


def trace(*fits: FitTrace, **changes: Any) -> Trace:
    """A completed run with the given fits (one healthy fit if none is given)."""
    made = Trace(
        script="/project/train.py",
        project_root="/project",
        arguments=(),
        state="completed",
        seconds=3.0,
        fits=fits or (fit_trace(),),
        models_built=1,
        environment={"python": "3.11.0", "keras": "3.15.0", "tensorflow": "2.21.0"},
    )
    return replace(made, **changes)


def raised(message: str = "Shapes do not match", line: int = 21) -> ExceptionFacts:
    text = f'Traceback (most recent call last):\n  File "train.py", line {line}, in <module>\nValueError: {message}'
    return ExceptionFacts("ValueError", message, text, site(line))


def breakdown(direction: str = "forward", cause: str = "operation", **changes: Any) -> Breakdown:
    """A replayed step 7 in which layer 1 broke."""
    made = Breakdown(
        step=7,
        epoch=1,
        direction=direction,
        operation="dense_1",
        kind="Dense",
        layer=1,
        tensor="output",
        cause=cause,
        value=TensorRange("output", 0.0, 2.0, 0.5, 0, 6, 64),
        inputs=(
            TensorRange("input", -209.0, 209.0, 0.0, 0, 0, 64),
            TensorRange("weight kernel", 0.0, 100.0, 3.0, 0, 0, 64),
        ),
        trail=(TrailPoint("dense", 0, 2.5, math.nan), TrailPoint("dense_1", 1, 2.0, math.nan, True)),
        detail="Exp of -209 … 209",
    )
    return replace(made, **changes)
