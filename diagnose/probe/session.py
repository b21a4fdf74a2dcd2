"""What one probe run has seen so far: call sites of live objects, fits, notes, limits."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from ..source import CallSite
from ..trace import DataSample, FitTrace
from .sites import SiteFinder


class ProbeStop(BaseException):
    """Ends the script on purpose when the probe's time is up. Not an ``Exception``: scripts must not swallow it."""


@dataclass
class SiteRegistry:
    """Call sites of objects, by identity, without keeping the objects alive."""

    _sites: dict[int, tuple[weakref.ref[Any], CallSite | None]] = field(default_factory=dict)

    def remember(self, thing: Any, site: CallSite | None) -> None:
        key = id(thing)

        def forget(_: weakref.ref[Any]) -> None:
            self._sites.pop(key, None)

        self._sites[key] = (weakref.ref(thing, forget), site)

    def known(self, thing: Any) -> bool:
        entry = self._sites.get(id(thing))
        return entry is not None and entry[0]() is thing

    def site(self, thing: Any) -> CallSite | None:
        entry = self._sites.get(id(thing))
        return entry[1] if entry is not None and entry[0]() is thing else None


#: All samples of one run together; a script that fits hundreds of models must not fill the memory.
_MAX_SAMPLE_BYTES = 300_000_000


@dataclass
class SamplePool:
    """Shares equal data samples between fits and bounds their total size."""

    _arrays: list[np.ndarray] = field(default_factory=list)
    _bytes: int = 0

    def shared(self, fit: FitTrace) -> FitTrace:
        """The same fit; its sample uses arrays of earlier fits where they are equal, or is dropped when too much."""
        if fit.sample is None:
            return fit
        groups = {f.name: getattr(fit.sample, f.name) for f in fields(fit.sample)}
        fresh = [a for arrays in groups.values() for a in arrays if self._known(a) is None]
        if self._bytes + sum(a.nbytes for a in fresh) > _MAX_SAMPLE_BYTES:
            return replace(fit, sample=None)
        self._arrays.extend(fresh)
        self._bytes += sum(a.nbytes for a in fresh)
        known = {name: tuple(self._known_or_own(a) for a in arrays) for name, arrays in groups.items()}
        return replace(fit, sample=DataSample(**known))

    def _known_or_own(self, array: np.ndarray) -> np.ndarray:
        known = self._known(array)
        return array if known is None else known

    def _known(self, array: np.ndarray) -> np.ndarray | None:
        for known in self._arrays:
            if known is array or (
                known.shape == array.shape and known.dtype == array.dtype and known.tobytes() == array.tobytes()
            ):
                return known
        return None


@dataclass
class ProbeSession:
    """State shared by the hooks of one probe run.

    Attributes:
        deadline: ``time.monotonic()`` after which a running fit is stopped on purpose, None for never.
        budget: Share of training time that observing may cost.
        loops: Training loops of the script's own that are not over.
        loop_state: How a loop that ends now has ended.
        kept_observer: Of the last fit, for the next one of the same model.
        loop_steps: Steps of all loops together, to tell which run side by side.
        changed: Called when there is something new worth saving (end of an epoch).
        trained: Watch of the last fit of each model.
        fit_ended: Called when a fit is over: what comes next may block or end the process without a word.
    """

    finder: SiteFinder
    deadline: float | None = None
    budget: float = 0.03
    sites: SiteRegistry = field(default_factory=SiteRegistry)
    fits: list[Callable[[], FitTrace | None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    models_built: int = 0
    loops: list[Any] = field(default_factory=list)
    loop_state: str = "completed"
    loop_steps: int = 0
    kept_observer: Any = None
    gradient_steps: int = 0
    stopped: bool = False
    changed: Callable[[], None] = lambda: None
    fit_ended: Callable[[], None] = lambda: None
    samples: SamplePool = field(default_factory=SamplePool)
    _thread: threading.local = field(default_factory=threading.local)
    trained: weakref.WeakKeyDictionary[Any, Any] = field(default_factory=weakref.WeakKeyDictionary)
    compile_records: weakref.WeakKeyDictionary[Any, Any] = field(default_factory=weakref.WeakKeyDictionary)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

    @contextlib.contextmanager
    def soft(self, what: str) -> Iterator[None]:
        """Run code of ours so that its bugs cost the recording only, never the training."""
        try:
            yield
        except Exception as error:
            self.failed(what, error)

    def failed(self, what: str, error: Exception) -> None:
        """Note a failure of ours."""
        self.note(f"The probe could not record {what}: {type(error).__name__}: {first_line(error)}")

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Mark this thread as inside a training or evaluation of Keras's, which is watched as a whole or not at all."""
        depth = getattr(self._thread, "depth", 0)
        self._thread.depth = depth + 1
        try:
            yield
        finally:
            self._thread.depth = depth

    ours = inside  # and as running code of ours, whose calls of layers and losses are not the user's

    @property
    def is_inside(self) -> bool:
        return bool(getattr(self._thread, "depth", 0))

    def end_loops(self, state: str) -> None:
        """The script is over, or its loops are."""
        self.loop_state = state
        for loop in list(self.loops):
            with self.soft("the end of a loop"):
                loop.finish()

    def out_of_time(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline


def first_line(error: BaseException, limit: int = 200) -> str:
    """The first line of an exception's message, shortened."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= limit else line[: limit - 1] + "…"


@contextlib.contextmanager
def untouched_randomness(restore: bool = True) -> Iterator[None]:
    """Give the global random generators their state back, whatever runs inside draws from them.

    Args:
        restore: False where threads of the user's may draw at the same time (generators that Keras prefetches from):
            putting the state back would make them draw the same numbers twice.
    """
    if not restore:
        yield
        return
    python_state, numpy_state = random.getstate(), np.random.get_state()
    context = tensorflow_generator()
    context_state = context.getstate() if context is not None else None
    keras_state = keras_seed_state()
    keras_value: np.ndarray = keras_state.numpy() if keras_state is not None else np.zeros(0)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if context is not None and context_state is not None:
            context.setstate(context_state)
        if keras_state is not None and not np.array_equal(keras_state.numpy(), keras_value):
            keras_state.assign(keras_value)


def keras_seed_state() -> Any | None:
    """The variable behind ``keras.random`` without a seed, None as long as nothing has used it."""
    try:
        from keras.src.backend.common import global_state

        generator = global_state.get_global_attribute("global_seed_generator")
        return None if generator is None else generator.state
    except Exception:
        return None


def tensorflow_generator() -> random.Random | None:
    """The generator TensorFlow draws operation seeds from, None where this version hides it elsewhere."""
    try:
        from tensorflow.python.eager import context

        generator = getattr(context.context(), "_rng", None)
    except Exception:
        return None
    return generator if isinstance(generator, random.Random) else None
