"""What the losses of Keras expect, by name."""

from __future__ import annotations

import re

from .trace import LossFacts

BINARY = "binary_crossentropy"
CATEGORICAL = "categorical_crossentropy"
SPARSE = "sparse_categorical_crossentropy"
REGRESSION = "regression"
MARGIN = "margin"
OTHER = "other"

_FAMILIES = {
    BINARY: BINARY,
    "binary_focal_crossentropy": BINARY,
    CATEGORICAL: CATEGORICAL,
    "categorical_focal_crossentropy": CATEGORICAL,
    SPARSE: SPARSE,
    "mean_squared_error": REGRESSION,
    "mse": REGRESSION,
    "mean_absolute_error": REGRESSION,
    "mae": REGRESSION,
    "mean_absolute_percentage_error": REGRESSION,
    "mape": REGRESSION,
    "mean_squared_logarithmic_error": REGRESSION,
    "msle": REGRESSION,
    "huber": REGRESSION,
    "huber_loss": REGRESSION,
    "log_cosh": REGRESSION,
    "logcosh": REGRESSION,
    "hinge": MARGIN,
    "squared_hinge": MARGIN,
    "categorical_hinge": MARGIN,
}
CROSSENTROPIES = frozenset({BINARY, CATEGORICAL, SPARSE})


def canonical_name(name: str) -> str:
    """``BinaryCrossentropy`` and ``binary_crossentropy`` alike as ``binary_crossentropy``."""
    if "_" in name or name.islower():
        return name
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def loss_family(loss: LossFacts) -> str:
    """The family of ``loss``: one of the crossentropies, ``regression``, ``margin`` or ``other``."""
    if loss.is_custom:
        return OTHER
    return _FAMILIES.get(canonical_name(loss.name), OTHER)
