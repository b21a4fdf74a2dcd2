"""What a faulty setting should be instead, as far as labels and measured steps tell."""

from __future__ import annotations

import math

from .checks.subject import Subject
from .losses import BINARY, CATEGORICAL, MARGIN, SPARSE
from .measures import columns, updates_made
from .structure import effective_activation
from .trace import LayerFacts

#: |update| / |weights| that a proposed learning rate aims at: between the usual 1e-3 (Karpathy, CS231n) and the 1e-2
#: that short trainings of small networks get along with (geometric mean).
TARGET_RATIO = 3e-3
#: The same for the very first steps, in which Adam and its kin always move by the full rate.
START_RATIO = 1e-2
#: A range test's best rate is where the loss is about to rise, which shows some steps late, at four times the rate at
#: which a parabola diverges. The rates of 34 healthy programs lie at 1/7 to 1/330 of it, in the median at 1/60.
BELOW_BEST = 30.0
#: Weights that change by more than this many times their size per step have blown up; their ratio measures nothing.
DIVERGED = 5.0
#: Learning rates at which an optimizer is usually started (Keras's defaults; Adadelta and Adagrad as published).
USUAL_RATES = {
    "SGD": 0.01,
    "Adam": 0.001,
    "AdamW": 0.001,
    "Adamax": 0.001,
    "Nadam": 0.001,
    "RMSprop": 0.001,
    "Adagrad": 0.01,
    "Adadelta": 1.0,
    "Ftrl": 0.01,
    "Lion": 0.0003,
}
_RECTIFIERS = frozenset({"relu", "relu6", "leaky_relu", "elu", "prelu", "gelu", "swish", "silu", "mish"})


def suggested_learning_rate(
    subject: Subject, ratio: float | None, *, direction: str, at_start: bool = False
) -> float | None:
    """The learning rate that brings steps to a usual size; without a measured ratio, a usual rate of the optimizer.

    Args:
        subject: The fit.
        ratio: Measured |update| / |weights|, None if it cannot be trusted (weights that blew up).
        direction: ``too high`` or ``too low``; the proposal always lies on the other side.
        at_start: The ratio was measured at the first steps.
    """
    rate = subject.fit.compile.optimizer.learning_rate
    if rate is None or rate <= 0:
        return None
    usual = USUAL_RATES.get(subject.fit.compile.optimizer.class_name, 0.001)
    tested = subject.rate_range.best / BELOW_BEST if subject.rate_range is not None else None
    if tested is not None and (tested < rate) == (direction == "too high"):
        return round_rate(tested)
    if ratio is not None and math.isfinite(ratio) and 0 < ratio < DIVERGED:
        proposed = rate * (START_RATIO if at_start else TARGET_RATIO) / ratio
        proposed = min(max(proposed, usual / 10), usual * 30)
    else:
        proposed = usual
    if direction == "too high" and proposed >= rate:
        proposed = min(usual, rate / 10) if usual < rate else rate / 10
    if direction == "too low" and proposed <= rate:
        proposed = max(usual, rate * 10) if usual > rate else rate * 10
    return round_rate(proposed)


def round_rate(value: float) -> float:
    """To 1, 2 or 5 times a power of ten, as people write learning rates."""
    exponent = math.floor(math.log10(value))
    mantissa = value / 10**exponent
    nearest = min((1.0, 2.0, 5.0, 10.0), key=lambda item: abs(math.log(item / mantissa)))
    return float(f"{nearest * 10.0**exponent:.6g}")


def suggested_epochs(subject: Subject) -> int:
    """Epochs after which a falling loss should have levelled off: more of them, the fewer updates there were.

    With very few, as many as make 1,000 steps, which at the usual 1e-3 of the weights' size can move the weights by
    their own size.
    """
    epochs = max(1, subject.fit.fit.epochs, int(subject.losses.size))
    steps = updates_made(subject.fit) or 1
    factor = math.ceil(1000 / steps) if steps < 100 else 5 if steps < 2000 else 3
    return min(epochs * factor, max(epochs * 2, 2000))


def suggested_batch_size(subject: Subject) -> int:
    """At least twenty steps per epoch, in powers of two from 4 to 32."""
    rows = subject.fit.data.rows or 640
    return max(4, min(32, int(2 ** math.floor(math.log2(max(4.0, rows / 20))))))


def suggested_units(subject: Subject) -> int | None:
    """Output units that suit the labels as they are encoded."""
    task, target = subject.task, subject.target
    if target is None:
        return None
    if columns(target) > 1:
        return columns(target)
    if task.kind == "multiclass" and task.classes:
        beyond = int(target.maximum) + 1 if target.integers and task.encoding != "one_based" else 0
        return max(task.classes, beyond)
    return 1


def suggested_output_activation(subject: Subject) -> str | None:
    """Output activation that suits labels and loss."""
    task, head = subject.task, subject.head
    if any(loss.from_logits for loss in subject.fit.compile.losses[:1]) and task.kind != "regression":
        return "linear"
    if task.kind == "multilabel":
        return "sigmoid"
    if task.kind == "multiclass":
        return "softmax"
    if task.kind == "binary":
        if head is not None and (head.units or 1) > 1:
            return "softmax"
        return "tanh" if task.encoding == "signed" or subject.family == MARGIN else "sigmoid"
    return "linear" if task.kind == "regression" else None


def suggested_loss(subject: Subject) -> str | None:
    """Keras name of the loss that suits labels and output units."""
    task, head, target = subject.task, subject.head, subject.target
    if task.kind == "regression":
        return "mean_squared_error"
    if task.kind == "multilabel":
        return BINARY
    if task.kind == "multiclass":
        return CATEGORICAL if target is not None and columns(target) > 1 else SPARSE
    if task.kind == "binary":
        if head is not None and (head.units or 1) > 1:
            return SPARSE if target is None or columns(target) == 1 else CATEGORICAL
        return BINARY
    return None


def suggested_initializer(subject: Subject, layer: LayerFacts) -> str:
    """He for rectifiers, LeCun for SELU, Glorot for the rest, as their papers propose."""
    activation = effective_activation(subject.fit.model, layer)
    if activation == "selu":
        return "lecun_normal"
    return "he_normal" if activation in _RECTIFIERS else "glorot_uniform"
