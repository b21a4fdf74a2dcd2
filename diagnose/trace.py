"""The trace: what one instrumented training run recorded, as plain data.

A trace is written by the probe in the user's process and read by checks, reference learners, the knowledge base and the
report. Reading one needs neither TensorFlow nor pickle: facts are JSON, series are ``.npz`` arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .source import CallSite

#: Statistics of one layer at one sampled step. Each is an array of shape ``(samples, layers)``; NaN where the layer has
#: no such value (no weights, no gradient, no saturating activation).
LAYER_STATISTICS: tuple[str, ...] = (
    "activation_mean",
    "activation_std",
    "activation_min",
    "activation_max",
    "activation_nonfinite",  # share of entries that are NaN or infinite, 0..1
    "zero_fraction",  # share of entries exactly 0
    "dead_fraction",  # share of units (last axis) that are <= 0 on every example; piecewise-linear units only
    "saturated_fraction",  # share of entries within 1 % of a bound of sigmoid, tanh, hard_sigmoid or softsign
    "batch_std",  # mean over units of the standard deviation over the examples: 0 says the output ignores the input
    "output_gradient_norm",  # L2 norm of d loss / d layer output, per example (root mean square over the batch)
    "gradient_norm",  # L2 norm of d loss / d trainable weights of the layer
    "gradient_nonfinite",
    "weight_norm",
    "weight_max",  # largest absolute weight
    "weight_nonfinite",
    "update_norm",  # L2 norm of the change that this step made to the trainable weights
)

#: Series of :class:`Statistics` with one value per sampled step, shape ``(samples,)``, NaN where unknown.
STEP_SERIES: tuple[str, ...] = ("loss_before", "loss_after", "predicted_change", "penalty", "learning_rate")


@dataclass(frozen=True)
class LayerFacts:
    """One layer of a model as built.

    Attributes:
        index: Position among the model's layers from 0, without input layers. Nested models are flattened in place, and
            so are layer classes of the user's that only group other layers.
        name: Keras name. A flattened layer carries the name of the model or group around it in front (``block/dense``).
        class_name: Keras class, e.g. ``Dense``.
        activation: Name of the layer's own activation (``linear`` if it has the argument but none is set), the function
            of an ``Activation``/``ReLU``/``Softmax``… layer, or None for layers without one.
        units: Size of the last axis of the output, None if unknown.
        inbound: Indices of the layers that feed this one; empty for the first.
        outbound: Indices of the layers it feeds; empty for an output.
        site: Where the user's code made it, None for layers that Keras made on its own.
        config: JSON-able part of ``get_config()``.
        weights: ``{"kernel": [shape...], ...}``.
        initial: ``{"kernel_std": .., "kernel_max": .., "bias_max": .., ...}`` measured before the first step.
    """

    index: int
    name: str
    class_name: str
    activation: str | None = None
    units: int | None = None
    input_shape: tuple[int | None, ...] | None = None
    output_shape: tuple[int | None, ...] | None = None
    parameters: int = 0
    trainable_parameters: int = 0
    trainable: bool = True
    inbound: tuple[int, ...] = ()
    outbound: tuple[int, ...] = ()
    site: CallSite | None = None
    config: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)
    initial: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelFacts:
    """A model that was trained.

    Attributes:
        kind: ``sequential``, ``functional`` or ``subclassed``.
        site: Where the model was made.
        output_layers: Indices of the layers whose outputs are the model's outputs, in output order.
    """

    name: str
    kind: str
    layers: tuple[LayerFacts, ...]
    output_layers: tuple[int, ...]
    parameters: int
    trainable_parameters: int
    input_shapes: tuple[tuple[int | None, ...], ...] = ()
    output_shapes: tuple[tuple[int | None, ...], ...] = ()
    site: CallSite | None = None


@dataclass(frozen=True)
class OptimizerFacts:
    """The optimizer as compiled; ``site`` is the compile call for one given as a string (``from_string``)."""

    class_name: str
    learning_rate: float | None
    config: dict[str, Any] = field(default_factory=dict)
    from_string: bool = False
    site: CallSite | None = None


@dataclass(frozen=True)
class LossFacts:
    """The loss of one output, by Keras's snake-case name (``binary_crossentropy``) or the function's own name."""

    name: str
    from_logits: bool = False
    is_custom: bool = False
    from_string: bool = True
    site: CallSite | None = None
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CompileFacts:
    optimizer: OptimizerFacts
    losses: tuple[LossFacts, ...]
    metrics: tuple[str, ...] = ()
    site: CallSite | None = None
    options: dict[str, Any] = field(default_factory=dict)  # run_eagerly, steps_per_execution, jit_compile, loss_weights


@dataclass(frozen=True)
class ArrayFacts:
    """What was measured of one input or one target (on at most ``rows_seen`` rows).

    Attributes:
        shape: Of the whole array, rows first; rows is None when unknown (a generator).
        minimum, maximum, mean, std: Over all finite entries.
        column_mean, column_std, column_min, column_max: Over rows, for at most 4,096 columns of a 2-d array.
        nonfinite: Number of NaN or infinite entries.
        integers: All finite entries are whole numbers.
        unique: Sorted distinct values when there are at most 256, else None.
        counts: How often each of ``unique`` occurs.
        row_sums: ``(min, max)`` over rows of the row sums for 2-d arrays: (1, 1) says one-hot.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    rows_seen: int
    minimum: float
    maximum: float
    mean: float
    std: float
    nonfinite: int = 0
    integers: bool = False
    unique: tuple[float, ...] | None = None
    counts: tuple[int, ...] = ()
    row_sums: tuple[float, float] | None = None
    column_mean: tuple[float, ...] = ()
    column_std: tuple[float, ...] = ()
    column_min: tuple[float, ...] = ()
    column_max: tuple[float, ...] = ()


