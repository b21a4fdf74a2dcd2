"""The loss against labels and output: contradictions that can be read before training, and losses that broadcast."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..losses import BINARY, CATEGORICAL, MARGIN, REGRESSION, SPARSE, canonical_name
from ..measures import columns, is_one_hot
from .output import IS_CLASSIFICATION
from .registry import check
from .subject import Subject

#: Share of a constant prediction's loss up to which a loss counts as that.
AT_THE_MEAN = 1.2


@check("broadcast-loss", requires=("output layer", "losses", "targets", "epoch losses"))
def broadcast_loss(subject: Subject) -> Iterator[Symptom]:
    """A loss of the script's own subtracts predictions of shape (rows, 1) from labels of shape (rows,).

    Symptom: In a training loop of the script's own, with a loss that is no Keras loss, labels have one axis and
        predictions a second one of size 1, and the loss never gets below that of a constant prediction.
    Why: Arithmetic broadcasts the two to (rows, rows): every label meets every prediction, and the best that the
        network can do is to predict the mean. Keras's own losses bring both into one shape.
    Threshold and its source: Structural; the loss is then at least the labels' variance, and training gets it down to
        that. 2 % to spare below as in ``trivial-loss``, and a fifth above: what stays higher has other faults.
    When not: Labels without a rule, which no loss gets any further; predictions squeezed before the loss, which learn.
    """
    shapes, target, loss = subject.fit.model.output_shapes, subject.target, subject.fit.compile.losses[0]
    if subject.fit.origin == "fit" or not loss.is_custom or not shapes or target is None or len(target.shape) != 1:
        return
    finite, trivial = subject.losses[np.isfinite(subject.losses)], subject.trivial_loss
    if not finite.size or not trivial or len(shapes[0]) != 2 or shapes[0][1] != 1:
        return
    best = float(finite.min())
    if 0.98 <= best / trivial <= AT_THE_MEAN:
        yield Symptom(
            "broadcast-loss",
            f"Labels have the shape (rows,), predictions (rows, 1), and the loss stays at {best:.4g}, where a constant "
            f"prediction reaches {trivial:.4g}.",
            value=best / trivial,
            threshold=0.98,
            strength=0.9,
        )


@check("mismatched-loss", requires=("output layer", "losses", "targets"))
def mismatched_loss(subject: Subject) -> Iterator[Symptom]:
    """The loss is made for other labels or another output.

    Symptom: A crossentropy on real-valued targets, a categorical crossentropy over one unit or over class ids, a sparse
        one over one-hot rows, a loss undefined for negative targets, a cosine over one unit; weaker: a regression loss
        or MAE on classes.
    Why: Such a loss is constant, unbounded below or fails; squared error on probabilities has vanishing slopes where
        the prediction is most wrong.
    Threshold and its source: Structural; cases 31556268, 48385830, 50079585; AutoTrainer and NeuraLint.
    When not: Binary crossentropy on targets within 0..1 (autoencoders, soft labels); squared error on classes that
        trains well all the same.
    """
    head, target, task, family = subject.head, subject.target, subject.task, subject.family
    if head is None or target is None:
        return
    name = canonical_name(subject.fit.compile.losses[0].name)
    found = _crossentropy_conflict(subject, name) or _undefined_for_targets(subject, name)
    if found is None and name == "cosine_similarity" and head.units == 1 and _is_flat_output(subject):
        found = f"{name} over one output is its sign: how large it is makes no difference.", 0.95, True
    if found is None and task.kind in IS_CLASSIFICATION and family == REGRESSION:
        if task.encoding == "integer" and task.kind == "multiclass" and (head.units or 1) > 1:
            found = f"{name} compares class ids with {head.units} outputs.", 0.95, True
        elif task.confidence >= 0.7:
            strength = 0.45 if "absolute" in name or name == "mae" else 0.3
            found = f"{name} on class labels learns slower than a crossentropy.", strength, False
    if found is None and family == MARGIN and task.kind == "multiclass" and name != "categorical_hinge":
        found = f"{name} is made for two classes, the labels have {task.classes}.", 0.8, False
    if found is not None:
        text, strength, certain = found
        yield Symptom(
            "mismatched-loss",
            text,
            strength=strength,
            details={"certain": certain, "loss": name, "other_encoding": "one-hot" in text or "class ids" in text},
        )


def _is_flat_output(subject: Subject) -> bool:
    """Whether each row is predicted by one vector; of sequences, a loss may go along another axis."""
    shapes = subject.fit.model.output_shapes
    return bool(shapes) and len(shapes[0]) == 2


def _crossentropy_conflict(subject: Subject, name: str) -> tuple[str, float, bool] | None:
    head, target, family = subject.head, subject.target, subject.family
    assert head is not None
    assert target is not None
    width = columns(target)
    if family == CATEGORICAL and head.units == 1:
        return f"{name} over one output is always 0: there is nothing to minimise.", 0.95, True
    if family == CATEGORICAL and width == 1 and (head.units or 0) > 1:
        return f"{name} expects one-hot rows, the labels are single values.", 0.95, True
    if family == SPARSE and width > 1 and is_one_hot(target):
        return f"{name} expects class ids, the labels are one-hot rows.", 0.95, True
    if family == SPARSE and not target.integers and subject.task.kind == "regression":
        return f"{name} expects class ids, the targets are real numbers.", 0.95, True
    if family == SPARSE and head.units == 1:
        return f"{name} over one output knows one class only.", 0.9, True
    if family == BINARY and subject.task.kind == "regression" and (target.minimum < -1e-6 or target.maximum > 1 + 1e-6):
        return f"{name} expects targets within 0..1, they reach {target.minimum:.4g}..{target.maximum:.4g}.", 1.0, True
    sums = target.row_sums if family == CATEGORICAL and subject.task.kind == "regression" else None
    if sums is not None and (abs(sums[0] - 1) > 1e-3 or abs(sums[1] - 1) > 1e-3):
        return f"{name} expects rows that sum to 1, the targets are real numbers.", 0.9, True
    return None


def _undefined_for_targets(subject: Subject, name: str) -> tuple[str, float, bool] | None:
    target = subject.target
    assert target is not None
    if name in ("poisson", "mean_squared_logarithmic_error", "msle") and target.minimum < 0:
        return f"{name} is not defined for negative targets; they reach {target.minimum:.4g}.", 0.9, True
    if name in ("mean_absolute_percentage_error", "mape") and target.minimum <= 0 <= target.maximum:
        return f"{name} divides by the targets, and some of them are 0.", 0.6, False
    return None
