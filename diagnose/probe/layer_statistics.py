"""The statistics of one layer at one step, as operations inside a compiled function."""

from __future__ import annotations

from typing import Any

from ..trace import LAYER_STATISTICS

#: Range of activations that can saturate.
BOUNDED = {"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)}
#: Units of these are dead when they are never above zero: no gradient flows through them.
DYING = {"relu", "relu6"}
_NEAR_BOUND = 0.01  # of the distance between output and bound, as the trace defines saturation

Values = dict[str, Any]


def column(values: Values) -> Any:
    """Stack one layer's statistics in the order of LAYER_STATISTICS; NaN for what is missing."""
    import tensorflow as tf

    missing = tf.constant(float("nan"), tf.float32)
    return tf.stack([tf.cast(values.get(name, missing), tf.float32) for name in LAYER_STATISTICS])


def activation_statistics(output: Any, activation: str | None, dying: bool, bounded: bool) -> Values:
    """Statistics of a layer's output (rows first)."""
    import tensorflow as tf

    x = tf.cast(output, tf.float32)
    clean, finite, count = _finite_part(x)
    mean = tf.reduce_sum(clean) / count
    centred = tf.where(finite, clean - mean, 0.0)
    infinity = tf.constant(float("inf"), tf.float32)
    values: Values = {
        "activation_mean": mean,
        "activation_std": norm(centred) / tf.sqrt(count),
        "activation_min": _or_nan(tf.reduce_min(tf.where(finite, x, infinity)), count > 0),
        "activation_max": _or_nan(tf.reduce_max(tf.where(finite, x, -infinity)), count > 0),
        "activation_nonfinite": 1.0 - count / tf.cast(tf.size(x), tf.float32),
        "zero_fraction": _share(tf.equal(x, 0.0)),
    }
    rank = x.shape.rank
    if rank is not None and rank >= 2:
        spread = tf.reduce_mean(tf.math.reduce_std(clean, axis=0))
        values["batch_std"] = _or_nan(spread, tf.shape(x)[0] > 1)
        if dying:
            values["dead_fraction"] = _share(tf.reduce_all(x <= 0.0, axis=list(range(rank - 1))))
    if bounded and activation in BOUNDED:
        low, high = BOUNDED[activation]
        values["saturated_fraction"] = _share(tf.logical_or(x <= low + _NEAR_BOUND, x >= high - _NEAR_BOUND))
    return values


def output_gradient_statistics(gradient: Any) -> Values:
    """Root mean square over the batch of each example's gradient norm."""
    import tensorflow as tf

    dense = tf.cast(tf.convert_to_tensor(gradient), tf.float32)
    rows = tf.cast(tf.shape(dense)[0], tf.float32) if dense.shape.rank else tf.constant(1.0)
    return {"output_gradient_norm": norm(dense) / tf.sqrt(rows)}


def weight_statistics(weights: list[Any], after: list[Any], gradients: list[Any]) -> Values:
    """Statistics of the weights before the step, of their change by it, and of their gradients (None: unconnected)."""
    import tensorflow as tf

    values: Values = {}
    if weights:
        flat = [tf.cast(w, tf.float32) for w in weights]
        values["weight_norm"] = norm(*flat)
        values["weight_max"] = tf.reduce_max(tf.stack([tf.reduce_max(tf.abs(w)) for w in flat]))
        values["weight_nonfinite"] = _nonfinite_share(flat)
    if after:
        values["update_norm"] = norm(
            *[tf.cast(b, tf.float32) - tf.cast(a, tf.float32) for a, b in zip(weights, after, strict=True)]
        )
    present = [tf.cast(tf.convert_to_tensor(g), tf.float32) for g in gradients if g is not None]
    if present:
        values["gradient_norm"] = norm(*present)
        values["gradient_nonfinite"] = _nonfinite_share(present)
    return values


def predicted_change(gradients: list[Any], before: list[Any], after: list[Any]) -> Any | None:
    """Inner product of the gradients (None: unconnected) and the change of the weights; None without any gradient."""
    import tensorflow as tf

    parts = []
    for gradient, old, new in zip(gradients, before, after, strict=True):
        if isinstance(gradient, tf.IndexedSlices):  # an embedding: its rows that the batch used
            rows = gradient.indices
            parts.append(_inner_product(gradient.values, tf.gather(old, rows), tf.gather(new, rows)))
        elif gradient is not None:
            parts.append(_inner_product(gradient, old, new))
    return tf.add_n(parts) if parts else None


def _inner_product(gradient: Any, old: Any, new: Any) -> Any:
    import tensorflow as tf

    change = tf.cast(new, tf.float32) - tf.cast(old, tf.float32)
    return tf.reduce_sum(tf.cast(gradient, tf.float32) * change)


def total(values: list[Any]) -> Any:
    """Sum of all entries of all tensors as a float32 scalar, 0 for no tensors."""
    import tensorflow as tf

    return tf.add_n([tf.constant(0.0), *[tf.reduce_sum(tf.cast(value, tf.float32)) for value in values]])


def scalars(values: list[Any | None]) -> Any:
    """One float32 vector; NaN for what is missing."""
    import tensorflow as tf

    missing = tf.constant(float("nan"), tf.float32)
    return tf.stack([missing if value is None else tf.reshape(tf.cast(value, tf.float32), []) for value in values])


def norm(*tensors: Any) -> Any:
    """L2 norm over all entries; scaled by the largest entry, so that 1e25 does not overflow when squared."""
    import tensorflow as tf

    largest = tf.reduce_max(tf.stack([tf.reduce_max(tf.abs(t)) if _can_reduce(t) else 0.0 for t in tensors]))
    scale = tf.where(largest > 0.0, largest, 1.0)
    return scale * tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(t / scale)) for t in tensors]))


def _can_reduce(tensor: Any) -> bool:
    return bool(tensor.shape.num_elements() != 0)


def _finite_part(x: Any) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    finite = tf.math.is_finite(x)
    return tf.where(finite, x, 0.0), finite, tf.reduce_sum(tf.cast(finite, tf.float32))


def _share(mask: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_mean(tf.cast(mask, tf.float32))


def _or_nan(value: Any, condition: Any) -> Any:
    import tensorflow as tf

    return tf.where(condition, value, tf.constant(float("nan"), value.dtype))


def _nonfinite_share(tensors: list[Any]) -> Any:
    import tensorflow as tf

    bad = tf.add_n([tf.reduce_sum(tf.cast(tf.logical_not(tf.math.is_finite(t)), tf.float32)) for t in tensors])
    return bad / tf.cast(tf.add_n([tf.size(t, out_type=tf.int64) for t in tensors]), tf.float32)
