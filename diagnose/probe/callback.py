"""``Localizer``: the probe as a Keras callback, for a script or notebook that trains by itself."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import keras

from ..execution.project import find_project_root
from ..findings import Diagnosis
from ..trace import Trace
from .environment import environment
from .fit_watch import FitWatch
from .hooks import current_session
from .session import ProbeSession
from .sites import SiteFinder


class Localizer(keras.callbacks.Callback):  # type: ignore[misc]
    """Watches one ``fit`` and says afterwards what is wrong with it, and where.

    Training itself is not changed: the weights are the same as without the callback, bit for bit.

    Args:
        verbose: 1 prints a short report when training ends, 0 prints nothing.
        budget: Share of the training time that watching may cost.

    Attributes:
        notes: What could not be recorded, and why.

    Example:
        >>> localizer = Localizer()  # doctest: +SKIP
        >>> model.fit(x, y, epochs=20, callbacks=[localizer])  # doctest: +SKIP
        >>> localizer.diagnosis.verdict  # doctest: +SKIP
        'faulty'
    """

    async_safe = True

    def __init__(self, verbose: int = 1, budget: float = 0.03) -> None:
        super().__init__()
        self.verbose = verbose
        script = _main_file()
        root = find_project_root(script) if script else Path.cwd()
        running = current_session()
        self._session = ProbeSession(finder=SiteFinder(root, script), budget=budget)
        if running is not None:  # the hooks know where layers were made
            self._session.sites = running.sites
            self._session.compile_records = running.compile_records
        self._script = script or Path.cwd()
        self._root = root
        self._watch: FitWatch | None = None
        self._diagnosis: Diagnosis | None = None
        self._started = time.perf_counter()

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._session.notes)

    @property
    def trace(self) -> Trace | None:
        """What was recorded so far, None before the first ``fit``."""
        fit = self._watch.trace() if self._watch is not None else None
        if fit is None:
            return None
        return Trace(
            script=str(self._script),
            project_root=str(self._root),
            arguments=tuple(sys.argv[1:]),
            state="completed" if fit.state == "completed" else "killed",
            seconds=time.perf_counter() - self._started,
            fits=(fit,),
            models_built=1,
            notes=self.notes,
            environment=environment(),
        )

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The diagnosis of the watched ``fit``, None before the first one."""
        if self._diagnosis is None:
            trace = self.trace
            if trace is None:
                return None
            from ..diagnosis import diagnose

            found = diagnose(trace)
            if self._watch is None or self._watch.state != "completed":
                return found  # still running: not the last word
            self._diagnosis = found
        return self._diagnosis

    def report(self) -> str:
        """The diagnosis in a few lines."""
        diagnosis = self.diagnosis
        if diagnosis is None:
            return "dlfix: nothing was trained yet."
        if diagnosis.verdict == "healthy":
            checked = sum(outcome.status in {"fired", "passed"} for outcome in diagnosis.checks)
            return f"dlfix: no fault found ({checked} checks)."
        lines = [f"dlfix: {len(diagnosis.faults)} suspected fault{'s' if len(diagnosis.faults) != 1 else ''}"]
        for rank, fault in enumerate(diagnosis.faults[:5], 1):
            place = f"layer {fault.layer.name}" if fault.layer else fault.hyperparameter or "model"
            where = f" at {fault.span}" if fault.span else ""
            lines.append(f"  {rank}. {fault.kind} ({place}{where}): {fault.text}")
        return "\n".join(lines)

    def on_train_begin(self, logs: Any = None) -> None:
        with self._session.soft("the start of training"):
            self._diagnosis = None
            self._started = time.perf_counter()
            frame = _fit_frame()
            given = dict(frame.f_locals) if frame is not None else {}
            site = self._session.finder.site(frame)
            self._watch = FitWatch(self._session, self.model, site)
            # Keras has split the validation rows off by now.
            split = given.pop("validation_split", 0.0)
            self._watch.begin(given)
            self._watch.set_validation_split(split)
            self._watch.train_begin(dict(self.params or {}))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._watch is not None:
            self._watch.epoch_begin(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._watch is not None:
            with self._session.soft("an epoch"):
                self._watch.epoch_end(dict(logs or {}))

    def on_test_begin(self, logs: Any = None) -> None:
        if self._watch is not None:
            self._watch.test_begin()

    def on_train_end(self, logs: Any = None) -> None:
        if self._watch is None:
            return
        with self._session.soft("the end of training"):
            self._watch.end("completed")
        if self.verbose:
            with self._session.soft("the diagnosis"):
                print(self.report())


def _fit_frame() -> Any:
    """The frame of Keras's ``fit``, whose variables are the data as Keras trains on them."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "fit" and "epoch_iterator" in frame.f_locals:
            return frame
        frame = frame.f_back
    return None


def _main_file() -> Path | None:
    name = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(name) if name and Path(name).suffix == ".py" and "site-packages" not in name else None
