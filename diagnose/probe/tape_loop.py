"""One loop around ``GradientTape``: the layers that one optimizer trains in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..trace import CompileFacts
from .loop_models import LayerGroup, TapeModel, loop_compile_facts, weight_values
from .loop_watch import LoopWatch
from .model_facts import initial_statistics
from .observer import Observation, Snapshot
from .session import ProbeSession
from .tape_events import Events


@dataclass(frozen=True)
class Beginning:
    """Weights of a model before the first step of its loop."""

    snapshot: Snapshot
    initial: dict[int, dict[str, float]]

    @classmethod
    def of(cls, layer: Any) -> Beginning:
        import tensorflow as tf

        with tf.init_scope():
            snapshot = Snapshot.of(layer)
            for variable, value in zip(layer.trainable_variables, snapshot.trainable, strict=True):
                if tuple(variable.shape) != tuple(value.shape):
                    raise ValueError(f"{variable.name} has no value yet")
            return cls(snapshot, initial_statistics(LayerGroup([layer])))


class TapeLoop(LoopWatch):
    """One loop: the layers that one optimizer trains in it."""

    def __init__(
        self, session: ProbeSession, optimizer: Any, events: Events, site: Any, beginning: Beginning | None = None
    ) -> None:
        layers = events.layers
        self.optimizer = optimizer
        self.layers = layers
        call = events.owners[-1]
        loss = events.loss_of(call)
        self.loss_objects = [loss.loss] if loss else []
        self.written = call.written if loss is None else None
        model = layers[0] if len(layers) == 1 and hasattr(layers[0], "layers") else LayerGroup(layers)
        super().__init__(session, model, site, "own loop")
        self.snapshot = beginning.snapshot if beginning else None
        self.loop_steps.initial = beginning.initial if beginning else {}
        self.targets: set[int] = set()
        if len(layers) == 1 and len(call.args) == 1:
            self.loop_steps.observed = TapeModel(layers[0], dict(call.named), loss.loss if loss else None, optimizer)
            self.loop_steps.model_reference = lambda: self.loop_steps.observed
        self.loop_steps._prepare()
        self.describe()

    def describe_compiled(self, model: Any) -> CompileFacts:
        facts = loop_compile_facts(self.optimizer, self.loss_objects, self.session.sites)
        return replace(facts, losses=(self.written.facts,)) if self.written is not None else facts

    def look_ahead(self) -> None:
        """Keep the weights before a step that is one to look at."""
        if self.snapshot is None and self.model is not None and self.loop_steps.due():
            begin = time.perf_counter()
            self.snapshot = Snapshot.of(self.model)
            self.loop_steps.account.book("observing", time.perf_counter() - begin)

    def made(self, batch: tuple[Any, ...] | None, gradients: dict[int, np.ndarray], seconds: float) -> None:
        """A step was made; look at it, if its weights before were kept."""
        steps, before = self.loop_steps, self.snapshot
        self.snapshot = None
        samples = steps.series.added
        can_replay = batch is not None and steps.observed is not None
        steps.after(batch, before if can_replay else None, seconds)
        if before is None or len(before.trainable) != len(self.model.trainable_variables):
            return
        if steps.series.added == samples and (not can_replay or not steps._observing):
            steps._keep(Observation.of_weights(self._weights(before, gradients), _norm(gradients)))
            steps.schedule.taken(steps.step)
        elif steps.series.added > samples and gradients:
            steps.series.complete_last(lambda: self._weights(before, gradients), _norm(gradients))

    def _weights(self, before: Snapshot, gradients: dict[int, np.ndarray]) -> np.ndarray:
        return weight_values(self.model, [np.asarray(value) for value in before.trainable], gradients)


def _norm(gradients: dict[int, np.ndarray]) -> float:
    if not gradients:
        return float("nan")
    return float(np.sqrt(sum(float(np.sum(np.square(g.astype(np.float64)))) for g in gradients.values())))
