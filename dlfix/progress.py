"""Progress: what the pipeline reports through one callback, and how the command line shows it on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from .durations import format_duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgressBar
    from rich.progress import ProgressColumn, TaskID

PHASES = ("probe", "diagnose", "trials", "report")

#: Share of the bar that each phase takes; the trials are the long part.
_SHARES = {"probe": (0.0, 0.2), "diagnose": (0.2, 0.25), "trials": (0.25, 0.98), "report": (0.98, 1.0)}


@dataclass(frozen=True)
class ProgressEvent:
    """One step of a run.

    Attributes:
        phase: One of ``PHASES``.
        message: What is happening, for people.
        done, total: Of this phase, where they are known (trials).
        best: The best gain of skill so far, with its patch's title; empty while there is none.
        seconds_left: What is left of the budget.
    """

    phase: str
    message: str
    done: int = 0
    total: int = 0
    best: str = ""
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Share of the whole run that is behind us, 0..1."""
        begin, end = _SHARES[self.phase]
        return begin + (end - begin) * (min(self.done / self.total, 1.0) if self.total else 0.0)


ProgressCallback = Callable[[ProgressEvent], None]


class ProgressView(Protocol):
    """A context manager that shows events while it is open."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *details: object) -> None: ...

    def __call__(self, event: ProgressEvent) -> None: ...


class NoProgress:
    """Shows nothing (``-q``)."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        pass

    def __call__(self, event: ProgressEvent) -> None:
        pass


class PlainProgress:
    """Plain lines for logs: every new message at once, counts at most every ``interval`` seconds."""

    def __init__(self, stream: TextIO, interval: float = 10.0) -> None:
        self._stream = stream
        self._interval = interval
        self._last: ProgressEvent | None = None
        self._last_time = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        pass

    def __call__(self, event: ProgressEvent) -> None:
        last, now = self._last, time.monotonic()
        new = last is None or (last.phase, last.best) != (event.phase, event.best)
        if event.phase != "trials":
            new = new or last is None or last.message != event.message
        finished = event.total > 0 and event.done == event.total
        if not (new or finished or now - self._last_time >= self._interval) or event == last:
            return
        self._last, self._last_time = event, now
        print(f"dlfix: {describe(event)}", file=self._stream, flush=True)


class BarProgress:
    """One bar over the whole run, on a terminal."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        console = Console(file=stream, no_color=not color)
        self._bar: RichProgressBar = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            _time_left_column(),
            console=console,
            transient=True,
            # The result is written to stdout after the bar is gone; nothing else prints meanwhile.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID = self._bar.add_task("starting", total=1.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.stop()

    def __call__(self, event: ProgressEvent) -> None:
        deadline = None if event.seconds_left is None else time.monotonic() + event.seconds_left
        text = describe(event, with_time=False)
        self._bar.update(self._task, completed=event.fraction, description=text, deadline=deadline)


def _time_left_column() -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            deadline = task.fields.get("deadline")
            if deadline is None:
                return Text("")
            return Text(f"{format_duration(max(round(deadline - time.monotonic()), 0))} left", style="dim")

    return TimeLeft()


def describe(event: ProgressEvent, *, with_time: bool = True) -> str:
    """Return one line for an event.

    Example:
        >>> describe(ProgressEvent("trials", "trials", done=3, total=12, best="0.10 → 0.93 (scale the inputs)"))
        'trials 3/12 · best so far 0.10 → 0.93 (scale the inputs)'
    """
    parts = [f"{event.message} {event.done}/{event.total}" if event.total else event.message]
    if event.best:
        parts.append(f"best so far {event.best}")
    if with_time and event.seconds_left is not None:
        parts.append(f"{format_duration(max(round(event.seconds_left), 0))} left")
    return " · ".join(parts)


def progress_view(stream: TextIO, *, quiet: bool, color: bool) -> ProgressView:
    """Return the view that suits the stream: a bar on a terminal, plain lines elsewhere, nothing when quiet."""
    if quiet:
        return NoProgress()
    if stream.isatty():
        return BarProgress(stream, color=color)
    return PlainProgress(stream)
