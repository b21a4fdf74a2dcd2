"""When to look: densely where training changes fast, sparsely where it does not, never beyond a share of its time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Distance to the next sample as a share of the steps done: 1, 2, 4, 8 … samples per doubling stay at about three.
GROWTH = 0.25
#: Samples that are taken whatever they cost, so that even a slow training is seen.
FREE_SAMPLES = 10
#: Seconds of observing that are spent before the budget counts, so that a short training is seen in detail: its share
#: would be a few milliseconds, which nobody would notice.
FREE_SECONDS = 0.25
FREE_READING_SECONDS = 0.05
#: What Keras itself needed for the first step (seconds of the processor, almost all to trace it), below which the
#: observer is traced at once; that takes less. Beyond, the training must be long enough to make it a share within the
#: budget.
FREE_TRACING_SECONDS = 10.0
#: Part of the budget that is planned with. The rest is for what cannot be booked: caches that are cold after a look,
#: and the garbage it leaves. Measured with a budget of 3 %, all of it planned: 3.2 % booked, 3.9 % of processor time
#: spent (medians of the eight trainings of ``benchmarks/overhead``).
PLANNED = 0.75
#: Least part of what is planned that goes to looks which recur, however much was spent once.
LEAST_RECURRING = 1 / 3
#: Tracing the observer, and taking rows from the first epoch of a pipeline.
ONCE = ("tracing", "data")
MAX_SAMPLES = 400
#: Changes of the natural logarithm of a signal (loss, gradient norm, relative update) from one sample to the next that
#: make the samples denser (a third or more) or sparser (a tenth or less); in between, the pace stays.
FAST_CHANGE, SLOW_CHANGE = 0.3, 0.1
_DENSEST, _SPARSEST = 1 / 8, 2.0


@dataclass
class CostAccount:
    """What a training took and what watching it took, in seconds.

    Attributes:
        budget: Share of the training time that watching may take.
        spent: Seconds by purpose; those of ONCE do not recur.
        slowdown: How much longer everything takes because the machine is busy; what is free is meant for one at rest.
    """

    budget: float = 0.03
    training_seconds: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)
    slowdown: float = 1.0

    def book(self, purpose: str, seconds: float) -> None:
        self.spent[purpose] = self.spent.get(purpose, 0.0) + max(0.0, seconds)

    @property
    def total(self) -> float:
        return sum(self.spent.values())

    @property
    def recurring(self) -> float:
        return sum(seconds for purpose, seconds in self.spent.items() if purpose not in ONCE)

    def affordable(self) -> bool:
        """Whether what recurs is within the budget.

        What is spent once is paid back from most of the budget: a short training is seen although tracing has cost
        more than its share already, and a long one keeps the budget with everything counted.
        """
        planned = PLANNED * self.budget * self.training_seconds
        once = sum(self.spent.get(purpose, 0.0) for purpose in ONCE)
        allowed = max(planned - once, LEAST_RECURRING * planned)
        looking = self.recurring - self.spent.get("checkpoints", 0.0)
        return looking <= FREE_SECONDS * self.slowdown or self.recurring <= allowed

    def measure_slowdown(self, seconds: float, worked: float) -> None:
        """Compare the clock with the processor time of a stretch of work in one thread."""
        self.slowdown = min(max(1.0, seconds / worked), 10.0) if worked > 0 else 1.0

    def may_trace(self, first_step_seconds: float, remaining_seconds: float) -> bool:
        """Whether tracing, which takes about as long as Keras's first step did, is worth it now."""
        allowed = self.budget * (self.training_seconds + remaining_seconds)
        return first_step_seconds <= max(FREE_TRACING_SECONDS, allowed)


