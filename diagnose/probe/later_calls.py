"""Data that a script gives a model after its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..evaluation import output_names
from ..source import CallSite
from ..trace import ArrayFacts, LaterCall
from .data_capture import DataCapture, chosen_rows, data_kind, named_leaves, row_count
from .session import ProbeSession
from .validation_batches import ValidationBatches

#: Rows below which a call says little about its data.
LEAST_ROWS = 8


@dataclass(frozen=True)
class LaterData:
    """What one call was given: what the trace keeps of it, and the rows themselves, as far as they were taken."""

    call: LaterCall
    inputs: tuple[np.ndarray, ...]
    targets: tuple[np.ndarray, ...]
    from_arrays: bool

    @classmethod
    def of(cls, method: str, capture: DataCapture, site: CallSite | None) -> LaterData | None:
        """What was captured; None where it is too little."""
        (inputs, targets), rows = capture.validation_facts, capture.validation
        if not inputs or inputs[0].rows_seen < LEAST_ROWS:
            return None
        arrays = [tuple(array for _, array in leaves) for leaves in rows]
        return cls(LaterCall(method, inputs, targets, site), arrays[0], arrays[1], capture.kind == "arrays")

    def in_order_of(self, trained: Sequence[ArrayFacts]) -> LaterData:
        """The same with inputs that are given by name in the order in which the training got them."""
        names = [facts.name for facts in self.call.inputs]
        wanted = [facts.name for facts in trained]
        if sorted(names) != sorted(wanted) or len(set(names)) < len(names):
            return self
        order = [names.index(name) for name in wanted]
        call = replace(self.call, inputs=tuple(self.call.inputs[place] for place in order))
        return replace(self, call=call, inputs=tuple(self.inputs[place] for place in order))


def array_call(model: Any, method: str, given: Mapping[str, Any], site: CallSite | None) -> LaterData | None:
    """What is in a call's ``x`` and ``y``: a sample of their rows; None for pipelines and few rows."""
    x, y = given.get("x"), given.get("y")
    if x is None or data_kind(x) != "arrays":
        return None  # looking at a pipeline would take its elements
    leaves = named_leaves(x, "x")
    rows = row_count(leaves)
    if rows is None or rows < LEAST_ROWS:
        return None
    capture = DataCapture(kind="arrays", note=lambda _: None, output_names=output_names(model))
    capture.take_sampled(x, y, chosen_rows([*leaves, *named_leaves(y, "y")], 0, rows))
    return LaterData.of(method, capture, site)


def batches_watched(session: ProbeSession, model: Any, site: CallSite | None, add: Callable[[LaterData], None]) -> Any:
    """A callback for ``evaluate`` that takes a sample of the batches of a pipeline as they pass by.

    Args:
        add: Told what was seen, when the evaluation is over.
    """
    import keras

    capture = DataCapture(
        kind="batches", note=lambda _: None, validation_from_batches=True, output_names=output_names(model)
    )
    batches = ValidationBatches(session, capture, max(1, int(getattr(model, "steps_per_execution", 1) or 1)))

    class Passing(keras.callbacks.Callback):  # type: ignore[misc]
        async_safe = True

        def on_test_begin(self, logs: Any = None) -> None:
            with session.soft("data given after training"):
                batches.attach(model)

        def on_test_end(self, logs: Any = None) -> None:
            with session.soft("data given after training"):
                batches.detach(model)
                capture.finish()
                data = LaterData.of("evaluate", capture, site)
                if data is not None:
                    add(data)

    return Passing()
