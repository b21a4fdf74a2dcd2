"""Inside the child process: gives every ``fit`` of the script the callback of a baseline, and notes what it finds."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlfix.diagnose.execution.job import Job
from dlfix.diagnose.execution.seeding import take_over

from .outcome import Finding, Observation


class Found(BaseException):
    """Leaves the script once there is a finding. Not an ``Exception``, so ordinary handlers let it through."""


def watch(job: Job, run_script: Callable[[], None]) -> None:
    """The agent: run the script under the baseline ``job.parameters["tool"]``."""
    take_over(job.parameters["seed"])
    fits = _Fits(job.parameters["tool"], Path(job.output))
    fits.install()
    try:
        run_script()
    except Found:
        return


@dataclass
class _Fits:
    tool: str
    folder: Path
    seen: Observation = field(default_factory=Observation)
    last: tuple[Any, Any, Any, Any] | None = None

    def install(self) -> None:
        """Put our ``fit`` around that of every model class."""
        import keras

        owner = next(base for base in keras.Model.__mro__ if "fit" in vars(base))
        original = owner.fit
        signature = inspect.signature(original)
        fits = self

        def fit(model: Any, *args: Any, **named: Any) -> Any:
            bound = signature.bind(model, *args, **named)
            bound.apply_defaults()
            return fits.run(original, dict(bound.arguments))

        owner.fit = fit

    def run(self, original: Callable[..., Any], given: dict[str, Any]) -> Any:
        if self.seen.finding is not None:
            raise Found  # somebody caught the first one
        self._note(fitting=True)
        try:
            callback = self._callback(given)
        except ValueError as error:
            history = self._unwatched(original, given, str(error))
        else:
            history = self._watched(original, given, callback)
        self._note(fitting=False)
        return history

    def _watched(self, original: Callable[..., Any], given: dict[str, Any], callback: Any) -> Any:
        from dlfix.diagnose.deeplocalize import DeepLocalizeError

        try:
            history = original(**{**given, "callbacks": _with(callback, given["callbacks"])})
        except DeepLocalizeError as error:
            return self._unwatched(original, given, str(error))
        except BaseException:
            self._end_if(callback.finding)  # a training may break down behind a finding
            raise
        self._end_if(callback.finding)
        if getattr(callback, "unusable", None):
            self._note(unusable=self.seen.unusable or callback.unusable)
        else:
            self._note(watched=self.seen.watched + 1)
        return history

    def _unwatched(self, original: Callable[..., Any], given: dict[str, Any], reason: str) -> Any:
        self._note(unusable=self.seen.unusable or reason)
        return original(**given)

    def _callback(self, given: dict[str, Any]) -> Any:
        """A new callback for each training; a loop over fits of one model on the same data is one training."""
        from .callbacks import MAKERS

        model, x, y = given["self"], given["x"], given["y"]
        if self.last is not None and self.last[0] is model and self.last[1] is x and self.last[2] is y:
            return self.last[3]
        callback = MAKERS[self.tool](given)
        self.last = (model, x, y, callback)
        return callback

    def _end_if(self, finding: Finding | None) -> None:
        if finding is not None:
            self._note(finding=finding, fitting=False)
            raise Found

    def _note(self, **changes: Any) -> None:
        self.seen = replace(self.seen, **changes)
        self.seen.write(self.folder)


def _with(own: Any, callbacks: Any) -> Any:
    """Ours comes first, so that another one that stops training does not hide it."""
    if callbacks is None:
        return [own]
    if isinstance(callbacks, list | tuple):
        return [own, *callbacks]
    if hasattr(callbacks, "append"):  # a CallbackList
        callbacks.append(own)
        return callbacks
    return [own, callbacks]
