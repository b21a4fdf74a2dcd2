"""A call of ``evaluate`` behind the watched fit whose rows are to be scored. Runs in the child process only."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...diagnose.evaluation import as_arrays, output_names
from ...diagnose.nested import leaves, take_rows, to_numpy
from ...diagnose.probe.later_calls import LEAST_ROWS
from .batches import is_dataset, is_pydataset
from .capture import FitData, nothing
from .holdout import spread


@dataclass
class AwaitedEvaluation:
    """The call to wait for.

    Attributes:
        model: The model of the watched fit.
        left: Calls of ``evaluate`` with arrays of this model that come before it.
    """

    model: Any
    left: int

    def rows_of(self, model: Any, given: Mapping[str, Any], trained_on: FitData) -> FitData | None:
        """What to score where this is the call, None where it is another one."""
        x, y = given.get("x"), given.get("y")
        if model is not self.model or y is None or is_dataset(x) or is_pydataset(x) or hasattr(x, "__next__"):
            return None
        inputs, labels = to_numpy(x), as_arrays(to_numpy(y), output_names(model))
        if len(leaves(inputs)[0]) < LEAST_ROWS:
            return None
        self.left -= 1
        if self.left >= 0 or trained_on.rows is None:
            return None
        chosen = spread(len(labels[0]))
        rows = replace(
            trained_on.rows,
            scored_labels=tuple(label[chosen] for label in labels),
            scored=nothing(),
            split="test",
        )
        return FitData({}, take_rows(inputs, chosen), rows)


def on_evaluation(told: Callable[[Any, Mapping[str, Any]], None]) -> None:
    """Tell each call of Keras's ``evaluate`` and its arguments before it is made."""
    import keras

    owner = next(base for base in keras.Model.__mro__ if "evaluate" in vars(base))
    original = owner.evaluate
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluate(model: Any, *args: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(model, *args, **named)
        except TypeError:
            return original(model, *args, **named)  # raises the error that the author would see
        told(model, bound.arguments)
        return original(model, *args, **named)

    owner.evaluate = evaluate
