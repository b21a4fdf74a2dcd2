"""Watches a training loop of the script's own, one step at a time, and turns it into a :class:`FitTrace`.

A loop has no beginning and no end that Keras knows of. It begins with its first step; it is over when another model is
trained at the same place, or with the script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..evaluation import output_names
from ..source import CallSite
from ..trace import FitFacts, FitTrace, Statistics
from .data_capture import DataCapture, as_array, named_leaves, row_count
from .fit_watch import FitWatch, learning_rate
from .loop_epochs import EpochFinder, LoopPlace
from .observer import Snapshot
from .session import ProbeSession
from .stepping import StepWatch

_MAX_POINTS = 4000
_SAVE_EVERY = 50
_AFTER_NONFINITE = 3
#: Models that are trained in turn at one place in the source.
_IN_TURN = 4
#: Epochs of a loop that are kept one by one in the trace; of more, only every second, fourth … is.
_MAX_EPOCHS = 5000


@dataclass
class LossLog:
    """Losses of single steps; means of neighbours once there are many."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _stride: int = 1
    _open: list[float] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        self._open.append(value)
        if len(self._open) < self._stride:
            return
        self.steps.append(step)
        self.values.append(float(np.mean(self._open)))
        self._open.clear()
        if len(self.steps) >= _MAX_POINTS:
            self._stride *= 2
            self.steps = self.steps[1::2]
            self.values = [(a + b) / 2 for a, b in zip(self.values[::2], self.values[1::2], strict=True)]


class LoopSteps(StepWatch):
    """The steps of a loop: nothing stands between Keras and its functions, each step is told to us from outside.

    Attributes:
        observed: What layers are looked at through: the model, or what stands in for it.
    """

    knows_losses = False

    def __init__(self, session: ProbeSession, model: Any, data: DataCapture | None) -> None:
        super().__init__(session, model, data, None)
        self.observed: Any = None
        self.log = LossLog()
        self.values: np.ndarray | None = None
        self._per_call = 1

    @property
    def updates(self) -> int | None:
        return self.step

    def due(self) -> bool:
        """Whether to look at the layers in the coming step."""
        return self._observing and self._active and self.schedule.due(self.step)

    def before(self, batch: Any) -> Snapshot | None:
        """The variables before a step, when it is one to look at."""
        try:
            return self._before(batch, batch_spec(batch))
        except Exception as error:
            self.session.failed("a batch", error)
            return None

    def after(self, batch: Any, before: Snapshot | None, seconds: float) -> None:
        """A step was made on ``batch``."""
        self.account.training_seconds += seconds
        if before is not None:
            self._observe(batch, before, batch_spec(batch))

    def count(self, steps: int, loss: float) -> None:
        """Book steps and the loss of the last one."""
        for _ in range(steps):
            self.step += 1
            if self.step % _SAVE_EVERY == 0:
                self.session.changed()
        if np.isnan(loss) and not self.log.steps:
            return  # not known, rather than not a number
        self.log.add(self.step - 1, loss)
        if not np.isfinite(loss) and not self._nonfinite_seen:
            self._nonfinite_seen = True
            self.schedule.force(_AFTER_NONFINITE)

    def statistics(self, layers: int) -> Statistics:
        return self.series.statistics(layers, self.log.steps, self.log.values)


