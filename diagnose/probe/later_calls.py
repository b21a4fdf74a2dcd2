"""Data that a script gives a model after its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..evaluation import output_names
from ..source import CallSite
from ..trace import LaterCall
from .data_capture import DataCapture, chosen_rows, data_kind, named_leaves, row_count
from .session import ProbeSession
from .validation_batches import ValidationBatches

#: Rows below which a call says little about its data.
LEAST_ROWS = 8


def array_call(model: Any, method: str, given: Mapping[str, Any], site: CallSite | None) -> LaterCall | None:
    """What is in a call's ``x`` and ``y``, measured on a sample of their rows; None for pipelines and few rows."""
    x, y = given.get("x"), given.get("y")
    if x is None or data_kind(x) != "arrays":
        return None  # looking at a pipeline would take its elements
    leaves = named_leaves(x, "x")
    rows = row_count(leaves)
    if rows is None or rows < LEAST_ROWS:
        return None
    capture = DataCapture(kind="arrays", note=lambda _: None, output_names=output_names(model))
    inputs, targets = capture.measured_rows(x, y, chosen_rows(leaves, 0, rows))
    return LaterCall(method, inputs, targets, site) if inputs else None


def batches_watched(session: ProbeSession, model: Any, site: CallSite | None, add: Callable[[LaterCall], None]) -> Any:
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
                data, _ = capture.finish()
                if data.validation_inputs and data.validation_inputs[0].rows_seen >= LEAST_ROWS:
                    add(LaterCall("evaluate", data.validation_inputs, data.validation_targets, site))

    return Passing()
