"""Causes before consequences: what a likely cause accounts for is no suspect of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from .evidence import OPTIMIZER_SETTINGS
from .hypotheses import Hypothesis

#: cause kind -> consequence kind -> what remains of the consequence's confidence once the cause is certain.
EXPLAINS: Mapping[str, Mapping[str, float]] = {
    "missing_values": {
        "learning_rate": 0.1,
        "input_scaling": 0.5,
        "target_scaling": 0.3,
        "optimizer": 0.1,
        "hidden_activation": 0.1,
        "epochs": 0.3,
    },
    "output_activation": {"learning_rate": 0.4, "hidden_activation": 0.6, "epochs": 0.3, "loss": 0.7, "optimizer": 0.4},
    "output_units": {"learning_rate": 0.4, "epochs": 0.4, "output_activation": 0.8, "loss": 0.9, "label_encoding": 0.8},
    "loss": {"learning_rate": 0.5, "epochs": 0.5, "hidden_activation": 0.5, "optimizer": 0.5},
    "label_encoding": {
        "learning_rate": 0.4,
        "epochs": 0.3,
        "hidden_activation": 0.5,
        "target_scaling": 0.3,
        "output_activation": 0.6,
    },
    "frozen_weights": {"learning_rate": 0.1, "epochs": 0.1, "hidden_activation": 0.3},
    "initializer": {"hidden_activation": 0.5, "learning_rate": 0.4, "epochs": 0.5},
    "input_scaling": {
        "training_data": 0.5,
        "learning_rate": 0.6,
        "hidden_activation": 0.6,
        "epochs": 0.7,
        "optimizer": 0.5,
    },
    "target_scaling": {"learning_rate": 0.6, "hidden_activation": 0.6, "epochs": 0.8, "optimizer": 0.5},
    "learning_rate": {"hidden_activation": 0.4, "epochs": 0.5, "batch_size": 0.6, "optimizer": 0.7, "overfitting": 0.6},
    "hidden_activation": {"learning_rate": 0.6, "epochs": 0.7},
    "layers": {
        "output_units": 0.8,
        "loss": 0.6,
        "hidden_activation": 0.6,
        "learning_rate": 0.4,
        "epochs": 0.4,
        "initializer": 0.6,
    },
    "regularization": {"learning_rate": 0.4, "epochs": 0.4, "hidden_activation": 0.5, "units": 0.5, "optimizer": 0.5},
    "dropout": {"learning_rate": 0.6, "epochs": 0.4, "units": 0.5, "batch_size": 0.6},
    "shuffle": {
        "training_data": 0.5,
        "learning_rate": 0.4,
        "epochs": 0.5,
        "batch_size": 0.5,
        "optimizer": 0.6,
        "hidden_activation": 0.6,
    },
    "epochs": {"learning_rate": 0.4, "units": 0.5, "overfitting": 0.6},
    "class_weights": {"learning_rate": 0.5, "epochs": 0.4, "training_data": 0.5, "optimizer": 0.6},
    "label_order": {"learning_rate": 0.4, "epochs": 0.3, "training_data": 0.4, "overfitting": 0.4, "units": 0.5},
    "training_data": {"learning_rate": 0.4, "epochs": 0.3, "units": 0.4, "overfitting": 0.5, "batch_size": 0.4},
    "optimizer": {"learning_rate": 0.3, "epochs": 0.3, "batch_size": 0.4},
    "units": {"learning_rate": 0.6, "epochs": 0.5, "hidden_activation": 0.6},
    "filters": {"learning_rate": 0.6, "epochs": 0.5, "hidden_activation": 0.6},
    "kernel_size": {"learning_rate": 0.5, "epochs": 0.4, "units": 0.5},
    "strides": {"learning_rate": 0.5, "epochs": 0.4, "units": 0.5, "overfitting": 0.6},
    "evaluation": {"training_data": 0.4, "learning_rate": 0.5, "epochs": 0.4, "overfitting": 0.4, "units": 0.5},
    "batch_size": {"epochs": 0.6},
    "feature_encoding": {"training_data": 0.5, "epochs": 0.4, "learning_rate": 0.6},
    "batch_normalization": {"epochs": 0.4, "overfitting": 0.4, "learning_rate": 0.5, "input_scaling": 0.6},
}
#: The only symptoms by which these kinds explain others.
CAUSING = frozenset({("epochs", "misdirected-stopping"), ("feature_encoding", "padded-sequences")})


def explain_away(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """Lower what a more likely cause accounts for: the surer the cause, the less is left of its consequences.

    Several layers with the same fault explain no more than the surest of them.
    """
    result = []
    for item in hypotheses:
        left: dict[str, float] = {}
        for cause in hypotheses:
            share = _left_by(cause, item)
            left[cause.kind] = min(left.get(cause.kind, 1.0), share)
        result.append(replace(item, confidence=item.confidence * math.prod(left.values())))
    return result


def _left_by(cause: Hypothesis, item: Hypothesis) -> float:
    """The share of one hypothesis's confidence that another one leaves."""
    if cause.kind == "optimizer" and cause.main.check not in OPTIMIZER_SETTINGS:
        return 1.0  # missing clipping is a remedy for large steps, no cause of them
    if (cause.main.details.get("size"), item.details.get("direction")) == ("large", "too low"):
        return 0.5  # steps measured against inflated initial weights look small whatever the rate
    # Too few epochs, or odd columns, are as often beside the point.
    if (cause.kind, cause.main.check) not in CAUSING and cause.kind in {kind for kind, _ in CAUSING}:
        return 1.0
    left = EXPLAINS.get(cause.kind, {}).get(item.kind)
    if cause.main.check == "mismatched-test-inputs" and not cause.main.details.get("judged_here"):
        return 1.0  # training has nothing to do with what comes after it
    if left is None or cause is item or cause.confidence < item.confidence * 0.75:
        return 1.0
    if cause.kind == "input_scaling" and cause.main.details.get("small"):
        return 1.0
    if cause.kind in ("input_scaling", "target_scaling") and item.details.get("unusual"):
        return 1.0  # large numbers make usual rates too high, they do not choose the rate
    too_low = "too low" in (cause.details.get("direction"), item.details.get("direction"))
    if {cause.kind, item.kind} == {"learning_rate", "hidden_activation"} and (
        too_low != (cause.kind == "hidden_activation") or cause.main.check == "missing-nonlinearity"
    ):
        return 1.0  # large steps kill units; fading gradients make steps small
    return 1 - cause.confidence * (1 - left)
