"""What one replayed training step was: its operations with all values and gradients, the loss, and the update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .values import Value, numpy_of

if TYPE_CHECKING:
    from .culprit import Culprit


@dataclass(frozen=True)
class Operation:
    """One operation of a step: a call of a layer, a functional operation, code in between (``glue``), or the loss.

    Attributes:
        index: Position in the order of execution.
        name: Name of the layer; layers of nested models carry the names around them in front (``block/dense``).
        kind: Class of the layer or operation, ``glue`` or ``loss``.
        layer: Index among the model's layers, nested models flattened; None for what is no layer.
        call: How often the layer had been called before in this step; more than 0 for shared layers.
        inputs: What went in.
        sources: For each input the index of the operation that made it; -1 for the batch, None for a constant.
        outputs: What came out, with logits that Keras's losses use in its place, and losses added by the layer.
        weights: Trainable weights as they were before the step.
        state: Other variables of the layer (moving statistics, seeds) as the operation left them.
        output_gradients: d loss / d output, one per output; None where the loss does not depend on it.
        input_gradients: d loss / d input through this operation alone, one per input.
        weight_gradients: d loss / d weight through this operation alone, by name of the weight.
        broken: TensorFlow's operation that turned finite numbers into others in here, with the range of its inputs;
            known for the culprit only.
    """

    index: int
    name: str
    kind: str
    layer: int | None = None
    call: int = 0
    inputs: tuple[Value, ...] = ()
    sources: tuple[int | None, ...] = ()
    outputs: tuple[Value, ...] = ()
    weights: tuple[Value, ...] = ()
    state: tuple[Value, ...] = ()
    output_gradients: tuple[Value | None, ...] = ()
    input_gradients: tuple[Value | None, ...] = ()
    weight_gradients: Mapping[str, Value] = field(default_factory=dict)
    broken: str | None = None

    @property
    def label(self) -> str:
        """The name, with the number of the call from the second on."""
        return f"{self.name} (call {self.call + 1})" if self.call else self.name

    @property
    def output(self) -> np.ndarray:
        """The first output."""
        return self.outputs[0].array

    @property
    def output_gradient(self) -> np.ndarray | None:
        """d loss / d first output, None if the loss does not depend on it (or only through the logits)."""
        gradient = self.output_gradients[0] if self.output_gradients else None
        return None if gradient is None else gradient.array


@dataclass(frozen=True)
class Update:
    """What the optimizer did to one variable.

    Attributes:
        path: Keras's path of the variable.
        layer: Index of its layer among the flattened layers, None for a weight of the model itself.
        owner: Name of the layer.
        before, after: The weight before the step and after it.
        gradient: d loss / d weight over the whole model, as the optimizer gets it (scaled under mixed precision); None
            where the loss does not depend on it.
    """

    path: str
    name: str
    layer: int | None
    owner: str
    before: Value
    gradient: Value | None
    after: Value


@dataclass(frozen=True)
class Step:
    """One training step, run imperatively. ``print`` shows it as a table.

    Attributes:
        operations: In the order of execution; the loss is the last.
        loss: The loss as Keras reports it, before any loss scale.
        losses: Loss by output where there are several, and ``regularization`` for what layers added.
        targets: Labels and sample weights.
        data: The inputs.
        updates: One per trainable variable of the model; empty without an optimizer.
        optimizer_state: The optimizer's own variables after the step, by path.
        learning_rate: That the optimizer used, None where there is none.
        is_loss_scaled: Whether the optimizer scales the loss and skips steps whose gradients overflow.
        state_after: Every variable of model and optimizer after the step, as ``replay`` takes it for the next.
        notes: What could not be replayed exactly, and why.
    """

    model: str
    operations: tuple[Operation, ...]
    loss: float
    losses: Mapping[str, float]
    data: tuple[Value, ...]
    targets: tuple[Value, ...]
    predictions: tuple[Value, ...]
    updates: tuple[Update, ...]
    optimizer_state: tuple[Value, ...] = ()
    learning_rate: float | None = None
    is_loss_scaled: bool = False
    state_after: Any = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @cached_property
    def culprit(self) -> Culprit | None:
        """The first operation, direction and tensor that broke; None if the step is sound."""
        from .culprit import find_culprit

        return find_culprit(self)

    @property
    def gradients(self) -> dict[str, np.ndarray | None]:
        """d loss / d weight of every trainable variable, by Keras's path."""
        return {u.path: None if u.gradient is None else u.gradient.array for u in self.updates}

    def operation(self, name: str, call: int = 0) -> Operation:
        """The operation of this name.

        Raises:
            KeyError: If there is none; the message lists the names.
        """
        for item in self.operations:
            if item.name == name and item.call == call:
                return item
        names = ", ".join(item.label for item in self.operations)
        raise KeyError(f"no operation {name!r} (call {call}) in this step; there are {names}")

    def layer(self, index: int) -> tuple[Operation, ...]:
        """All calls of the layer with this index."""
        return tuple(item for item in self.operations if item.layer == index)

    def __str__(self) -> str:
        from .text import table

        return table(self)


def values_of(names: list[str], tensors: list[Any]) -> tuple[Value, ...]:
    """Values by name, in order."""
    return tuple(Value(name, tensor) for name, tensor in zip(names, tensors, strict=True))


def scalar(tensor: Any) -> float:
    """A tensor of one entry as a number; the mean of a loss that was not reduced."""
    return float(np.mean(numpy_of(tensor), dtype=np.float64))
