"""Keeps a number of trials running within a deadline, and every finished one."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..patch import Patch, Trial, TrialState
from .merged_epochs import SHORTEST_MERGED
from .runner import TrialRequest

#: A patch may cost this many times the baseline's time (more layers, smaller batches), and this much on top.
LIMIT_FACTOR = 3.0
LIMIT_SLACK = 10.0
#: Patches that train for more epochs may take longer than that, but not more than this share of what time is left.
LIMIT_SHARE = 0.125
#: The same before any trial of this length was measured: what the probe run took may say little on a machine that has
#: become busy since, and a baseline that is cut off costs the whole search.
LIMIT_SHARE_UNMEASURED = 0.4
#: A patch that sets more epochs is not started if even this share of what they are expected to take is beyond its
#: limit: it would be cut off after having used up the time of others. Half, as more epochs may run more at once.
TOO_LONG = 0.5
#: A trial is not started unless this many times its expected duration is left.
START_MARGIN = 1.1


class Runner(Protocol):
    def submit(self, request: TrialRequest, seconds: float) -> Future[Trial]: ...

    def cancel_all(self) -> None: ...


@dataclass(frozen=True)
class Schedule:
    """What the script does by itself, as seen in the probe run.

    Attributes:
        epochs: Epochs of the watched fit (or number of fits, where each is one epoch of a loop).
        fit_seconds: Seconds for all of them; None if unknown.
        other_seconds: Seconds before the watched fit begins: start, imports, data.
    """

    epochs: int = 1
    fit_seconds: float | None = None
    other_seconds: float = 1.0


@dataclass
class TrialPool:
    """Runs requests, several at once, never starting what cannot finish in time.

    Attributes:
        deadline: Monotonic time at which every trial has ended.
        trials: All that ended, in the order of their requests.
        skipped: How many were not started for want of time.
        too_long: Keys of the patches whose epochs take more time than a trial may have.
    """

    runner: Runner
    jobs: int
    deadline: float
    schedule: Schedule
    on_trial: Callable[[Trial], None] = lambda trial: None
    clock: Callable[[], float] = time.monotonic
    trials: list[Trial] = field(default_factory=list)
    skipped: int = 0
    too_long: set[str] = field(default_factory=set)
    _known: dict[tuple[str | None, int, float], Trial] = field(default_factory=dict)

    def get(self, key: str | None, seed: int, fraction: float) -> Trial | None:
        return self._known.get((key, seed, fraction))

    def of(self, key: str | None) -> tuple[Trial, ...]:
        """All trials of a patch (None: of the baseline), by share of the schedule and seed."""
        found = [trial for trial in self.trials if trial.patch == key]
        return tuple(sorted(found, key=lambda one: (one.fraction, one.seed)))

    def run(self, requests: Iterable[TrialRequest], reserve: Callable[[], float] = lambda: 0.0) -> None:
        """Run what is not known yet, starting in the given order; returns when all have ended.

        Args:
            requests: What to run.
            reserve: Seconds to keep free before the deadline, asked anew before each start, as estimates get better.
        """
        by_key = {(one.key, one.seed, one.fraction): one for one in requests}
        waiting = deque(by_key)
        running: dict[Future[Trial], TrialRequest] = {}
        finished: dict[tuple[str | None, int, float], Trial] = {}
        order = list(waiting)
        try:
            while waiting or running:
                self._start(waiting, by_key, running, reserve)
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                self._collect(done, running, finished)
        except KeyboardInterrupt:
            self._collect({future for future in running if future.done()}, running, finished)
            raise
        finally:
            # Kept in the order asked for, not of finishing, so that nothing later depends on who was quicker.
            self.trials.extend(finished[key] for key in order if key in finished)

    def _start(
        self,
        waiting: deque[tuple[str | None, int, float]],
        by_key: dict[tuple[str | None, int, float], TrialRequest],
        running: dict[Future[Trial], TrialRequest],
        reserve: Callable[[], float],
    ) -> None:
        while waiting and len(running) < self.jobs:
            key = waiting.popleft()
            if key in self._known:
                continue
            request = by_key[key]
            if START_MARGIN * self.expected(request.fraction) > self.seconds_left() - reserve():
                self.skipped += 1
                continue
            # What is kept back is out of reach of a patch that takes longer than expected, too.
            limit = min(self.limit(request.fraction), max(self.seconds_left() - reserve(), 0.5))
            if request.patch is not None and TOO_LONG * self._expected_of(request.patch, request.fraction) > limit:
                self.too_long.add(request.patch.key)
                continue
            running[self.runner.submit(request, limit)] = request

    def _collect(
        self,
        done: Iterable[Future[Trial]],
        running: dict[Future[Trial], TrialRequest],
        finished: dict[tuple[str | None, int, float], Trial],
    ) -> None:
        for future in done:
            request = running.pop(future)
            key = (request.key, request.seed, request.fraction)
            trial = future.result()
            if trial.state is TrialState.TIMED_OUT and self.clock() >= self.deadline - 1.0:
                # Not the patch's fault: the whole search was at its end.
                trial = replace(trial, state=TrialState.PRUNED, reason="The time for the whole search was over.")
            self._known[key] = finished[key] = trial
            self.on_trial(trial)

    def expected(self, fraction: float) -> float:
        """Expected seconds of a trial over this share of the schedule: as measured, else from the probe run."""
        same = [trial.seconds for trial in self._known.values() if _ran(trial) and trial.fraction == fraction]
        if same:
            return statistics.median(same)
        fit, other = self.costs()
        return other + fraction * fit

    def _expected_of(self, patch: Patch, fraction: float) -> float:
        """Expected seconds of this patch; 0 if nothing tells, so that it is tried.

        Short schedules do not tell: none of their epochs are run at once, as those of the patch may be.
        """
        longer = (patch.epochs or 0) / max(1, self.schedule.epochs)
        if longer <= 1 or self.schedule.epochs < SHORTEST_MERGED or not any(map(_ran, self._known.values())):
            return 0.0
        fit, other = self.costs()
        return other + fraction * fit * longer

    def costs(self) -> tuple[float, float]:
        """Seconds of the whole fit, and of everything around it."""
        measured = [trial for trial in self._known.values() if _ran(trial) and trial.evaluation.get("fit_seconds")]
        if not measured:
            fit = self.schedule.fit_seconds
            return (fit if fit is not None else 0.0), self.schedule.other_seconds
        # Compiling the first step takes as long for a short trial as for a long one.
        fits = [
            float(trial.evaluation["fit_seconds"]) - float(trial.evaluation.get("compile_seconds", 0.0))
            for trial in measured
        ]
        other = statistics.median(trial.seconds - fit for trial, fit in zip(measured, fits, strict=True))
        whole = statistics.median(fit / trial.fraction for trial, fit in zip(measured, fits, strict=True))
        return whole, max(0.0, other)

    def limit(self, fraction: float) -> float:
        """Seconds that a trial may take: a multiple of the baseline's, and never beyond the deadline."""
        left = max(0.5, self.deadline - self.clock())
        same = [trial for trial in self._known.values() if _ran(trial) and trial.fraction == fraction]
        if not same and self.schedule.fit_seconds is None:
            return left  # nothing is known of this script yet
        baseline = [trial.seconds for trial in same if trial.patch is None]
        expected = max(baseline) if baseline else self.expected(fraction)
        share = LIMIT_SHARE if same else LIMIT_SHARE_UNMEASURED
        return min(left, max(LIMIT_FACTOR * expected + LIMIT_SLACK, share * left))

    def seconds_left(self) -> float:
        return self.deadline - self.clock()


def _ran(trial: Trial) -> bool:
    return trial.state in (TrialState.COMPLETED, TrialState.DIVERGED) and math.isfinite(trial.seconds)
