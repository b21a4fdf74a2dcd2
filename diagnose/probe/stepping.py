"""Stands between Keras's loop and its compiled training function, and looks at sampled steps."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..trace import Statistics
from .breakdown import BreakdownWatch
from .data_capture import DataCapture
from .feed import BatchFeed, take
from .graph import LayerGraph
from .kept_entries import KeptEntries, too_large_to_hold
from .loop_models import weight_values
from .model_facts import flat_layers, initial_statistics
from .observer import KeptObserver, NotObservable, Observation, Snapshot, StepObserver
from .sampled_series import SampledSeries, signals
from .schedule import CostAccount, Course, LossReader, SamplingSchedule, TypicalStep
from .session import ProbeSession, ProbeStop, first_line
from .tracing import trace_forward
from .validation_batches import ValidationBatches

#: Batches that are taken for the data sample from the first epoch of a dataset or generator.
_DATA_BATCHES = 64
#: Seconds of training that may pass between two looks at the clocks, the loss and what is due. Each takes a tenth of a
#: millisecond, which short steps would feel.
_QUIET_SECONDS = 0.02
#: Steps between two occasions to save what was recorded (it is saved only every few seconds).
_SAVE_EVERY = 50
#: Parameters of a model whose observer is kept for its next fit; a larger one is not kept alive for that.
_MOST_KEPT = 1_000_000
#: Steps observed after a loss became non-finite.
_AFTER_NONFINITE = 3


class StepWatch:
    """Wraps ``model.train_function`` for one fit.

    Attributes:
        initial: Statistics of the weights before the first step, by ``id(layer)``.
        traced: Layer graph as seen in the first observed forward pass.
        built: Called when more is known of the model: it is built, it was traced.
        step: Training steps done.
        breakdowns: Finds the step at which numbers stop being finite.
        knows_losses: A loss that cannot be computed is worth a note: gradients come from nowhere else.
    """

    knows_losses = True

    def __init__(
        self, session: ProbeSession, model: Any, data: DataCapture | None, steps_per_epoch: int | None
    ) -> None:
        self.session = session
        self.model_reference: Callable[[], Any] = weakref.ref(model)
        self.data = data
        self.steps_per_epoch = steps_per_epoch
        self.account = CostAccount(session.budget)
        self.schedule = SamplingSchedule(self.account)
        self.losses = LossReader()
        self.total_steps: int | None = None
        self.initial: dict[int, dict[str, float]] = {}
        self.traced: LayerGraph | None = None
        self.built: Callable[[], None] = lambda: None
        self.step = 0
        self.epoch = 0
        self.series = SampledSeries()
        self._observer: StepObserver | None = None
        self._active = True
        self._observing = True
        self._stepping_in = True
        self._feed: BatchFeed | None = None
        self._original: Any = None
        self._wrapped: Any = None
        self._nonfinite_seen = False
        self._course = Course()
        self._typical = TypicalStep()
        self._first_step_seconds: float | None = None
        self._quiet_from: int | None = None
        self._quiet_until = 0
        self._quiet_iterator: Any = None
        self._saved_step = 0
        self._epochs_begun = 0
        self._per_call = max(1, int(getattr(model, "steps_per_execution", 1) or 1))
        self.breakdowns = BreakdownWatch(session, model, self._per_call)
        self.validation = ValidationBatches(session, data, self._per_call)

    def attach(self) -> None:
        """Replace the model's training function by one that calls it."""
        model = self.model_reference()
        if model is None or model.train_function is None:
            return
        self._original = original = model.train_function
        watch = self

        def train_function(iterator: Any) -> Any:
            return watch.run(original, iterator)

        self._wrapped = train_function
        model.train_function = train_function
        self._prepare()

    def detach(self) -> None:
        """Give the model its own functions back."""
        self._active = False  # another callback may have wrapped our function meanwhile: then it is a mere passage
        model = self.model_reference()
        if model is None:
            return
        if self._wrapped is not None and model.train_function is self._wrapped:
            model.train_function = self._original
        self.validation.detach(model)
        self._observer, self._feed = None, None

    @property
    def updates(self) -> int | None:
        """Training steps seen; None where we do not stand between Keras's loop and its function."""
        return self.step if self._wrapped is not None else None

    def begin_epoch(self, epoch: int) -> None:
        self._end_quiet()
        self.epoch = epoch
        self._epochs_begun += 1
        self.schedule.begin_epoch(epoch)
        self.losses.restart()
        self.breakdowns.begin_epoch(self.step, epoch)

    def run(self, original: Callable[[Any], Any], iterator: Any) -> Any:
        """One call of the training function: ``steps_per_execution`` steps."""
        if not self._active:
            return original(iterator)
        if self.step < self._quiet_until and iterator is self._quiet_iterator:
            logs = original(iterator)
            self.step += self._per_call
            return logs
        self._end_quiet()
        if self.session.out_of_time():
            self.session.stopped = True
            raise ProbeStop
        observe = self._observing and self.schedule.due(self.step) and self._may_trace()
        keep = self._before_step(original, iterator)
        if self._stepping_in and (observe or keep or self._wants_data()):
            logs = self._run_fed(original, iterator, observe)
        else:
            logs = self._train(original, iterator)
        self._after_step()
        self._begin_quiet(iterator)
        return logs

    def _before_step(self, original: Callable[[Any], Any], iterator: Any) -> bool:
        begin = time.perf_counter()
        keep = self.breakdowns.before_step(self.step, original, iterator)
        self.account.book("checkpoints", time.perf_counter() - begin)
        return keep

    def _begin_quiet(self, iterator: Any) -> None:
        """Let the next steps pass unseen, as far as nothing is due in them."""
        if self.schedule.forced or self.step < self.losses.dense_steps or self._wants_data():
            return
        calls = int(_QUIET_SECONDS / self._typical.seconds) if self._typical.seconds else 0
        until = self.step + calls * self._per_call
        due = self.schedule.next_step if self._observing else 0
        self._quiet_until = min(until, due) if due > self.step else until  # one that is overdue waits for its budget
        self._quiet_from, self._quiet_iterator = self.step, iterator

    def _end_quiet(self) -> None:
        if self._quiet_from is not None:
            self.account.training_seconds += (self.step - self._quiet_from) / self._per_call * self._typical.seconds
        self._quiet_from, self._quiet_until, self._quiet_iterator = None, 0, None

    def _train(self, original: Callable[[Any], Any], iterator: Any, purpose: str | None = None) -> Any:
        """Call the training function and book it; what it takes longer when batches are handed over has a purpose."""
        begin, worked = time.perf_counter(), time.thread_time()
        logs = original(iterator)
        seconds = time.perf_counter() - begin
        if self._first_step_seconds is None:
            self._first_step_seconds = time.thread_time() - worked  # tracing is the work of one thread
            self.account.measure_slowdown(seconds, self._first_step_seconds)
        elif purpose is not None:
            excess = self._typical.excess(seconds)
            self.account.book(purpose, excess)
            seconds -= excess
        else:
            self._typical.add(seconds)
        self.account.training_seconds += seconds
        return logs

    def _may_trace(self) -> bool:
        """Whether the observer is there, or tracing it is worth its time."""
        if self._observer is not None or self._first_step_seconds is None or self.schedule.forced:
            return True
        left = self.total_steps - self.step if self.total_steps else self.step  # unknown: as long again
        remaining = left / self._per_call * self._typical.seconds
        return self.account.may_trace(self._first_step_seconds, remaining)

    def _after_step(self) -> None:
        self.step += self._per_call
        if self.step - self._saved_step >= _SAVE_EVERY:
            self._saved_step = self.step
            begin = time.perf_counter()
            self.session.changed()
            self.account.book("saving", time.perf_counter() - begin)
        if self.losses.due(self.step, self.account):
            with self.session.soft("the loss of a step"):
                self._read_loss()

    def _run_fed(self, original: Callable[[Any], Any], iterator: Any, observe: bool) -> Any:
        """Take the batches ourselves, let the unchanged function train on them, and look at what it did."""
        import tensorflow as tf

        if not isinstance(iterator, tf.data.Iterator):
            self._give_up("training is distributed over several devices; their weights are, after each epoch")
            return original(iterator)
        batches, ended = take(iterator, self._per_call)
        if not batches:
            return original(iterator)  # at its end: let Keras find that out by itself
        before, ahead, prepared, booked = None, None, time.perf_counter(), self.account.total
        with self.session.soft("a batch"):
            self._collect(batches)
            before = self._before(batches[0], iterator.element_spec) if observe else None
            if before is not None and too_large_to_hold(before.trainable):
                # Held across the step, they would be in memory twice: look before it, and at a part of them after.
                now, before = before, None
                ahead = self._look_ahead(batches[0], now, iterator.element_spec) if self.step else None
                del now
        self.breakdowns.fed(self.step, batches, iterator)
        if (feed := self._feed) is None or feed.element_spec is not iterator.element_spec:
            feed = self._feed = BatchFeed(iterator.element_spec)
        source = feed.short_iterator(batches) if ended else feed.iterator(batches)
        purpose = "feeding" if observe and self._first_step_seconds is not None else "data"
        self.account.book(purpose, time.perf_counter() - prepared - (self.account.total - booked))
        try:
            logs = self._train(original, source, purpose)
        except BaseException:
            feed.clear()
            raise
        if observe and before is not None and self._may_trace():
            self._observe(batches[0], before, iterator.element_spec)
        if ahead is not None:
            self._look_back(*ahead)
        return logs

    def _look_ahead(self, batch: Any, now: Snapshot, spec: Any) -> tuple[Observation, KeptEntries] | None:
        seen = self._observe(batch, now, spec, ahead=True)
        model = self.model_reference()
        return None if seen is None or model is None else (seen, KeptEntries.of(model.trainable_variables))

    def _look_back(self, seen: Observation, kept: KeptEntries) -> None:
        begin = time.perf_counter()
        model = self.model_reference()
        with self.session.soft("the updates of a step"):
            if model is not None and self._observer is not None and self._per_call == 1:
                self._observer.add_updates(seen, kept.update_norms(model.trainable_variables))
        self._keep(seen)
        self.account.book("observing", time.perf_counter() - begin)

    def _before(self, batch: Any, spec: Any) -> Snapshot | None:
        """The variables before the step. A model that builds itself at its first call is traced once, to be built."""
        if (model := self.model_reference()) is None:
            return None
        if self.step == 0 and not self._is_built(model):
            begin = time.perf_counter()
            trace_forward(model, spec)
            self._prepare()
            self.account.book("tracing", time.perf_counter() - begin)
        return Snapshot.of(model)

    def _prepare(self) -> None:
        """Measure the weights before the first step, as soon as there are any."""
        model = self.model_reference()
        if model is not None and not self.initial and self._is_built(model):
            with self.session.soft("the initial weights"):
                self.initial = initial_statistics(model)
            self.built()

    @staticmethod
    def _is_built(model: Any) -> bool:
        return bool(model.built) and all(layer.built for _, layer in flat_layers(model))

    def _observe(self, batch: Any, before: Snapshot, spec: Any, ahead: bool = False) -> Observation | None:
        if (model := self.model_reference()) is None:
            return None
        begin = time.perf_counter()
        first = self._observer is None
        try:
            if self._observer is None or len(before.trainable) != len(model.trainable_variables):
                arrays = self.data is not None and self.data.kind == "arrays"
                kept = self.session.kept_observer
                self._observer = kept.get(model, self._original, spec) if kept is not None else None
                self._observer = self._observer or StepObserver(
                    model, spec, one_step=self._per_call == 1, restore_randomness=arrays
                )
            seen = self._observer.observe(batch, before, ahead)
        except Exception as error:
            self._observation_failed(error, model)
            return None
        self.breakdowns.observed(self.step, batch, before)
        seconds = time.perf_counter() - begin
        if first:
            self.traced = self._observer.traced
            self.built()
        if first and not self._observer.has_loss and self.knows_losses:
            self.session.note("The model trains with a loss of its own; gradients of its layers are not recorded.")
        if first and self._original is not None and model.count_params() <= _MOST_KEPT:
            weights = tuple(id(v) for v in model.trainable_variables)
            self.session.kept_observer = KeptObserver(self._original, spec, weights, self._observer)
        self.account.book("tracing" if first else "observing", seconds)
        self.schedule.taken(self.step, signals(seen))
        if not ahead:
            self._keep(seen)
        return seen

    def _keep(self, seen: Observation) -> None:
        self.series.add(seen, self.step, self.epoch)
        if self.schedule.thin():
            self.series.thin()

    def _observation_failed(self, error: Exception, model: Any) -> None:
        if getattr(model, "run_eagerly", False) and self._observer is not None and not self._observer.is_eager:
            self._observer.is_eager = True
            return
        reason = str(error) if isinstance(error, NotObservable) else f"{type(error).__name__}: {first_line(error)}"
        self._observing = False
        self.session.note(f"Layers of model {model.name!r} could not be observed: {reason}")

    def end_epoch(self) -> None:
        """Where steps cannot be looked at, the weights are, between two epochs."""
        model = self.model_reference()
        if self._stepping_in or model is None or not self.account.affordable():
            return
        begin = time.perf_counter()
        self._keep(Observation.of_weights(weight_values(model, None, {})))
        self.account.book("observing", time.perf_counter() - begin)
        self.schedule.taken(self.step)

    def _give_up(self, why: str) -> None:
        self._observing = self._stepping_in = False
        self.session.note(f"Layers were not observed because {why}.")

    def _read_loss(self) -> None:
        model = self.model_reference()
        tracker = getattr(model, "_loss_tracker", None)
        if tracker is None:
            return
        begin = time.perf_counter()
        total, count = float(tracker.total.numpy()), float(tracker.count.numpy())
        value = self.losses.read(self.step - 1, total, count)
        if self._course.left(value):
            self.schedule.hurry(self.step)
        self.account.book("reading", time.perf_counter() - begin)
        if not np.isfinite(value) and not self._nonfinite_seen and self.losses.steps:
            self._nonfinite_seen = True
            self.schedule.force(_AFTER_NONFINITE)
            self.breakdowns.noticed(self.step)

    def _wants_data(self) -> bool:
        data = self.data
        # Later epochs bring the same rows again, and rows on both sides of a split would flatter a reference learner.
        if data is None or self._epochs_begun > 1 or not data.wants_batch(validation=False):
            return False
        stride = max(1, (self.steps_per_epoch or 0) // _DATA_BATCHES)
        return self.step < _DATA_BATCHES * stride and self.step % stride < self._per_call

    def _collect(self, batches: list[Any]) -> None:
        if self.data is not None and self._epochs_begun <= 1:
            for batch in batches:
                self.data.add_batch(batch, validation=False)

    def statistics(self, layers: int) -> Statistics:
        """The series so far, for a model of ``layers`` layers."""
        return self.series.statistics(layers, self.losses.steps, self.losses.values)
