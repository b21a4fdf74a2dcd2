"""The loss that the best constant prediction would reach: what a network must beat to have learned anything."""

from __future__ import annotations

import math

import numpy as np

from .losses import BINARY, CATEGORICAL, SPARSE, canonical_name, loss_family
from .measures import class_shares, columns
from .trace import ArrayFacts, FitTrace


def trivial_loss(fit: FitTrace) -> float | None:
    """Loss of the best constant prediction on the training targets.

    None when the loss is not one of Keras's, when weights on classes, rows or outputs change its scale, or when the
    labels lie outside of what the loss is defined for.
    """
    if len(fit.compile.losses) != 1 or len(fit.data.targets) != 1:
        return None
    if fit.data.has_class_weight or fit.data.has_sample_weight or fit.compile.options.get("loss_weights"):
        return None
    loss, target = fit.compile.losses[0], fit.data.targets[0]
    family = loss_family(loss)
    if loss.config.get("label_smoothing") or "focal" in loss.name:
        return None
    if family == BINARY:
        return _binary(target)
    if family in (CATEGORICAL, SPARSE):
        return _categorical(target, family)
    return _regression(fit, canonical_name(loss.name))


def _entropy(shares: np.ndarray) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())


def _binary(target: ArrayFacts) -> float | None:
    if target.minimum < 0 or target.maximum > 1:
        return None
    means = np.asarray(target.column_mean or (target.mean,))
    return float(np.mean([_entropy(np.array([mean, 1 - mean])) for mean in means]))


def _categorical(target: ArrayFacts, family: str) -> float | None:
    if family == CATEGORICAL and (columns(target) < 2 or not target.column_mean or not _sums_to_one(target)):
        return None
    if family == SPARSE and not target.integers:
        return None
    shares = np.asarray(target.column_mean if family == CATEGORICAL else class_shares(target))
    return _entropy(shares) if shares.size else None


def _sums_to_one(target: ArrayFacts) -> bool:
    return target.row_sums is not None and math.isclose(target.row_sums[0], 1) and math.isclose(target.row_sums[1], 1)


def _regression(fit: FitTrace, name: str) -> float | None:
    target = fit.data.targets[0]
    if name in ("mean_squared_error", "mse"):
        deviations = np.asarray(target.column_std or (target.std,))
        return float(np.mean(deviations**2))
    if name in ("mean_absolute_error", "mae") and fit.sample is not None and fit.sample.targets:
        values = np.asarray(fit.sample.targets[0], dtype=float)
        values = values.reshape(len(values), -1)
        return float(np.nanmean(np.abs(values - np.nanmedian(values, axis=0))))
    return None
