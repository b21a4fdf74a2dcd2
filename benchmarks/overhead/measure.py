"""Two trainings side by side, epoch by epoch in turn, one of them under the probe."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from dlfix.diagnose.probe.callback import Localizer
from dlfix.diagnose.probe.hooks import Hooks
from dlfix.diagnose.probe.session import ProbeSession
from dlfix.diagnose.probe.sites import SiteFinder

from .models import Training


@dataclass(frozen=True)
class Overhead:
    """Result for one training.

    Attributes:
        ratio: Time under the probe over time without, all steady epochs together.
        middle: Median over epochs of the same ratio, epoch by epoch: what a typical epoch costs.
        identical: The final weights are the same, bit for bit.
    """

    name: str
    plain_seconds: float
    probed_seconds: float
    ratio: float
    middle: float
    steps_per_epoch: int
    observed_steps: int
    identical: bool


class Turn(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets two trainings run one epoch each in turn, so that both meet the same load of the machine."""

    async_safe = True

    def __init__(self, mine: threading.Semaphore, other: threading.Semaphore) -> None:
        super().__init__()
        self.mine, self.other = mine, other
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.mine.acquire()
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.begin)
        self.other.release()


def measure(training: Training, epochs_factor: float = 1.0) -> Overhead:
    """Time a training with and without the probe and compare the final weights of two short ones."""
    x, y = training.data()
    epochs = max(training.warm_up + 5, int(training.epochs * epochs_factor))
    first, second = threading.Semaphore(1), threading.Semaphore(0)
    plain, probed = Turn(first, second), Turn(second, first)
    localizer = Localizer(verbose=0)
    failures: list[BaseException] = []

    def train(turn: Turn, callbacks: list[Any]) -> None:
        try:
            model = training.make()
            model.fit(x, y, batch_size=training.batch_size, epochs=epochs, verbose=0, callbacks=callbacks)
        except BaseException as error:
            failures.append(error)
        finally:
            turn.other.release()

    threads = [
        threading.Thread(target=train, args=(plain, [plain])),
        # The watch begins its epoch before the turn and ends it after: its own callbacks are inside the measured time.
        threading.Thread(target=train, args=(probed, [probed, localizer])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    a, b = plain.seconds[training.warm_up :], probed.seconds[training.warm_up :]
    trace = localizer.trace
    return Overhead(
        name=training.name,
        plain_seconds=sum(a),
        probed_seconds=sum(b),
        ratio=sum(b) / sum(a),
        middle=statistics.median(q / p for p, q in zip(a, b, strict=True)),
        steps_per_epoch=-(-len(x) // training.batch_size),
        observed_steps=len(trace.fits[0].statistics.steps) if trace else 0,
        identical=same_weights(training),
    )


def same_weights(training: Training, epochs: int = 3) -> bool:
    """Whether a seeded training ends with the same weights and optimizer state under the probe's hooks."""
    plain, probed = _final_state(training, epochs, None), _final_state(training, epochs, ProbeSession(_finder()))
    return len(plain) == len(probed) and all(np.array_equal(p, q) for p, q in zip(plain, probed, strict=True))


def _final_state(training: Training, epochs: int, session: ProbeSession | None) -> list[np.ndarray]:
    x, y = training.data()
    keras.backend.clear_session()
    keras.utils.set_random_seed(11)
    hooks = Hooks(session) if session is not None else None
    if hooks is not None:
        hooks.__enter__()
    try:
        model = training.make()
        model.fit(x, y, batch_size=training.batch_size, epochs=epochs, verbose=0)
    finally:
        if hooks is not None:
            hooks.__exit__()
    return [v.numpy() for v in [*model.variables, *model.optimizer.variables]]


def _finder() -> SiteFinder:
    return SiteFinder(Path(__file__).parent)
