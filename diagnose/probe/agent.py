"""The agent of a probe run: hooks in, the user's script unmodified, the trace out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..execution.job import Job
from ..execution.seeding import take_over
from ..trace import ExceptionFacts, FitTrace, Trace
from ..trace_io import TraceWriter
from .environment import environment
from .failures import exception_facts
from .hooks import Hooks
from .session import ProbeSession, ProbeStop
from .sites import SiteFinder

#: Note on a script that trains with Keras 2.
LEGACY_KERAS = "The script uses tf_keras, which is Keras 2; its trainings cannot be watched."
#: Saving may take this share of the run at most.
_SAVE_SHARE = 0.02
_SAVE_EVERY_SECONDS = 3.0


def record(job: Job, run_script: Callable[[], object]) -> None:
    """Run the script under the probe and write its trace to ``job.output``.

    Parameters of the job: ``seed`` (set before the script's first line), ``seeded_as_trial`` (blend the script's own
    seeds with it), ``seconds`` (after that a running fit is stopped on purpose) and ``probe_budget`` (share of training
    time that observing may cost).
    """
    started = time.monotonic()
    parameters = job.parameters
    seconds = parameters.get("seconds")
    session = ProbeSession(
        finder=SiteFinder(Path(job.project_root), Path(job.script)),
        deadline=started + float(seconds) if seconds else None,
        budget=float(parameters.get("probe_budget", 0.03)),
    )
    recorder = _Recorder(job, session, TraceWriter(Path(job.output)), started)
    session.changed = recorder.save_if_worth
    session.fit_ended = recorder.save_after_fit
    with session.soft("anything: Keras could not be imported or seeded"):
        import keras

        if (seed := parameters.get("seed")) is not None:
            set_seed = take_over if parameters.get("seeded_as_trial") else keras.utils.set_random_seed
            set_seed(int(seed))
    recorder.save("killed")
    state = "completed"
    failure: BaseException | None = None
    stopped = False
    with Hooks(session):
        try:
            run_script()
        except ProbeStop:
            stopped = True
            session.note("Training was stopped by the probe's time limit; the trace covers its first part.")
        except SystemExit as error:
            if error.code not in (None, 0):
                session.note(f"The script ended itself with sys.exit({error.code!r}).")
                state, failure = "raised", error
        except BaseException as error:
            state, failure = "raised", error
        session.end_loops("stopped" if stopped else "completed")
    if failure is not None:
        with session.soft("the exception of the script"):
            recorder.exception = exception_facts(failure, session.finder)
    recorder.add_closing_notes()
    recorder.save(state)
    if failure is not None:
        raise failure


@dataclass
class _Recorder:
    """Builds the trace of the run so far and writes it."""

    job: Job
    session: ProbeSession
    writer: TraceWriter
    started: float
    exception: ExceptionFacts | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    _saved: float = 0.0
    _cost: float = 0.0

    def save_if_worth(self) -> None:
        """Save unless that was done a moment ago or costs too much."""
        now = time.monotonic()
        if self._saved and now - self._saved < max(_SAVE_EVERY_SECONDS, self._cost / _SAVE_SHARE):
            return
        with self.session.soft("the trace so far"):
            self.save("killed")

    def save_after_fit(self) -> None:
        """Save at once, unless many fits in a row would make that dear: the process may end here without a word."""
        if time.monotonic() - self._saved >= self._cost / _SAVE_SHARE:
            with self.session.soft("the trace so far"):
                self.save("killed")

    def save(self, state: str) -> None:
        begin = time.monotonic()
        self.writer.save(self.trace(state))
        self._saved = time.monotonic()
        self._cost = self._saved - begin

    def trace(self, state: str) -> Trace:
        job, session = self.job, self.session
        fits: list[FitTrace] = []
        for fit in session.fits:
            with session.soft("a fit"):
                if (seen := fit()) is not None:
                    fits.append(seen)
        if not self.environment:
            self.environment = environment()
        return Trace(
            script=job.script,
            project_root=job.project_root,
            arguments=tuple(job.arguments),
            state=state,
            seconds=time.monotonic() - self.started,
            fits=tuple(fits),
            exception=self.exception,
            models_built=session.models_built,
            notes=tuple(session.notes),
            environment=dict(self.environment),
        )

    def add_closing_notes(self) -> None:
        """Say what was seen when nothing was recorded."""
        session = self.session
        if not session.fits and "tf_keras" in sys.modules:
            session.note(LEGACY_KERAS)
        if session.fits or not session.models_built:
            return
        if session.gradient_steps:
            session.note(
                f"The script trains in a loop of its own ({session.gradient_steps} optimizer steps) that could not be "
                "followed."
            )
        else:
            built = "1 model" if session.models_built == 1 else f"{session.models_built} models"
            session.note(f"The script built {built} but never trained.")
