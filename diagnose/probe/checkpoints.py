"""Keeps what is needed to run the last steps of a training once more: a state, and the batches since.

The batches are not kept themselves where TensorFlow can save the position of an iterator, which costs about a tenth of
a millisecond for each stretch of steps and nothing for a step. An iterator that cannot be saved (over a generator of
Python) has its batches kept instead, as long as that is affordable.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..replay.state import State, all_variables, backend_variable

#: Share of the training time, and seconds before it counts, that keeping may cost.
SHARE = 0.005
FREE_SECONDS = 0.1
#: A checkpoint is replaced after so many steps or seconds of training, so that running them again takes no time.
STEPS = 256
SECONDS = 1.0
#: Share of the process's memory that may be kept: the extra memory that watching may take as a whole.
MEMORY_SHARE = 0.05
#: Epochs that one checkpoint may span; every one of them holds an iterator's position.
_STRETCHES = 64
#: An iterator that takes longer to save (a large shuffle buffer) counts as one that cannot be saved.
_SLOW_SAVE = 0.02
#: What it costs to hand a batch over by way of Python (measured on two cores), and to copy a byte of a variable.
_FED_SECONDS = 3e-4
_BYTE_SECONDS = 2.5e-10


@dataclass
class _Stretch:
    """Steps that took their batches from one iterator: the first ones kept, the rest by its position after those.

    ``rate`` is the learning rate at their beginning: callbacks of Keras's change it between epochs.
    """

    first_step: int
    batches: list[list[Any]]
    dataset: Any = None
    position: Any = None
    rate: Any = None

    def again(self, per_call: int) -> Iterator[list[Any]]:
        """The batches of one call of the training function after another."""
        import tensorflow as tf

        yield from self.batches
        if self.position is None:
            return
        iterator = iter(self.dataset)
        tf.raw_ops.DeserializeIterator(resource_handle=iterator._iterator_resource, serialized=self.position)
        while batches := list(itertools.islice(iterator, per_call)):
            yield batches


@dataclass
class Checkpoints:
    """The latest checkpoint of one fit, renewed as the training goes on.

    Attributes:
        per_call: Steps that one call of the training function makes.
        spent: Seconds of this thread that keeping has cost; other work on the machine must not count.
        state: All variables before ``step``; None while there is no checkpoint.
        is_first: The checkpoint is of before the first step, when the optimizer had no state yet.
        training_seconds: How long training has run, told by the watch; the budget is a share of it.
    """

    per_call: int = 1
    step: int = 0
    state: State | None = None
    is_first: bool = False
    training_seconds: float = 0.0
    spent: float = 0.0
    off: str | None = None
    _rate: Any = None
    _known: tuple[int, tuple[Any, ...]] | None = None
    _ignored: frozenset[int] | None = None
    _stretches: list[_Stretch] = field(default_factory=list)
    _iterator: Any = None
    _savable: bool = True
    _kept_bytes: int = 0
    _since: float = 0.0
    _memory: float = 0.0

    def wants_batch(self, step: int, iterator: Any) -> bool:
        """Whether the watch must take the batch of this step itself and ``keep`` it.

        The first batch of an iterator is kept: only once it was asked for, the order of its data is drawn.
        """
        if self.off is not None:
            return False
        if step == 0 or iterator is not self._iterator or not self._savable:
            if step == 0 or self._affordable():
                return True
            self.drop()  # a gap: what was kept leads nowhere
        return False

    def is_due(self, step: int) -> bool:
        """Whether it is time for a new checkpoint before this step."""
        if self.off is not None or not self._affordable() or self._iterator is None:
            return False
        old = step - self.step >= STEPS or self.training_seconds - self._since >= SECONDS
        full = len(self._stretches) > _STRETCHES or self._kept_bytes > self._memory / 2
        return self.state is None or self.is_first or old or full

    def take(self, model: Any, step: int, batches: list[Any] | None, iterator: Any) -> bool:
        """Start a new checkpoint before ``step``, whose ``batches`` were taken from the iterator already, or not.

        Returns:
            False if the model is broken already; the checkpoint before is kept then.
        """
        begin = time.thread_time()
        state = State.of(self._variables(model))
        self._memory = self._memory or MEMORY_SHARE * _resident_bytes()
        if state.bytes > self._memory:
            self.off = f"its state ({state.bytes / 1e6:.0f} MB) is too large to be kept beside it"
            self.drop()
            return True
        if self._ignored is None:
            self._ignored = unsound(model, state)
        elif self.state is not None and not self.is_sound(model, state):
            return False
        # What the optimizer makes of variables in its first step is not in a state of before it.
        self.is_first = step == 0 and not getattr(model.optimizer, "built", True)
        self.state, self.step, self._since = state, step, self.training_seconds
        self._stretches, self._kept_bytes, self._rate = [], 0, rate_variable(model)
        self.spent += time.thread_time() - begin + state.bytes * _BYTE_SECONDS
        self.keep(step, batches, iterator)
        return True

    def is_sound(self, model: Any, state: State | None = None) -> bool:
        """Whether weights and running loss are finite, in ``state`` or now, but for what was not so from the start.

        A layer may hold an infinity on purpose, as a mask does; if it is none, the loss will tell.
        """
        now = State.of(self._variables(model)) if state is None else state
        return unsound(model, now) <= (self._ignored or frozenset())

    def keep(self, step: int, batches: list[Any] | None, iterator: Any) -> None:
        """Remember where the batches from ``step`` on come from."""
        begin = time.thread_time()
        known = iterator is self._iterator
        self._iterator = iterator
        if self.state is None:
            return
        position = self._position(iterator) if self._savable else None
        given = [] if batches is None else [batches]
        if position is None and known and self._stretches:
            self._stretches[-1].batches += given
        else:
            rate = None if self._rate is None else self._rate.read_value()
            self._stretches.append(_Stretch(step, given, iterator._dataset, position, rate))
        self._kept_bytes += sum(_bytes(batch) for batch in batches or ())
        if self._kept_bytes > self._memory:
            self.drop()
        self.spent += time.thread_time() - begin + (_FED_SECONDS if batches else 0.0)

    def steps(self, before: int) -> Iterator[tuple[int, list[Any]]]:
        """The steps since the checkpoint with their batches, one call of the training function at a time."""
        ends = [stretch.first_step for stretch in self._stretches[1:]] + [before]
        for stretch, end in zip(self._stretches, ends, strict=True):
            if stretch.rate is not None:
                self._rate.assign(stretch.rate)
            steps = range(stretch.first_step, end, self.per_call)
            yield from zip(steps, stretch.again(self.per_call), strict=False)

    def _variables(self, model: Any) -> tuple[Any, ...]:
        """All variables; they are looked for again only when their number changes (the optimizer's first step)."""
        optimizer = getattr(model, "optimizer", None)
        count = len(model.variables) + (0 if optimizer is None else len(optimizer.variables))
        if self._known is None or self._known[0] != count:
            self._known = count, all_variables(model)
        return self._known[1]

    def release_iterator(self) -> None:
        """Let go of the iterator of the epoch before; what was kept of it leads on by its dataset and position."""
        self._iterator = None

    def drop(self) -> None:
        """Forget the checkpoint."""
        self.state, self._stretches, self._kept_bytes, self.is_first = None, [], 0, False

    def _affordable(self) -> bool:
        return self.spent <= FREE_SECONDS + SHARE * self.training_seconds

    def _position(self, iterator: Any) -> Any:
        position, seconds = saved_position(iterator)
        self._savable = position is not None and seconds < _SLOW_SAVE
        return position if self._savable else None


def rate_variable(model: Any) -> Any:
    """The variable that holds the learning rate; None where a schedule computes it."""
    optimizer = getattr(model.optimizer, "inner_optimizer", None) or model.optimizer
    rate = getattr(optimizer, "_learning_rate", None)
    return backend_variable(rate) if hasattr(rate, "assign") else None


def saved_position(iterator: Any) -> tuple[Any, float]:
    """Where an iterator stands, as TensorFlow saves it, and how long that took; None if it cannot be saved."""
    import tensorflow as tf

    begin = time.thread_time()
    try:
        policy = 1  # IGNORE: Keras's own shuffle counts as a state from outside; it was drawn with the first batch
        position = tf.raw_ops.SerializeIterator(
            resource_handle=iterator._iterator_resource, external_state_policy=policy
        )
        if getattr(iterator, "_dataset", None) is None:
            return None, 0.0
    except Exception:  # generators of Python have no position
        return None, 0.0
    return position, time.thread_time() - begin


def unsound(model: Any, state: State) -> frozenset[int]:
    """Which of the weights, and of what Keras sums the loss up in, are not finite in this state, by ``id``."""
    tracker = getattr(model, "_loss_tracker", None)
    watched = [*model.variables, *(tracker.variables if tracker is not None else ())]
    wanted = {id(backend_variable(variable)) for variable in watched}
    return frozenset(
        id(variable)
        for variable, value in zip(state.variables, state.values, strict=True)
        if id(variable) in wanted and value.dtype.is_floating and not _finite(value)
    )


def _finite(value: Any) -> bool:
    array = np.asarray(value)
    with np.errstate(all="ignore"):
        total = array.sum()  # far cheaper than looking at each; an overflow of the sum is looked into
    return bool(np.isfinite(total)) or bool(np.isfinite(array).all())


def _bytes(batch: Any) -> int:
    import tensorflow as tf

    leaves = [leaf for leaf in tf.nest.flatten(batch) if isinstance(leaf, tf.Tensor)]
    return sum(int(leaf.shape.num_elements() or 0) * max(1, leaf.dtype.size) for leaf in leaves)


def _resident_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
