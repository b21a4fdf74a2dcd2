"""Two trainings side by side, epoch by epoch in turn, one of them under the probe."""

from __future__ import annotations

import math
import statistics
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from dlfix.diagnose.deeplocalize import DeepLocalize, DeepLocalizeError
from dlfix.diagnose.probe.callback import Localizer
from dlfix.diagnose.probe.hooks import Hooks
from dlfix.diagnose.probe.session import ProbeSession
from dlfix.diagnose.probe.sites import SiteFinder

from .estimates import WARM_UP, Pair, trimmed_ratio, whole_ratio
from .memory import peak_megabytes
from .models import Training

#: About how long an epoch of a timed training takes.
EPOCH_SECONDS = 1.0


@dataclass(frozen=True)
class Overhead:
    """Result for one training, run several times side by side with itself.

    Attributes:
        ratio: Time under the probe over time without, by the clock, the first epochs with their tracing included, but
            not the waits for iterators (``Turn.waits``) and the pairs of epochs that differ most in either direction
            (``trimmed_ratio``).
        ratios: The same of each run.
        whole: The same of everything, waits and bursts of other work on the machine included.
        processor: The same of the processor's time instead of the clock's.
        typical: Median over the epochs after the warm-up of the same ratio, epoch by epoch.
        start_seconds: What the first epochs of a run took longer: tracing, and the samples that every training gets.
        plain_waits, probed_waits: Seconds that all epochs waited for their iterators.
        declared: What the probe itself booked, as a share of the time without it.
        observed_steps: Steps that were looked at in a run.
        memory_ratio: Peak memory with the probe over that without, in processes of their own.
        identical: The final weights are the same, bit for bit.
        deeplocalize: Time of an epoch under the DeepLocalize procedure over one without; None where it cannot be
            followed (several inputs, pipelines, models without a graph of layers).
    """

    name: str
    plain_seconds: float
    probed_seconds: float
    ratio: float
    ratios: tuple[float, ...]
    whole: float
    processor: float
    typical: float
    start_seconds: float
    plain_waits: float
    probed_waits: float
    declared: float
    epochs: int
    steps_per_epoch: int
    observed_steps: float
    plain_megabytes: float
    memory_ratio: float
    identical: bool
    deeplocalize: float | None


class Turn:
    """Lets two trainings run one epoch each in turn, so that both meet the same load of the machine.

    Attributes:
        seconds: Of each epoch, without the wait for its iterator.
        waits: Of each epoch, from the last callback at its begin to its first batch. Keras exchanges the iterator over
            the data there, and TensorFlow waits for the threads of the old one: mostly 20 milliseconds, at random (in
            20 of 68 epochs) 0.2 to 5 seconds, with the probe or without. The probe does nothing then.
        processor_seconds: Of each epoch, of all threads, everything included.
    """

    def __init__(self, mine: threading.Semaphore, other: threading.Semaphore) -> None:
        self.mine, self.other = mine, other
        self.seconds: list[float] = []
        self.waits: list[float] = []
        self.processor_seconds: list[float] = []
        self.begin = self.worked = self.ready = 0.0

    def around(self, callbacks: list[Any]) -> list[Any]:
        """These callbacks within the measured time of an epoch."""
        turn = self

        class Opening(keras.callbacks.Callback):  # type: ignore[misc]
            async_safe = True

            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                turn.mine.acquire()
                turn.begin, turn.worked = time.perf_counter(), time.process_time()

            def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
                if batch == 0:
                    turn.waits.append(time.perf_counter() - turn.ready)

        class Closing(keras.callbacks.Callback):  # type: ignore[misc]
            async_safe = True

            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                turn.ready = time.perf_counter()

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                turn.seconds.append(time.perf_counter() - turn.begin - turn.waits[-1])
                turn.processor_seconds.append(time.process_time() - turn.worked)
                turn.other.release()

        return [Opening(), *callbacks, Closing()]


@dataclass(frozen=True)
class Turns:
    """Both trainings when they are done, and what the probe of the second saw."""

    plain: Turn
    probed: Turn
    localizer: Localizer

    @property
    def seconds(self) -> Pair:
        """Seconds of each epoch, without the waits."""
        return self.plain.seconds, self.probed.seconds


class EpochTimes(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds of each epoch from its first batch on."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 0:
            self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.begin)