@dataclass(frozen=True)
class DataFacts:
    """Inputs and targets as they reached ``fit``.

    Attributes:
        kind: ``arrays``, ``tf.data``, ``generator`` or ``PyDataset``; ``batches`` where the script hands over one batch
            after the other in a loop of its own.
        class_weights: The ``class_weight`` given to ``fit``, by class id as text; empty if none was.
        sample_weights: What was measured of the ``sample_weight`` array given to ``fit``; None if none was.
    """

    kind: str
    inputs: tuple[ArrayFacts, ...]
    targets: tuple[ArrayFacts, ...]
    rows: int | None
    validation_rows: int | None = None
    validation_inputs: tuple[ArrayFacts, ...] = ()
    validation_targets: tuple[ArrayFacts, ...] = ()
    has_validation: bool = False
    has_sample_weight: bool = False
    has_class_weight: bool = False
    class_weights: dict[str, float] = field(default_factory=dict)
    sample_weights: ArrayFacts | None = None


@dataclass(frozen=True)
class LaterCall:
    """What a script gave a model after its training: a call of ``evaluate`` or ``predict`` with arrays.

    Attributes:
        method: ``evaluate`` or ``predict``.
        inputs, targets: Measured on at most some thousand rows; no targets where there are none.
        site: Where it was called.
    """

    method: str
    inputs: tuple[ArrayFacts, ...]
    targets: tuple[ArrayFacts, ...] = ()
    site: CallSite | None = None


@dataclass(frozen=True)
class CallbackFacts:
    """One of Keras's own callbacks that ``fit`` was given: its class and what it was told, as far as JSON holds it."""

    class_name: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FitFacts:
    epochs: int
    batch_size: int | None
    steps_per_epoch: int | None
    shuffle: bool
    validation_split: float = 0.0
    initial_epoch: int = 0
    site: CallSite | None = None
    callbacks: tuple[CallbackFacts, ...] = ()


