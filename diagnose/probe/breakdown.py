"""Finds the step at which a watched training broke numerically, and has it replayed operation by operation.

The loss is read now and then only, and the step that broke is seldom one that was observed. So when something that is
not finite is noticed, the steps since the last sound checkpoint run once more with the training's own function, until
the first of them that leaves a loss or a weight that is not finite. That one is replayed from the state before it.
Afterwards everything is put back, so the training goes on as if nothing had happened.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any

from ..replay.culprit import breakdown_of
from ..replay.run import Batch, StepOptions, fresh_copy, run_step
from ..replay.state import State, all_variables, backend_variable
from ..trace import Breakdown
from .checkpoints import Checkpoints, saved_position
from .feed import BatchFeed
from .observer import Snapshot, _without_optionals
from .session import ProbeSession, first_line, untouched_randomness
from .tracing import trace_forward

#: Operations whose effect outlives a step and cannot be put back: running a step twice would be noticed.
_UNREPEATABLE = frozenset(
    {"PyFunc", "EagerPyFunc", "WriteFile", "RandomUniform", "RandomUniformInt", "RandomStandardNormal"}
    | {"TruncatedNormal", "ParameterizedTruncatedNormal", "RandomShuffle", "RandomGamma", "RandomPoisson"}
    | {"RandomPoissonV2", "Multinomial", "StatefulUniform", "StatefulStandardNormalV2"}
)


class BreakdownWatch:
    """Watches one fit for numbers that stop being finite.

    Attributes:
        breakdown: What broke first, None as long as nothing did or it was not found.
        is_looking: Something broke, but the step was not found: a later one will have to do (``observed``).
    """

    def __init__(self, session: ProbeSession, model: Any, per_call: int) -> None:
        self.session = session
        self.model_reference = weakref.ref(model)
        self.checkpoints = Checkpoints(per_call)
        self.breakdown: Breakdown | None = None
        self.is_looking = False
        self._is_over = False
        self._iterator: Any = None
        self._original: Callable[[Any], Any] | None = None
        self._started = time.perf_counter()
        self._epoch_of: list[tuple[int, int]] = []

    def begin_epoch(self, step: int, epoch: int) -> None:
        self._epoch_of.append((step, epoch))
        # Keras replaces its iterator now; kept alive by us, the old one would go on working in threads of its own.
        self._iterator = None
        self.checkpoints.release_iterator()

    def before_step(self, step: int, original: Callable[[Any], Any], iterator: Any) -> bool:
        """Look after the checkpoint before a step.

        Returns:
            Whether the watch must take the batch itself and tell ``fed``.
        """
        if self._is_over or not hasattr(iterator, "_iterator_resource"):  # distributed over several devices
            return False
        self._original = original
        self.checkpoints.training_seconds = time.perf_counter() - self._started
        with self.session.soft("a checkpoint"):
            if self.checkpoints.wants_batch(step, iterator):
                return True
            self._iterator = iterator
            self._renew(step, None, iterator)
        return False

    def fed(self, step: int, batches: list[Any], iterator: Any) -> None:
        """The batches of this step were taken from the iterator, and will be trained on next."""
        if self._is_over or not self.checkpoints.wants_batch(step, iterator):
            return
        with self.session.soft("a checkpoint"):
            self._iterator = iterator
            model = self.model_reference()
            if model is not None and (step == 0 or self.checkpoints.state is None):
                self.checkpoints.take(model, step, batches, iterator)
            elif not self._renew(step, batches, iterator):
                self.checkpoints.keep(step, batches, iterator)

    def _renew(self, step: int, batches: list[Any] | None, iterator: Any) -> bool:
        model = self.model_reference()
        if model is None or not self.checkpoints.is_due(step):
            return False
        if not self.checkpoints.take(model, step, batches, iterator):
            self.noticed(step)
        return True

    def noticed(self, step: int) -> None:
        """Something is not finite after ``step`` steps: look for the step that broke, once."""
        if self._is_over:
            return
        self._is_over = True
        with self.session.soft("the step that broke"):
            self.breakdown = self._search(step)
        self.checkpoints.drop()
        self.is_looking = self.breakdown is None

    def finish(self, step: int) -> None:
        """Training is over after ``step`` steps: weights can be broken while the loss still looks sound."""
        model = self.model_reference()
        if model is None or self._is_over or self.checkpoints.state is None:
            return
        with self.session.soft("the weights after training"):
            if not self.checkpoints.is_sound(model):
                self.noticed(step)

    def observed(self, step: int, batch: Any, before: Snapshot) -> None:
        """Replay a step that was observed after the one that broke, which was not found."""
        model = self.model_reference()
        if model is None or not self.is_looking:
            return
        self.is_looking = False
        with self.session.soft("the step that broke"):
            variables = [*model.trainable_variables, *model.non_trainable_variables]
            state = State(tuple(backend_variable(v) for v in variables), (*before.trainable, *before.state))
            step_seen = run_step(model, batch_of(batch), state, StepOptions(detail=True))
            if step_seen.culprit is not None:
                self.breakdown = breakdown_of(step_seen, step_seen.culprit, step, self._epoch(step), exact=False)
                self.session.note(
                    f"The first step that broke was not found; step {step} is the first that could be replayed."
                )

    def _search(self, before: int) -> Breakdown | None:
        model, checkpoints = self.model_reference(), self.checkpoints
        if model is None or self._original is None:
            return None
        if checkpoints.state is None:
            why = checkpoints.off or "the batches before it could not be kept"
            self.session.note(f"The step that broke could not be run again: {why}.")
            return None
        bad = unrepeatable(model, self._iterator.element_spec)
        if bad:
            self.session.note(f"The step that broke could not be run again: {', '.join(bad[:3])} cannot be repeated.")
            return None
        position, _ = saved_position(self._iterator)
        kept = State.of(all_variables(model))
        try:
            with untouched_randomness():
                return self._run_again(model, before)
        finally:
            kept.restore()
            if position is not None:
                _set_shared_seeds(self._iterator, position)

    def _run_again(self, model: Any, before: int) -> Breakdown | None:
        state = self.checkpoints.state
        assert state is not None
        assert self._original is not None
        feed = BatchFeed(self._iterator.element_spec)
        # What an optimizer keeps of its own is younger than a state of before its first step.
        optimizer = fresh_copy(model.optimizer, model.trainable_variables) if self.checkpoints.is_first else None
        state.restore()
        checkpoints = self.checkpoints
        for step, batches in checkpoints.steps(before):
            start = State.of(all_variables(model))
            if optimizer is not None:
                return self._replayed(model, step, batches, start, optimizer)
            try:
                whole = len(batches) == checkpoints.per_call
                self._original(feed.iterator(batches) if whole else feed.short_iterator(batches))
            except Exception:  # a check of the user's raised, as it did in training
                return self._replayed(model, step, batches, start)
            if not checkpoints.is_sound(model):
                return self._replayed(model, step, batches, start)
        return None

    def _replayed(
        self, model: Any, step: int, batches: list[Any], start: State, optimizer: Any = None
    ) -> Breakdown | None:
        """Replay the steps of one call of the training function until one is broken."""
        for offset, batch in enumerate(batches):
            try:
                seen = run_step(model, batch_of(batch), start, StepOptions(optimizer=optimizer, detail=True))
            except Exception as error:
                self.session.note(f"Step {step + offset} broke and could not be replayed: {first_line(error)}")
                return None
            if seen.culprit is not None:
                return breakdown_of(seen, seen.culprit, step + offset, self._epoch(step))
            start = seen.state_after
        self.session.note(f"Step {step} broke, but not when it was replayed outside of the compiled function.")
        return None

    def _epoch(self, step: int) -> int:
        return max((epoch for first, epoch in self._epoch_of if first <= step), default=0)


def batch_of(batch: Any) -> Batch:
    """One element of the iterator that Keras trains on."""
    import keras

    return Batch(*keras.utils.unpack_x_y_sample_weight(_without_optionals(batch)))


def unrepeatable(model: Any, spec: Any) -> list[str]:
    """Operations in the model's forward pass and loss that must not run twice."""
    with untouched_randomness():
        graph = trace_forward(model, spec, with_loss=True).graph.as_graph_def()
    names = {node.op for node in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
    return sorted(names & _UNREPEATABLE)


def _set_shared_seeds(iterator: Any, position: Any) -> None:
    """Iterators of one shuffled dataset share the seeds of later epochs: put them back to where ``iterator`` stands."""
    import tensorflow as tf

    scratch = iter(iterator._dataset)
    tf.raw_ops.DeserializeIterator(resource_handle=scratch._iterator_resource, serialized=position)