class LoopWatch(FitWatch):
    """Everything recorded about one loop around the same model.

    Attributes:
        model: Kept alive, to be evaluated when the loop is over.
        adversarial: Another model is trained against this one.
    """

    def __init__(self, session: ProbeSession, model: Any, site: CallSite | None, origin: str) -> None:
        super().__init__(session, model, site)
        self.origin = origin
        self.model = model
        self.adversarial = False
        self.data = DataCapture(kind="batches", note=session.note, from_batches=True, output_names=output_names(model))
        self.epochs = EpochFinder()
        self.loop_steps = LoopSteps(session, model, self.data)
        self.loop_steps.built = self.describe
        self.steps = self.loop_steps
        self.rows_of_array: int | None = None
        self.batch_rows: list[int] = []
        self.last_step = session.loop_steps
        session.fits.append(self.trace)
        session.loops.append(self)

    def begin_step(self, batch: tuple[Any, ...] | None, loops: tuple[LoopPlace, ...], optimizer: Any) -> None:
        """A step on ``batch`` (inputs, targets, weights as far as they are known) is about to be made."""
        with self.session.soft("the epochs of a loop"):
            before = len(self.epochs.log.begins)
            inputs = batch[0] if batch else None
            self.epochs.step(self.loop_steps.step, inputs, loops, learning_rate(optimizer))
            epoch = max(len(self.epochs.log.begins) - 1, 0)
            if not before or epoch >= before:
                self.loop_steps.begin_epoch(epoch)
            self.loop_steps._epochs_begun = len(self.epochs.by_rows.begins)  # only these show the same rows again
        if batch is not None:
            with self.session.soft("a batch"):
                self._take(batch)

    def _take(self, batch: tuple[Any, ...]) -> None:
        leaves = named_leaves(batch[0], "x")
        rows = row_count(leaves)
        if rows is not None:
            self.batch_rows = [*self.batch_rows[:100], rows]
        base = getattr(leaves[0][1], "base", None) if leaves else None
        if isinstance(base, np.ndarray) and base.ndim == np.ndim(leaves[0][1]):
            self.rows_of_array = len(base)  # a slice of the whole array
        if self.loop_steps._wants_data():
            self.loop_steps._collect([batch])

    def end_step(self, values: Mapping[str, float], rows: int, steps: int = 1) -> None:
        """The step was made; ``values`` holds its loss and metrics."""
        with self.session.soft("the epochs of a loop"):
            self.epochs.add(values, rows)
        self.loop_steps.count(steps, values.get("loss", float("nan")))
        self.session.loop_steps += 1
        self.last_step = self.session.loop_steps

    def take_held_out(self, x: Any, y: Any) -> None:
        """Rows that the script evaluates this model on; those it trained on are no test."""
        if self.data is None or x is None or y is None:
            return
        arrays = [as_array(leaf) for _, leaf in named_leaves(x, "x")]
        if not arrays or any(array is None for array in arrays) or self.epochs.seen(x):
            return
        self.data._take_validation((x, y))

    def finish(self) -> None:
        """The loop is over."""
        if self._final is not None:
            return
        self.end(self.session.loop_state)
        self.model = None
        if self in self.session.loops:
            self.session.loops.remove(self)

    def trace(self) -> FitTrace | None:
        if self._final is not None:
            return self._final
        self._summarize()
        seen = super().trace()
        if seen is None:
            return None
        statistics = replace(seen.statistics, epochs=self.epochs.log.of_steps(seen.statistics.steps.tolist()))
        if not self.adversarial:
            return replace(seen, statistics=statistics)
        # Labels made up for the game, and a skill that falls as the other side gets better: nothing to judge by.
        return replace(
            seen,
            statistics=statistics,
            adversarial=True,
            evaluation={},
            sample=None,
            data=replace(seen.data, targets=()),
        )

    def _summarize(self) -> None:
        log = self.epochs.log
        stride = 1 + len(log.begins) // _MAX_EPOCHS
        self.metrics = {name: list(values[::stride]) for name, values in log.metrics().items()}
        self.epoch_seconds = [sum(log.seconds[i : i + stride]) for i in range(0, len(log.seconds), stride)]
        self.learning_rates = log.rates[::stride]
        steps = log.steps[:-1] or log.steps
        self.facts = FitFacts(
            epochs=max(len(self.epoch_seconds), 1),
            batch_size=int(np.median(self.batch_rows)) if self.batch_rows else None,
            steps_per_epoch=int(np.median(steps)) if steps else None,
            shuffle=True,
            site=self.site,
        )
        if self.data is not None:
            self.data.rows = self.rows_of_array or self.epochs.rows


def finish_idle(loops: Iterable[LoopWatch]) -> None:
    """End those of the loops at one place that lie behind: the script came round with other models (folds, restarts).

    A few may be trained in turn (both sides of a GAN), so as many are kept.
    """
    alive = sorted((loop for loop in loops if loop.model is not None), key=lambda loop: loop.last_step)
    for loop in alive[:-_IN_TURN]:
        loop.finish()


def batch_spec(batch: Any) -> Any:
    """Element spec of a batch of tensors, any number of rows."""
    import tensorflow as tf

    def of(tensor: Any) -> Any:
        shape = tensor.shape
        return tf.TensorSpec([None, *shape[1:]] if shape.rank else shape, tensor.dtype)

    return tf.nest.map_structure(of, batch)


def tensors_of(batch: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """A batch as tensors, without the parts that are missing at its end; None if it cannot be told what it is."""
    import keras
    import tensorflow as tf

    parts = list(batch)
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    if any(part is None for part in parts):
        return None
    return tuple(keras.tree.map_structure(tf.convert_to_tensor, part) for part in parts)
