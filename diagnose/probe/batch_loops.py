"""Loops around ``train_on_batch``: the calls on one model in one loop are one training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import numpy as np

from .loop_epochs import LoopFinder, LoopPlace
from .loop_watch import LoopWatch, finish_idle, tensors_of
from .session import ProbeSession


class BatchLoops:
    """The loops around ``train_on_batch`` of one session."""

    def __init__(self, session: ProbeSession) -> None:
        self.session = session
        self.finder = LoopFinder(session.finder)
        self._watches: dict[int, tuple[Any, LoopWatch]] = {}

    def train(self, original: Callable[..., Any], model: Any, given: dict[str, Any], frame: FrameType) -> Any:
        """One call of ``train_on_batch``."""
        session = self.session
        watch, batch, before = None, None, None
        with session.soft("a training batch"), session.ours():
            loops = self.finder.loops(frame)
            watch = self._watch(model, loops, frame)
            batch = _batch(given)
            watch.begin_step(batch, loops, model.optimizer)
            if watch.loop_steps.due():
                batch = tensors_of(batch)
                _build(model, batch)
                before = watch.loop_steps.before(batch) if batch is not None else None
            elif watch.model_facts is None and model.built:
                watch.loop_steps._prepare()
        begin = time.perf_counter()
        named = {name: value for name, value in given.items() if name != "self"}
        with session.inside():
            logs = original(model, **{**named, "return_dict": True})
        seconds = time.perf_counter() - begin
        if watch is not None:
            with session.soft("a training batch"), session.ours():
                watch.loop_steps.after(batch, before, seconds)
                watch.end_step(_numbers(logs), _rows(given.get("x")))
        return logs if given.get("return_dict") else model._flatten_metrics_in_order(logs)

    def _watch(self, model: Any, loops: tuple[LoopPlace, ...], frame: FrameType) -> LoopWatch:
        # Calls at several places of one loop (real and made-up images) are one training; two loops are two.
        site = self.session.finder.site(frame)
        place = (loops[-1].file, loops[-1].line) if loops else site
        known = self._watches.get(id(model))
        if known is not None and known[1].model is model:
            if known[0] == place:
                return known[1]
            known[1].finish()
        watch = LoopWatch(self.session, model, site, "train_on_batch")
        self._watches = {key: one for key, one in self._watches.items() if one[1].model is not None}
        self._watches[id(model)] = (place, watch)
        finish_idle(one for other, one in self._watches.values() if other == place and one.site == site)
        _mark_opponents(watch, [other for _, other in self._watches.values()])
        return watch


def _mark_opponents(watch: LoopWatch, others: list[LoopWatch]) -> None:
    """Two models that share weights of which each trains only its own part are trained against each other."""
    for other in others:
        if other is watch or other.model is None:
            continue
        mine, theirs = watch.model, other.model
        shared = {id(v) for v in mine.weights} & {id(v) for v in theirs.weights}
        both = {id(v) for v in mine.trainable_weights} & {id(v) for v in theirs.trainable_weights}
        if shared and not both:
            watch.adversarial = other.adversarial = True


def _batch(given: Mapping[str, Any]) -> tuple[Any, ...]:
    return given.get("x"), given.get("y"), given.get("sample_weight")


def _build(model: Any, batch: Any) -> None:
    """What ``train_on_batch`` does first; done a moment earlier it changes nothing."""
    if batch is not None and not model.built:
        x, y, weight = [*batch, None, None][:3]
        model._maybe_symbolic_build(data_batch=(x, y, weight))


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(np.asarray(value)) for name, value in logs.items() if np.size(value) == 1}


def _rows(x: Any) -> int:
    import keras

    leaves = keras.tree.flatten(x)
    shape = getattr(leaves[0], "shape", None) if leaves else None
    return int(shape[0]) if shape is not None and len(shape) else 0