def _not_given() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True)
class Statistics:
    """Series of one ``fit``.

    Attributes:
        steps: Sampled training steps counted from 0 over the whole fit, shape ``(samples,)``.
        epochs: Epoch of each sample, shape ``(samples,)``.
        layers: One array of shape ``(samples, layers)`` per name in ``LAYER_STATISTICS``.
        gradient_norm: Global gradient norm at each sample, shape ``(samples,)``.
        loss_steps, loss: Training loss per step (window means ending at that step, once it is sampled more sparsely).
        loss_before: The objective (loss and penalties) of the sampled step's own batch before the step.
        loss_after: The same of the same batch, dropout masks included, with the weights that the step left behind; NaN
            when the model draws random numbers that cannot be drawn again, several steps are made in one call, or the
            weights are too large to be held across a step (the same goes for ``predicted_change``).
        predicted_change: Inner product of the gradient and the change of the weights that the step made: how much the
            objective would change if it were linear.
        penalty: Part of ``loss_before`` that is regularization (``model.losses``); 0 when there is none.
        learning_rate: The optimizer's rate at the step, as schedules and callbacks left it.

    ``(loss_after - loss_before) / predicted_change`` is the gain ratio of trust-region methods (Nocedal & Wright,
    *Numerical Optimization*, ch. 4): near 1 the objective is linear along the step and a larger one would pay, 0.5 is
    the minimum of a parabola, 0 or less an overshoot. ``2 (loss_after - loss_before - predicted_change)`` is the
    curvature along the step (as in Cockpit's alpha, Schneider et al. 2021). Series that are not given are NaN.
    """

    steps: np.ndarray
    epochs: np.ndarray
    layers: dict[str, np.ndarray]
    gradient_norm: np.ndarray
    loss_steps: np.ndarray
    loss: np.ndarray
    loss_before: np.ndarray = field(default_factory=_not_given)
    loss_after: np.ndarray = field(default_factory=_not_given)
    predicted_change: np.ndarray = field(default_factory=_not_given)
    penalty: np.ndarray = field(default_factory=_not_given)
    learning_rate: np.ndarray = field(default_factory=_not_given)

    def __post_init__(self) -> None:
        for name in STEP_SERIES:  # an older trace lacks them
            if len(getattr(self, name)) != len(self.steps):
                object.__setattr__(self, name, np.full(len(self.steps), np.nan))


@dataclass(frozen=True)
class DataSample:
    """At most some thousand rows of what reached ``fit``, for the reference learners; shapes are kept, rows first."""

    inputs: tuple[np.ndarray, ...]
    targets: tuple[np.ndarray, ...]
    validation_inputs: tuple[np.ndarray, ...] = ()
    validation_targets: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class ExceptionFacts:
    """An exception of the user's script, its traceback trimmed to the user's frames (text lines, ready to show)."""

    type_name: str
    message: str
    traceback: str
    site: CallSite | None = None


@dataclass(frozen=True)
class RangeTest:
    """A short training from the start at ever larger learning rates (Smith 2017, arXiv:1506.01186).

    Attributes:
        rates: Learning rate of each step, rising by a constant factor, shape ``(steps,)``.
        losses: Loss of each step's batch before the step, shape ``(steps,)``; ends where the loss blew up.
    """

    rates: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class TensorRange:
    """A tensor of a replayed step: minimum, maximum and mean of its finite entries, and how many others there are."""

    name: str
    minimum: float
    maximum: float
    mean: float
    nan: int
    infinite: int
    size: int


@dataclass(frozen=True)
class TrailPoint:
    """One operation of a replayed step: largest finite absolute value of its outputs and of d loss / d output.

    NaN where there is none; ``broken`` and ``gradient_broken`` say whether any entry is not finite.
    """

    operation: str
    layer: int | None
    magnitude: float
    gradient: float
    broken: bool = False
    gradient_broken: bool = False