class Unstoppable(DeepLocalize):
    """Goes on probing after an error, where the procedure would have ended the training."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        super().on_train_batch_end(batch, logs)
        self.verdict = None
        self.model.stop_training = False


def measure(training: Training, seconds: float, repeats: int) -> Overhead:
    """Time a training of about ``seconds`` with and without the probe, and everything else about it.

    Two instances of one training differ by some percent, with the probe or without. So it is built and run several
    times, and who begins alternates.
    """
    epoch_seconds = statistics.median(_plain_epochs(training, 4)[1:])
    timed, epochs = _lengthened(training, epoch_seconds, seconds)
    runs = [_side_by_side(timed, epochs, probed_first=bool(repeat % 2)) for repeat in range(repeats)]
    fits = [run.localizer.trace.fits[0] for run in runs if run.localizer.trace]
    megabytes = [peak_megabytes(training.name, mode) for mode in ("plain", "probed")]
    pairs = [run.seconds for run in runs]
    plain_seconds, probed_seconds = (sum(sum(pair[side]) for pair in pairs) for side in (0, 1))
    after = [pair for run in pairs for pair in list(zip(*run, strict=True))[WARM_UP:]]
    return Overhead(
        name=training.name,
        plain_seconds=plain_seconds,
        probed_seconds=probed_seconds,
        ratio=trimmed_ratio(pairs),
        ratios=tuple(trimmed_ratio([pair]) for pair in pairs),
        whole=whole_ratio([*pairs, *[(run.plain.waits, run.probed.waits) for run in runs]]),
        processor=whole_ratio([(run.plain.processor_seconds, run.probed.processor_seconds) for run in runs]),
        typical=statistics.median(q / p for p, q in after),
        start_seconds=statistics.mean(sum(probed[:WARM_UP]) - sum(plain[:WARM_UP]) for plain, probed in pairs),
        plain_waits=sum(sum(run.plain.waits) for run in runs),
        probed_waits=sum(sum(run.probed.waits) for run in runs),
        declared=sum(sum(fit.observation_seconds.values()) for fit in fits) / plain_seconds,
        epochs=epochs,
        steps_per_epoch=timed.steps_per_epoch,
        observed_steps=statistics.mean(len(fit.statistics.steps) for fit in fits),
        plain_megabytes=megabytes[0],
        memory_ratio=megabytes[1] / megabytes[0],
        identical=same_weights(training),
        deeplocalize=_deeplocalize_ratio(training, epoch_seconds),
    )


def _lengthened(training: Training, epoch_seconds: float, seconds: float) -> tuple[Training, int]:
    """The same training with so many rows that an epoch takes a second, and how many epochs take ``seconds``.

    So the two take turns often enough to meet the same load of the machine, and not so often that the change shows.
    """
    times = max(1, round(EPOCH_SECONDS / epoch_seconds))
    epochs = max(WARM_UP + 5, math.ceil(seconds / (epoch_seconds * times)))
    return replace(training, rows=training.rows * times), epochs


def _plain_epochs(training: Training, epochs: int) -> list[float]:
    times = EpochTimes()
    training.make().fit(**training.arguments(), epochs=epochs, verbose=0, callbacks=[times])
    return times.seconds


def noise(training: Training, seconds: float, repeats: int) -> dict[str, float]:
    """The ratios of a training to itself, measured in the same way."""
    epoch_seconds = statistics.median(_plain_epochs(training, 4)[1:])
    timed, epochs = _lengthened(training, epoch_seconds, seconds)
    runs = [_side_by_side(timed, epochs, probed_first=bool(repeat % 2), probe=False) for repeat in range(repeats)]
    return {
        "ratio": trimmed_ratio([run.seconds for run in runs]),
        "whole": whole_ratio([*[run.seconds for run in runs], *[(run.plain.waits, run.probed.waits) for run in runs]]),
        "processor": whole_ratio([(run.plain.processor_seconds, run.probed.processor_seconds) for run in runs]),
    }


def _side_by_side(training: Training, epochs: int, *, probed_first: bool, probe: bool = True) -> Turns:
    """Train without and with the probe, an epoch of each in turn."""
    first, second = threading.Semaphore(1), threading.Semaphore(0)
    plain, probed = Turn(first, second), Turn(second, first)
    if probed_first:
        plain, probed = probed, plain
    localizer = Localizer(verbose=0)
    failures: list[BaseException] = []

    def train(turn: Turn, callbacks: list[Any]) -> None:
        try:
            training.make().fit(**training.arguments(), epochs=epochs, verbose=0, callbacks=turn.around(callbacks))
        except BaseException as error:
            failures.append(error)
        finally:
            turn.other.release()

    threads = [
        threading.Thread(target=train, args=(plain, [])),
        threading.Thread(target=train, args=(probed, [localizer] if probe else [])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Turns(plain, probed, localizer)


def _deeplocalize_ratio(training: Training, epoch_seconds: float) -> float | None:
    x, y = training.arrays()
    if training.pipeline or isinstance(x, list):
        return None
    times = EpochTimes()
    try:
        callback = Unstoppable(x, y, batch_size=training.batch_size)
        training.make().fit(**training.arguments(), epochs=3, shuffle=False, verbose=0, callbacks=[callback, times])
    except DeepLocalizeError:
        return None
    return statistics.median(times.seconds[1:]) / epoch_seconds


def same_weights(training: Training, epochs: int = 3) -> bool:
    """Whether a seeded training ends with the same weights and optimizer state under the probe's hooks."""
    plain, probed = _final_state(training, epochs, None), _final_state(training, epochs, ProbeSession(_finder()))
    return len(plain) == len(probed) and all(np.array_equal(p, q) for p, q in zip(plain, probed, strict=True))


def _final_state(training: Training, epochs: int, session: ProbeSession | None) -> list[np.ndarray]:
    arguments = training.arguments()
    keras.backend.clear_session()
    keras.utils.set_random_seed(11)
    hooks = Hooks(session) if session is not None else None
    if hooks is not None:
        hooks.__enter__()
    try:
        model = training.make()
        model.fit(**arguments, epochs=epochs, verbose=0)
    finally:
        if hooks is not None:
            hooks.__exit__()
    return [v.numpy() for v in [*model.variables, *model.optimizer.variables]]


def _finder() -> SiteFinder:
    return SiteFinder(Path(__file__).parent)
