"""What an optimizer of the script's own loop says: its steps, the scale of its loss, its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .loop_models import variable_key
from .tape_events import is_symbolic


def iterations(optimizer: Any) -> int:
    try:
        return int(np.asarray(optimizer.iterations))
    except Exception:
        return 0


def loss_scale(optimizer: Any) -> float:
    """What ``scale_loss`` multiplied the loss with: differentiated is the product."""
    try:
        return float(np.asarray(optimizer.dynamic_scale)) if hasattr(optimizer, "dynamic_scale") else 1.0
    except Exception:
        return 1.0


def unscaled_gradients(gradients: Sequence[Any], variables: Sequence[Any], optimizer: Any) -> dict[int, np.ndarray]:
    import tensorflow as tf

    scale = loss_scale(optimizer)
    return {
        variable_key(v): np.asarray(tf.convert_to_tensor(g)) / scale
        for g, v in zip(gradients, variables, strict=False)
        if g is not None and not is_symbolic(g)
    }
