"""The statistics of one layer at one step, computed by NumPy on the tensors of a step as they become known.

As operations of the graph they would be some hundred per layer: tracing and optimizing those takes longer than tracing
the training step itself. Here a layer costs the graph two operations, and one for each of its variables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

#: Range of activations that can saturate.
BOUNDED = {"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)}
#: Units of these are dead when they are never above zero: no gradient flows through them.
DYING = {"relu", "relu6"}
_NEAR_BOUND = 0.01  # of the distance between output and bound, as the trace defines saturation
#: Means and shares of a larger tensor are taken from about this many of its entries: their standard error is then 0.1 %
#: of the spread, and neither time nor memory grows with the tensor. Extremes and dead units are taken from all entries.
MAX_ENTRIES = 2**20

ACTIVATION_STATISTICS = (
    "activation_mean",
    "activation_std",
    "activation_min",
    "activation_max",
    "activation_nonfinite",
    "zero_fraction",
    "batch_std",
    "dead_fraction",
    "saturated_fraction",
)
GRADIENT_STATISTICS = ("gradient_norm", "gradient_nonfinite")
WEIGHT_STATISTICS = ("weight_norm", "weight_max", "weight_nonfinite")


def activation_statistics(output: np.ndarray, dying: bool, bounds: tuple[float, float] | None) -> np.ndarray:
    """Values of ACTIVATION_STATISTICS of a layer's output (rows first), shape ``(9,)``."""
    x = floats(output)
    if not x.size:
        return np.full(len(ACTIVATION_STATISTICS), np.nan)
    low, high = x.min(), x.max()  # NaN spreads, so both are finite only if all entries are
    part = _few_columns(x) if x.ndim >= 2 else x
    nonfinite = 0.0
    if np.isfinite(low) and np.isfinite(high):
        mean, std, spread = _moments(part)
    else:
        finite = np.isfinite(x)
        nonfinite = 1.0 - float(finite.mean())
        low, high = (np.nan, np.nan) if nonfinite == 1.0 else (x[finite].min(), x[finite].max())
        finite = np.isfinite(part)
        mean, std, _ = _moments(part[finite])
        spread = _moments(np.where(finite, part, 0.0))[2]
    saturated = dead = np.nan
    if bounds is not None:
        near = (part <= bounds[0] + _NEAR_BOUND) | (part >= bounds[1] - _NEAR_BOUND)
        saturated = float(near.mean())
    if dying and x.ndim >= 2:
        dead = float((x.reshape(-1, x.shape[-1]).max(axis=0) <= 0.0).mean())
    spread = spread if x.ndim >= 2 and len(x) > 1 else np.nan
    zeros = 1.0 - np.count_nonzero(part) / part.size
    return np.array([mean, std, low, high, nonfinite, zeros, spread, dead, saturated])


def output_gradient_norm(gradient: np.ndarray) -> float:
    """Root mean square over the batch of each example's gradient norm."""
    return norm([gradient]) / math.sqrt(len(gradient)) if gradient.ndim and len(gradient) else math.nan


def weight_statistics(weights: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Values of WEIGHT_STATISTICS; NaN without weights."""
    weights = [w for w in (floats(w) for w in weights) if w.size]
    if not weights:
        return math.nan, math.nan, math.nan
    largest = float(max(max(w.max(), -w.min()) if np.isfinite(w.min()) else _largest(w) for w in weights))
    return norm(weights), largest, nonfinite_share(weights)


def _largest(weights: np.ndarray) -> float:
    return float(np.abs(weights).max())


def spread_and_largest(weights: np.ndarray) -> tuple[float, float]:
    """Standard deviation and largest absolute entry, in pieces, so that large weights need no copy."""
    flat = floats(weights).reshape(-1)
    mean = flat.mean(dtype=np.float64)
    pieces = (flat[begin : begin + MAX_ENTRIES] for begin in range(0, flat.size, MAX_ENTRIES))
    squares = sum(float(np.sum(np.square(piece - mean, dtype=np.float64))) for piece in pieces)
    return math.sqrt(squares / flat.size) if squares >= 0 else math.nan, float(max(flat.max(), -flat.min()))


def norm(tensors: Sequence[np.ndarray]) -> float:
    """L2 norm over all entries; not finite only if an entry is not (or the norm itself exceeds float64)."""
    squares = 0.0
    for tensor in tensors:
        flat = floats(tensor).reshape(-1)
        square = float(np.dot(flat, flat))
        if not 1e-30 < square < 1e30:  # near the ends of float32, or not finite
            square = float(np.sum(np.square(flat, dtype=np.float64)))
        squares += square
    return math.sqrt(squares) if squares >= 0 else math.nan


def nonfinite_share(tensors: Sequence[np.ndarray]) -> float:
    """Share of entries that are NaN or infinite."""
    total = sum(t.size for t in tensors)
    if math.isfinite(norm(tensors)) or not total:
        return 0.0
    return float(sum(np.count_nonzero(~np.isfinite(floats(t))) for t in tensors) / total)


def gradient_statistics(gradient: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Of one variable: norm and non-finite share of its gradient, and the change that it predicts, shape ``(3,)``."""
    return np.array([norm([gradient]), nonfinite_share([gradient]), inner_product(gradient, before, after)])


def sparse_gradient_statistics(
    values: np.ndarray, indices: np.ndarray, before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """The same of an embedding, whose gradient is given for the rows that the batch used, each use on its own."""
    if not len(indices):
        return np.zeros(3)
    values = floats(values).reshape(len(indices), -1)
    order = np.argsort(indices, kind="stable")
    rows, first = np.unique(indices[order], return_index=True)
    gradient = np.add.reduceat(values[order], first, axis=0)
    nonfinite = nonfinite_share([gradient]) * gradient.size / before.size
    return np.array([norm([gradient]), nonfinite, inner_product(gradient, before[rows], after[rows])])


def inner_product(gradient: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """How much a linear function with this gradient changes from ``before`` to ``after``."""
    if np.may_share_memory(before, after):  # there was no step
        return 0.0
    change = floats(after).reshape(-1) - floats(before).reshape(-1)
    return float(np.dot(floats(gradient).reshape(-1), change))


def floats(tensor: np.ndarray) -> np.ndarray:
    """The same numbers in float32 (half precision sums badly) or float64."""
    return tensor if tensor.dtype in (np.float32, np.float64) else np.asarray(tensor, dtype=np.float32)


def _few_columns(x: np.ndarray) -> np.ndarray:
    """All rows, and so many columns of the flattened rest that about MAX_ENTRIES are left, spread over all units."""
    flat = x.reshape(len(x), -1)
    stride = -(-x.size // MAX_ENTRIES)
    while math.gcd(stride, x.shape[-1]) != 1:
        stride += 1
    return flat[:, ::stride] if stride > 1 else flat


def _moments(x: np.ndarray) -> tuple[float, float, float]:
    """Mean, standard deviation, and the mean over columns of the standard deviation over rows."""
    if not x.size:
        return math.nan, math.nan, math.nan
    wide = np.float64 if max(x.max(), -x.min()) > 1e15 else None  # squares that float32 cannot hold
    means = x.mean(axis=0, dtype=wide)
    centred = x - means
    variances = np.einsum("i...,i...->...", centred, centred) / len(x)
    mean = float(np.mean(means))
    std = math.sqrt(float(np.mean(variances)) + float(np.var(means)))
    return mean, std, float(np.mean(np.sqrt(variances)))
