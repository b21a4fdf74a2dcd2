"""For each kind of fault, which symptoms speak for it, and where in the script it is written.

The numbers in ``EVIDENCE`` are likelihoods as documented beside the checks: how probable it is that a change of this
kind is needed when the symptom is seen at full strength. They are judgements; how often what follows from them is right
is measured, and maps them to frequencies (``confidence.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evidence:
    """What speaks for a kind of fault.

    Attributes:
        primary: Check id -> likelihood. At least one of these must be seen.
        support: Check id -> likelihood; strengthens a suspicion, raises none.
    """

    primary: Mapping[str, float]
    support: Mapping[str, float] = field(default_factory=dict)


_STUCK = {"constant-prediction": 0.15, "trivial-skill": 0.1, "flat-loss": 0.1, "trivial-loss": 0.1}
#: A fit that raised, beside a contradiction of shapes or labels: most likely because of it.
_FAILED = {"failed-training": 0.3}

EVIDENCE: Mapping[str, Evidence] = {
    "missing_values": Evidence(
        {"nonfinite-inputs": 0.97, "nonfinite-labels": 0.97, "nonfinite-batch": 0.97, "placeholder-values": 0.9},
        {"nonfinite-loss": 0.2},
    ),
    "frozen_weights": Evidence({"frozen-weights": 0.95, "frozen-random-weights": 0.85}, _STUCK),
    "output_activation": Evidence(
        {
            "single-unit-softmax": 0.97,
            "unreachable-targets": 0.95,
            "unsuitable-output-activation": 0.9,
            "exclusive-multilabel-output": 0.95,
            "mixed-output-activation": 0.5,
            "doubled-output-activation": 0.75,
        },
        {**_STUCK, "nonfinite-loss": 0.2, "dying-relu": 0.2, "flat-accuracy": 0.15, "zero-accuracy": 0.15},
    ),
    "output_units": Evidence({"mismatched-output-units": 0.97}, {**_STUCK, **_FAILED, "unpredicted-class": 0.15}),
    "loss": Evidence(
        {"mismatched-loss": 0.95, "undefined-loss": 0.9, "broadcast-loss": 0.9, "excessive-label-smoothing": 0.5},
        {**_STUCK, **_FAILED, "negative-loss": 0.5},
    ),
    "label_encoding": Evidence(
        {"out-of-range-labels": 0.9, "scaled-class-labels": 0.97, "mismatched-loss": 0.6},
        {**_FAILED, "negative-loss": 0.4, "zero-accuracy": 0.3},
    ),
    "label_order": Evidence(
        {
            "swapped-outputs": 0.95,
            "misaligned-labels": 0.95,
            "unrelated-labels": 0.95,
            "permuted-classes": 0.75,
            "permuted-target-columns": 0.75,
            "inverted-prediction": 0.3,
        },
        {"trivial-skill": 0.1},
    ),
    "class_weights": Evidence({"zero-sample-weights": 0.9, "inverted-class-weights": 0.6}, {"neglected-class": 0.3}),
    "regularization": Evidence(
        {"excessive-regularization": 0.75, "excessive-weight-decay": 0.5, "excessive-weight-constraint": 0.6}, _STUCK
    ),
    "layers": Evidence(
        {
            "mismatched-output-shape": 0.95,
            "collapsed-feature-maps": 0.35,
            "deep-plain-stack": 0.75,
            "repeated-state": 0.7,
        },
        {**_STUCK, **_FAILED, "vanishing-gradient": 0.2, "fading-activation": 0.2},
    ),
    "evaluation": Evidence(
        {
            "mismatched-validation-inputs": 0.9,
            "mismatched-test-inputs": 0.9,
            "shifted-inputs": 0.35,
            "leaked-rows": 0.25,
            "suspicious-validation": 0.2,
        }
    ),
    "strides": Evidence({"collapsed-feature-maps": 0.65, "skipping-strides": 0.85}, _STUCK),
    "kernel_size": Evidence(
        {"collapsed-feature-maps": 0.4, "oversized-kernel": 0.3, "pointwise-kernels": 0.85}, _STUCK
    ),
    "filters": Evidence({"narrow-convolution": 0.75}, _STUCK),
    "input_size": Evidence({"collapsed-feature-maps": 0.25}),
    "feature_encoding": Evidence(
        {
            "heavy-tailed-inputs": 0.4,
            "coded-categories": 0.3,
            "identifier-columns": 0.25,
            "non-numeric-inputs": 0.8,
            "swapped-image-axes": 0.6,
            "padded-sequences": 0.6,
            "scrambled-inputs": 0.9,
            "mixed-axes": 0.9,
        },
        {"below-reference": 0.15},
    ),
    "training_data": Evidence(
        {
            "single-class-labels": 0.97,
            "imbalanced-classes": 0.4,
            "unlearnable-labels": 0.85,
            "neglected-class": 0.4,
            "contradicted-labels": 0.35,
            "starved-training-set": 0.7,
            "shifted-class-shares": 0.75,
            "unseen-classes": 0.8,
            "misleading-training-rows": 0.5,
            "shifted-inputs": 0.65,
        },
        {"trivial-skill": 0.1, "unpredicted-class": 0.1},
    ),
    "shuffle": Evidence(
        {"sorted-labels": 0.75, "unseen-classes": 0.95, "shifted-class-shares": 0.9},
        {"oscillating-loss": 0.2, "trivial-skill": 0.2},
    ),
    "input_scaling": Evidence(
        {
            "unscaled-inputs": 0.7,
            "mismatched-validation-inputs": 0.9,
            "mismatched-test-inputs": 0.9,
            "large-inputs": 0.4,
        },
        {
            **_STUCK,
            "saturated-activation": 0.5,
            "dying-relu": 0.3,
            "oscillating-loss": 0.25,
            "nonfinite-loss": 0.3,
            "nonfinite-weight": 0.1,
            "exploding-loss": 0.3,
            "below-reference": 0.3,
            "exploding-gradient": 0.2,
            "large-activation": 0.3,
            "input-blind-activation": 0.1,
        },
    ),
    "target_scaling": Evidence(
        {"unscaled-targets": 0.65},
        {
            **_STUCK,
            "trivial-loss": 0.35,
            "nonfinite-loss": 0.5,
            "exploding-loss": 0.4,
            "dying-relu": 0.3,
            "unconverged-loss": 0.2,
            "undersized-updates": 0.2,
            "below-reference": 0.25,
        },
    ),
    "learning_rate": Evidence(
        {
            "oversized-updates": 0.8,
            "undersized-updates": 0.9,
            "rate-beyond-range": 0.85,
            "rate-below-range": 0.85,
            "exploding-loss": 0.6,
            "nonfinite-loss": 0.5,
            "oscillating-loss": 0.4,
            "exploding-gradient": 0.35,
            "dying-relu": 0.4,
            "overshooting-steps": 0.6,
            "timid-steps": 0.6,
            "unusual-learning-rate": 0.5,
        },
        {**_STUCK, "unconverged-loss": 0.1, "rising-loss": 0.2, "large-weight": 0.1, "batch-chasing-steps": 0.2},
    ),
    "initializer": Evidence(
        {
            "symmetric-weights": 0.95,
            "unsuitable-initial-weights": 0.5,
            "unsuitable-initial-bias": 0.6,
            "exploding-recurrence": 0.85,
        },
        {
            **_STUCK,
            "saturated-activation": 0.2,
            "vanishing-gradient": 0.2,
            "dying-relu": 0.15,
            "fading-activation": 0.2,
            "large-activation": 0.1,
        },
    ),
    "hidden_activation": Evidence(
        {
            "missing-nonlinearity": 0.6,
            "vanishing-gradient": 0.7,
            "sigmoid-stack": 0.65,
            "saturated-activation": 0.35,
            "dying-relu": 0.25,
            "hidden-softmax": 0.7,
            "misplaced-activation": 0.5,
            "stacked-activations": 0.4,
            "undefined-operation": 0.8,
        },
        {
            **_STUCK,
            "below-reference": 0.2,
            "fading-activation": 0.2,
            "input-blind-activation": 0.1,
            "missing-gradient": 0.1,
        },
    ),
    "epochs": Evidence(
        {"misdirected-stopping": 0.95, "unconverged-loss": 0.5, "too-few-updates": 0.5, "few-passes": 0.6},
        {"below-reference": 0.15},
    ),
    "dropout": Evidence(
        {"excessive-dropout": 0.65, "dropout-at-output": 0.8, "dropout-before-normalization": 0.2}, _STUCK
    ),
    "batch_size": Evidence(
        {"oversized-batch": 0.7, "noisy-batches": 0.5, "batch-chasing-steps": 0.3}, {"oscillating-loss": 0.15}
    ),
    "optimizer": Evidence(
        {
            "exploding-gradient": 0.4,
            "unusual-momentum": 0.6,
            "unusual-epsilon": 0.9,
            "excessive-clipping": 0.9,
            "slow-default-optimizer": 0.9,
        },
        {"nonfinite-loss": 0.1},
    ),
    "units": Evidence({"narrow-layer": 0.8}, {"below-reference": 0.1}),
    "batch_normalization": Evidence(
        {"stale-moving-statistics": 0.85, "inference-mode-steps": 0.95},
        {"below-reference": 0.1, "overfitting": 0.2, "learned-by-heart": 0.2},
    ),
    "overfitting": Evidence({"overfitting": 0.5, "learned-by-heart": 0.5}),
}

#: Kinds that name a single layer, by the layer of their main symptom.
LAYER_KINDS = frozenset(
    {"hidden_activation", "initializer", "dropout", "regularization", "units", "filters", "batch_normalization"}
)
#: Symptoms that name the very setting of the optimizer which is wrong.
OPTIMIZER_SETTINGS = frozenset({"unusual-momentum", "unusual-epsilon", "excessive-clipping", "slow-default-optimizer"})

#: Where the setting is written: hyperparameter name by kind.
HYPERPARAMETERS: Mapping[str, str] = {
    "missing_values": "inputs",
    "input_scaling": "inputs",
    "target_scaling": "targets",
    "label_encoding": "targets",
    "training_data": "targets",
    "feature_encoding": "inputs",
    "input_size": "inputs",
    "evaluation": "fit.validation_data",
    "strides": "strides",
    "kernel_size": "kernel_size",
    "shuffle": "fit.shuffle",
    "learning_rate": "optimizer.learning_rate",
    "optimizer": "optimizer",
    "loss": "compile.loss",
    "epochs": "fit.epochs",
    "batch_size": "fit.batch_size",
    "output_activation": "activation",
    "hidden_activation": "activation",
    "output_units": "units",
    "units": "units",
    "filters": "filters",
    "initializer": "kernel_initializer",
    "dropout": "rate",
    "frozen_weights": "trainable",
    "regularization": "kernel_regularizer",
    "class_weights": "fit.class_weight",
    "label_order": "targets",
    "batch_normalization": "momentum",
}
#: The same where a single check tells more than the kind does.
HYPERPARAMETER_OF_CHECK: Mapping[str, str] = {"mismatched-test-inputs": "inputs", "inference-mode-steps": "training"}
