"""A trace of a deep network that trained well, made up: every series has values that drift and scatter."""

from __future__ import annotations

import numpy as np
from dlfix.diagnose.source import CallSite, SourceSpan
from dlfix.diagnose.task import array_facts
from dlfix.diagnose.trace import (
    LAYER_STATISTICS,
    CompileFacts,
    DataFacts,
    DataSample,
    FitFacts,
    FitTrace,
    LayerFacts,
    LossFacts,
    ModelFacts,
    OptimizerFacts,
    Statistics,
    Trace,
)

_WIDTH = 32
_LEVELS = {
    "activation_nonfinite": 0.0,
    "gradient_nonfinite": 0.0,
    "weight_nonfinite": 0.0,
    "saturated_fraction": float("nan"),
    "dead_fraction": 0.05,
    "zero_fraction": 0.4,
    "activation_min": 0.0,
    "weight_norm": 5.0,
    "update_norm": 0.005,
}


def synthetic_trace(layers: int, samples: int, rows: int) -> Trace:
    """A completed fit of a chain of ``layers`` Dense layers with ``samples`` sampled steps."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, max(rows, 64))
    x = (generator.normal(size=(len(y), 20)) + y[:, None] * 0.5).astype("float32")
    facts = tuple(_layer(index, layers) for index in range(layers))
    parameters = sum(layer.parameters for layer in facts)
    fit = FitTrace(
        model=ModelFacts(
            "deep", "sequential", facts, (layers - 1,), parameters, parameters, ((None, 20),), ((None, 1),)
        ),
        compile=CompileFacts(OptimizerFacts("Adam", 0.001), (LossFacts("binary_crossentropy"),), ("accuracy",)),
        fit=FitFacts(50, 32, 200, True, site=_site(900)),
        data=DataFacts("arrays", (array_facts("x", x),), (array_facts("y", y),), len(y)),
        statistics=_statistics(generator, layers, samples),
        sample=DataSample((x,), (y,)) if rows else None,
        epoch_metrics={"loss": tuple(np.linspace(0.7, 0.2, 50)), "accuracy": tuple(np.linspace(0.5, 0.95, 50))},
        epoch_seconds=(1.0,) * 50,
        state="completed",
        seconds=50.0,
        evaluation={"skill": 0.9, "metric": "accuracy", "score": 0.95, "trivial": 0.5, "split": "validation"},
    )
    return Trace("/project/train.py", "/project", (), "completed", 60.0, (fit,), models_built=1)


def _statistics(generator: np.random.Generator, layers: int, samples: int) -> Statistics:
    def series(name: str) -> np.ndarray:
        scatter = generator.lognormal(0.0, 0.1, (samples, layers))
        return (_LEVELS.get(name, 0.5) * scatter).astype(np.float32)

    steps = np.arange(samples) * 10
    losses = np.linspace(0.7, 0.2, 4000) * generator.lognormal(0.0, 0.05, 4000)
    return Statistics(
        steps=steps,
        epochs=steps // 200,
        layers={name: series(name) for name in LAYER_STATISTICS},
        gradient_norm=generator.lognormal(0.0, 0.2, samples),
        loss_steps=np.arange(4000),
        loss=losses,
    )


def _layer(index: int, layers: int) -> LayerFacts:
    before, units = (20 if index == 0 else _WIDTH), (1 if index == layers - 1 else _WIDTH)
    activation = "sigmoid" if index == layers - 1 else "relu"
    return LayerFacts(
        index=index,
        name=f"dense_{index}",
        class_name="Dense",
        activation=activation,
        units=units,
        input_shape=(None, before),
        output_shape=(None, units),
        parameters=(before + 1) * units,
        trainable_parameters=(before + 1) * units,
        inbound=(index - 1,) if index else (),
        outbound=(index + 1,) if index + 1 < layers else (),
        site=_site(10 + index),
        config={"units": units, "activation": activation, "use_bias": True},
        weights={"kernel": (before, units), "bias": (units,)},
        initial={"kernel_std": (2 / (before + units)) ** 0.5, "kernel_max": 0.6, "bias_std": 0.0, "bias_max": 0.0},
    )


def _site(line: int) -> CallSite:
    return CallSite(SourceSpan("train.py", line, 5, line, 40))