@dataclass
class SamplingSchedule:
    """Decides at which training steps the layers are observed.

    Attributes:
        account: What was spent so far; samples beyond the first wait until they are affordable.
        max_samples: Upper bound of kept samples per fit; reaching it drops every second one.
        pace: Factor on the distance to the next sample: below 1 where training changes fast.
    """

    account: CostAccount = field(default_factory=CostAccount)
    max_samples: int = MAX_SAMPLES
    samples: int = 0
    next_step: int = 0
    forced: int = 0
    pace: float = 1.0
    _signals: tuple[float, ...] = ()
    _epoch_due: bool = True
    _epoch_stride: int = 1

    def begin_epoch(self, epoch: int) -> None:
        """The first step of an epoch is a sample (of every n-th epoch once there are many)."""
        if epoch % self._epoch_stride == 0:
            self._epoch_due = True

    def force(self, steps: int) -> None:
        """Sample the next ``steps`` steps whatever it costs (a loss became non-finite)."""
        self.forced = max(self.forced, steps)

    def hurry(self, step: int) -> None:
        """Sample as soon as affordable, and densely from there: something happens (the loss leaves its course)."""
        self.next_step = min(self.next_step, step)
        self.pace = _DENSEST

    def due(self, step: int) -> bool:
        """Whether to observe this step."""
        if self.forced > 0:
            return True
        if step < self.next_step and not self._epoch_due:
            return False
        return self.samples < FREE_SAMPLES or self.account.affordable()

    def taken(self, step: int, signals: Sequence[float] = ()) -> None:
        """Note a sample and what it showed: positive numbers whose relative change says how fast training changes."""
        self.samples += 1
        self.forced = max(0, self.forced - 1)
        self._epoch_due = False
        self.pace = self._new_pace(tuple(signals))
        self._signals = tuple(signals)
        self.next_step = step + max(1, int(step * GROWTH * self.pace))

    def _new_pace(self, signals: tuple[float, ...]) -> float:
        pairs = zip(self._signals, signals, strict=False)
        changes = [abs(math.log(new / old)) for old, new in pairs if _positive(old) and _positive(new)]
        if not changes:
            return self.pace
        if max(changes) >= FAST_CHANGE:
            return max(_DENSEST, self.pace / 2)
        return min(_SPARSEST, self.pace * 2) if max(changes) <= SLOW_CHANGE else self.pace

    def thin(self) -> bool:
        """Whether the kept samples must be halved; epoch samples become half as frequent then."""
        if self.samples < self.max_samples:
            return False
        self._epoch_stride *= 2
        self.samples -= self.samples // 2
        return True


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


@dataclass
class TypicalStep:
    """How long a step takes when nobody looks, by a mean that forgets; 0 until known."""

    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.seconds = (
            seconds if not self.seconds else self.seconds + 0.1 * (min(seconds, 4 * self.seconds) - self.seconds)
        )

    def excess(self, seconds: float) -> float:
        """What a watched step took longer than a typical one."""
        return max(0.0, seconds - self.seconds) if self.seconds else 0.0


@dataclass
class Course:
    """Tells when a series leaves its course: by more than six times its usual distance from its recent mean."""

    patience: int = 20
    _mean: float = math.nan
    _deviation: float = 0.0
    _seen: int = 0

    def left(self, value: float) -> bool:
        """Take the next value and say whether it is far off."""
        if not math.isfinite(value):
            return False
        self._seen += 1
        if math.isnan(self._mean):
            self._mean = value
            return False
        distance = abs(value - self._mean)
        far = self._seen > self.patience and distance > 6 * self._deviation
        self._mean += 0.1 * (value - self._mean)
        self._deviation += 0.1 * (distance - self._deviation)
        return far


def share_spent(spent: Mapping[str, float], seconds: float) -> float:
    """What watching took of the time that training took without it, 0..1 (NaN if there was none)."""
    total = sum(spent.values())
    return total / (seconds - total) if seconds > total else math.nan


@dataclass
class LossReader:
    """Turns a running mean that restarts every epoch into losses per step.

    Keras keeps ``total`` and ``count`` of the loss since the epoch began. Their differences are the mean loss of the
    steps between two readings. Reading costs some microseconds, so it becomes sparse where steps are short.
    """

    share: float = 1 / 6
    dense_steps: int = 100
    max_points: int = 4000
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _total: float = 0.0
    _count: float = 0.0
    _stride: int = 1
    _last_step: int = -1

    def due(self, step: int, account: CostAccount) -> bool:
        """Whether to read after this step: always in the beginning, then within a share of the budget."""
        if step < self.dense_steps:
            return True
        if step - self._last_step < self._stride:
            return False
        allowed = self.share * account.budget * account.training_seconds
        return account.spent.get("reading", 0.0) <= max(FREE_READING_SECONDS * account.slowdown, allowed)

    def restart(self) -> None:
        """The metric was reset (a new epoch)."""
        self._total = self._count = 0.0

    def read(self, step: int, total: float, count: float) -> float:
        """Book a reading after ``step`` and return the mean loss since the reading before."""
        if count < self._count:
            self.restart()
        window = count - self._count
        value = (total - self._total) / window if window > 0 else float("nan")
        self._total, self._count = total, count
        self._last_step = step
        if window > 0:
            self.steps.append(step)
            self.values.append(value)
            if len(self.steps) > self.max_points:
                self._thin()
        return value

    def _thin(self) -> None:
        """Merge neighbours pairwise (means of two windows of about the same width); later readings become as sparse."""
        pairs = len(self.steps) // 2
        head = len(self.steps) - 2 * pairs
        steps, values = self.steps[head:], self.values[head:]
        self.steps = self.steps[:head] + steps[1::2]
        self.values = self.values[:head] + [(a + b) / 2 for a, b in zip(values[::2], values[1::2], strict=True)]
        self._stride *= 2