@dataclass(frozen=True)
class Breakdown:
    """The step at which a training broke numerically, replayed operation by operation: what broke first in it.

    Attributes:
        step: The step, counted from 0 over the whole fit.
        direction: ``forward``, ``loss``, ``backward`` or ``update``.
        operation: Name of the layer or operation; with ``layer`` its index among the model's layers, if it is one.
        kind: Its class; ``loss`` for the loss, ``glue`` for code between layers.
        tensor: ``input``, ``output``, ``weight kernel``, ``gradient of bias``, ``target``, …
        cause: ``data`` (not finite as fed in), ``weights`` (not finite before the step) or ``operation`` (finite
            numbers went in).
        value: The tensor that broke. ``inputs``: what went in.
        trail: Magnitudes of all operations of the step, in the order of execution.
        exact: Replayed from the very state before the step; else from the first state and batch that were seen broken.
        detail: TensorFlow's operation within, with the range of its inputs, where known.
    """

    step: int
    epoch: int
    direction: str
    operation: str
    kind: str
    layer: int | None
    tensor: str
    cause: str
    value: TensorRange
    inputs: tuple[TensorRange, ...] = ()
    trail: tuple[TrailPoint, ...] = ()
    exact: bool = True
    detail: str | None = None


@dataclass(frozen=True)
class FitTrace:
    """One training: a watched ``fit`` call, or a loop of the script's own.

    Attributes:
        epoch_metrics: ``{"loss": [...], "val_loss": [...], "accuracy": [...]}``, one value per finished epoch.
        epoch_seconds: Seconds per finished epoch.
        state: ``completed``, ``raised`` (with ``exception``) or ``stopped`` (limit of the probe run reached).
        evaluation: Predictions after training on held-out (or else training) rows compared with the labels, as
            ``{"skill": .., "metric": "accuracy" | "balanced_accuracy" | "label_accuracy" | "r2", "score": ..,
            "trivial": .., "split": "validation" | "test" | "holdout" | "training", "constant": bool,
            "prediction_min": .., "prediction_max": .., "prediction_std": ..}`` and what ``agreement.agreement_facts``
            adds; empty when there is nothing to compare. ``test``: the first rows that the script evaluates the model
            on afterwards, where ``fit`` was given none and they are not those of the training.
        range_test: What a test of learning rates showed, where one was made.
        breakdown: What broke first in the step at which numbers stopped being finite, if they did.
        origin: ``fit``; ``train_on_batch`` for a loop around it; ``own loop`` for one around ``GradientTape`` and an
            optimizer. Epochs of a loop are estimated from rows that come again or from the loops around the call.
        updates: Training steps seen, None if they could not be counted.
        learning_rates: Rate that each finished epoch began with; empty if unknown.
        adversarial: Another model is trained against this one, so its labels are made up and its skill is no goal.
        later_calls: The first few calls of ``evaluate`` and ``predict`` after a ``fit``, up to the next one.
        observation_seconds: What watching took of ``seconds``, by purpose: ``tracing`` and ``data`` (once),
            ``observing``, ``feeding``, ``reading``, ``saving``.
    """

    model: ModelFacts
    compile: CompileFacts
    fit: FitFacts
    data: DataFacts
    statistics: Statistics
    sample: DataSample | None
    epoch_metrics: dict[str, tuple[float, ...]]
    epoch_seconds: tuple[float, ...]
    state: str
    seconds: float
    exception: ExceptionFacts | None = None
    evaluation: dict[str, Any] = field(default_factory=dict)
    range_test: RangeTest | None = None
    breakdown: Breakdown | None = None
    origin: str = "fit"
    updates: int | None = None
    learning_rates: tuple[float, ...] = ()
    adversarial: bool = False
    later_calls: tuple[LaterCall, ...] = ()
    observation_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """What one probe run recorded.

    Attributes:
        script: Absolute path of the script.
        project_root: Absolute path that source spans are relative to.
        arguments: The script's own arguments.
        state: How the whole script ended: ``completed``, ``raised``, ``timed out``, ``out of memory`` or ``killed``.
        fits: Every training, in the order in which they began.
        models_built: Number of Keras models made, trained or not (for "no training seen" messages).
        notes: What the probe could not record, and why; shown to the user.
        environment: Versions and settings of the user's process.
    """

    script: str
    project_root: str
    arguments: tuple[str, ...]
    state: str
    seconds: float
    fits: tuple[FitTrace, ...]
    exception: ExceptionFacts | None = None
    models_built: int = 0
    notes: tuple[str, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)
