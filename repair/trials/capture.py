"""What to train on and what to score, as found out from what reached ``fit``. Runs in the child process only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...diagnose.evaluation import fixed_batch_size
from ...diagnose.nested import take_rows
from .files import CapturedRows
from .holdout import MIN_SCORED, held_out_rows, spread


@dataclass
class FitData:
    """What to train on and what to score.

    Attributes:
        arguments: Arguments of ``fit`` to replace.
        inputs: Inputs of the scored rows, None when nothing can be scored.
        rows: Labels and row numbers for the runner, None likewise.
        note: Why nothing, or nothing better, can be scored.
    """

    arguments: dict[str, Any]
    inputs: Any = None
    rows: CapturedRows | None = None
    note: str = ""


def nothing() -> np.ndarray:
    """No row numbers: the scored rows are not among the training rows, or have no numbers."""
    return np.array([], dtype=int)


def captured_batches(labels: list[np.ndarray], split: str) -> CapturedRows:
    """Labels of scored batches, when the training rows are not known one by one."""
    return CapturedRows(tuple(label[:0] for label in labels), tuple(labels), nothing(), np.array([], dtype=bool), split)


def hold_out(  # noqa: PLR0917
    model: Any,
    data: tuple[Any, Any, Any],
    labels: list[np.ndarray],
    clean: np.ndarray,
    clean_before: np.ndarray | None,
    changes: dict[str, Any],
) -> FitData:
    x, y, weights = data
    known = clean if clean_before is None or len(clean_before) != len(clean) else clean_before
    scored = held_out_rows(known) if fixed_batch_size(model) is None else nothing()
    if len(scored) == 0:
        scored = spread(len(clean))
        kept_labels = [label[scored] for label in labels]
        note = f"{len(clean)} rows are too few to hold any out; training rows are scored."
        return FitData(
            changes,
            take_rows(x, scored),
            CapturedRows(tuple(labels), tuple(kept_labels), scored, clean, "training"),
            note,
        )
    trained = np.setdiff1d(np.arange(len(clean)), scored)
    changes = {**changes, "x": take_rows(x, trained), "y": take_rows(y, trained)}
    if weights is not None:
        changes["sample_weight"] = take_rows(weights, trained)
    kept_labels = [label[scored] for label in labels]
    return FitData(
        changes, take_rows(x, scored), CapturedRows(tuple(labels), tuple(kept_labels), scored, clean, "holdout")
    )


def _varies(labels: list[np.ndarray]) -> bool:
    return any(bool(np.any(label != label[:1])) for label in labels if label.dtype.kind in "biuf")


def says_enough(labels: list[np.ndarray]) -> bool:
    """Whether validation rows are worth scoring: neither too few nor all with the same label."""
    return bool(labels) and len(labels[0]) >= MIN_SCORED and _varies(labels)
