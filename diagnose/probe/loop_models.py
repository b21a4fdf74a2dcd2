"""What stands in for a compiled model where a script trains layers in a loop of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..trace import LAYER_STATISTICS, CompileFacts
from .model_facts import flat_layers, loss_facts, optimizer_facts
from .session import SiteRegistry


def variable_key(variable: Any) -> int:
    """Identity of a variable, be it Keras's or the one of TensorFlow inside."""
    return id(getattr(variable, "_value", variable))


class LayerGroup:
    """Several models or layers that one optimizer trains together, described like one model."""

    optimizer = None
    run_eagerly = False
    steps_per_execution = 1

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = list(parts)
        self.name = "+".join(str(part.name) for part in self.parts)

    @property
    def built(self) -> bool:
        return all(part.built for part in self.parts)

    def _flatten_layers(self, include_self: bool = False, recursive: bool = False) -> list[Any]:
        return list(self.parts)

    def _gathered(self, name: str) -> list[Any]:
        found = {id(v): v for part in self.parts for v in getattr(part, name)}
        return list(found.values())

    weights = property(lambda self: self._gathered("weights"))
    variables = property(lambda self: self._gathered("variables"))
    trainable_weights = property(lambda self: self._gathered("trainable_weights"))
    trainable_variables = property(lambda self: self._gathered("trainable_variables"))
    non_trainable_variables = property(lambda self: self._gathered("non_trainable_variables"))


class TapeModel(LayerGroup):
    """A model as a loop calls it, with the loss that the loop takes."""

    def __init__(self, model: Any, named: dict[str, Any], loss: Any, optimizer: Any) -> None:
        super().__init__([model])
        self.model, self.named, self.loss = model, named, loss
        self.optimizer = optimizer
        self.name = str(model.name)

    def _flatten_layers(self, include_self: bool = False, recursive: bool = False) -> list[Any]:
        return list(self.model._flatten_layers(include_self=False, recursive=False)) or [self.model]

    def __call__(self, x: Any, **_: Any) -> Any:
        return self.model(x, **self.named)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **_: Any
    ) -> Any:
        """The loss of the loop.

        Raises:
            LookupError: It is code of the user's that cannot be called from here.
        """
        if self.loss is None or y is None:
            raise LookupError("the loss is part of the loop")
        return self.loss(y, y_pred, sample_weight=sample_weight)

    def train_step(self, data: Any) -> Any:
        """Never called; that it is not Keras's says that the loss may be the user's own."""
        raise NotImplementedError


def loop_compile_facts(optimizer: Any, losses: Sequence[Any], sites: SiteRegistry) -> CompileFacts:
    """Optimizer and losses of a loop."""
    return CompileFacts(
        optimizer=optimizer_facts(optimizer, None, sites),
        losses=tuple(loss_facts(loss, None, sites) for loss in losses),
    )


def weight_values(model: Any, before: Sequence[np.ndarray] | None, gradients: dict[int, np.ndarray]) -> np.ndarray:
    """Statistics of weights, updates and gradients by layer, without a forward pass.

    Args:
        before: Trainable weights before the step, in the order of the model's; None to measure those of now, without
            an update.
        gradients: By ``variable_key``.

    Returns:
        Shape ``(len(LAYER_STATISTICS), layers)``; NaN for what only a forward pass shows.
    """
    measured = before if before is not None else [np.asarray(v) for v in model.trainable_variables]
    old = {variable_key(v): value for v, value in zip(model.trainable_variables, measured, strict=False)}
    layers = [layer for _, layer in flat_layers(model)]
    table = np.full((len(LAYER_STATISTICS), len(layers)), np.nan, dtype=np.float32)
    for column, layer in enumerate(layers):
        keys = [variable_key(v) for v in layer.trainable_weights]
        for name, value in _of_layer(layer, [k for k in keys if k in old], old, gradients).items():
            if before is None and name == "update_norm":
                continue
            table[LAYER_STATISTICS.index(name), column] = value
    return table


def _of_layer(
    layer: Any, keys: Sequence[int], old: dict[int, np.ndarray], gradients: dict[int, np.ndarray]
) -> dict[str, float]:
    if not keys:
        return {}
    new = {variable_key(v): np.asarray(v, dtype=np.float64) for v in layer.trainable_weights}
    weights = [old[key].astype(np.float64) for key in keys]
    values = {
        "weight_norm": _norm(weights),
        "weight_max": max((float(np.abs(w).max()) for w in weights if w.size), default=0.0),
        "weight_nonfinite": _nonfinite(weights),
        "update_norm": _norm([new[key] - old[key] for key in keys]),
    }
    seen = [gradients[key].astype(np.float64) for key in keys if key in gradients]
    if seen:
        values |= {"gradient_norm": _norm(seen), "gradient_nonfinite": _nonfinite(seen)}
    return values


def _norm(arrays: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(array))) for array in arrays)))


def _nonfinite(arrays: Sequence[np.ndarray]) -> float:
    total = sum(array.size for array in arrays)
    return sum(int((~np.isfinite(array)).sum()) for array in arrays) / max(total, 1)
