"""When to look: dense at first, then ever more sparsely, and never beyond a share of the training time."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Distance to the next sample as a share of the steps done: 1, 2, 4, 8 … samples per doubling stay at about three.
GROWTH = 0.25
#: Samples that are taken whatever they cost, so that even a slow training is seen.
FREE_SAMPLES = 6
#: Seconds of observing and of reading losses that are spent before the budget counts, so that a short training is seen
#: in detail: its share would be a few milliseconds, which nobody would notice.
FREE_SECONDS = 0.5
FREE_READING_SECONDS = 0.05
MAX_SAMPLES = 400


@dataclass
class SamplingSchedule:
    """Decides at which training steps the layers are observed.

    Attributes:
        budget: Share of the training time that observing may take once the first samples are in.
        max_samples: Upper bound of kept samples per fit; reaching it drops every second one.
    """

    budget: float = 0.03
    max_samples: int = MAX_SAMPLES
    samples: int = 0
    next_step: int = 0
    observing_seconds: float = 0.0
    training_seconds: float = 0.0
    forced: int = 0
    _epoch_due: bool = True
    _epoch_stride: int = 1

    def begin_epoch(self, epoch: int) -> None:
        """The first step of an epoch is a sample (of every n-th epoch once there are many)."""
        if epoch % self._epoch_stride == 0:
            self._epoch_due = True

    def force(self, steps: int) -> None:
        """Sample the next ``steps`` steps whatever it costs (a loss became non-finite)."""
        self.forced = max(self.forced, steps)

    def due(self, step: int) -> bool:
        """Whether to observe this step."""
        if self.forced > 0:
            return True
        if step < self.next_step and not self._epoch_due:
            return False
        return self.samples < FREE_SAMPLES or self.affordable()

    def affordable(self) -> bool:
        """Whether the time spent on observing is within the budget."""
        return self.observing_seconds <= FREE_SECONDS + self.budget * self.training_seconds

    def taken(self, step: int, seconds: float) -> None:
        """Book a sample and what it cost."""
        self.samples += 1
        self.forced = max(0, self.forced - 1)
        self.observing_seconds += seconds
        self._epoch_due = False
        self.next_step = step + max(1, int(step * GROWTH))

    def thin(self) -> bool:
        """Whether the kept samples must be halved; epoch samples become half as frequent then."""
        if self.samples < self.max_samples:
            return False
        self._epoch_stride *= 2
        self.samples -= self.samples // 2
        return True


@dataclass
class LossReader:
    """Turns a running mean that restarts every epoch into losses per step.

    Keras keeps ``total`` and ``count`` of the loss since the epoch began. Their differences are the mean loss of the
    steps between two readings. Reading costs some microseconds, so it becomes sparse where steps are short.
    """

    budget: float = 0.01
    dense_steps: int = 100
    max_points: int = 4000
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    reading_seconds: float = 0.0
    _total: float = 0.0
    _count: float = 0.0
    _stride: int = 1
    _last_step: int = -1

    def due(self, step: int, training_seconds: float) -> bool:
        """Whether to read after this step."""
        if step < self.dense_steps:
            return True
        allowed = FREE_READING_SECONDS + self.budget * training_seconds
        return step - self._last_step >= self._stride and self.reading_seconds <= allowed

    def restart(self) -> None:
        """The metric was reset (a new epoch)."""
        self._total = self._count = 0.0

    def read(self, step: int, total: float, count: float, seconds: float) -> float:
        """Book a reading after ``step`` and return the mean loss since the reading before."""
        if count < self._count:
            self.restart()
        window = count - self._count
        value = (total - self._total) / window if window > 0 else float("nan")
        self._total, self._count = total, count
        self._last_step = step
        self.reading_seconds += seconds
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
