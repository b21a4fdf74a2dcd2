"""Runs inside the child process of a trial: the patched script unmodified, except for its seeds, epochs and held-out
rows.

Keras's ``fit`` is replaced at class level. Every fit up to the watched one runs (with its share of epochs); after the
watched one the model is scored on the held-out rows and the script is left, so that nothing behind it (plots, saving)
runs. Where the fault lies in what the script evaluates on, it goes on up to that call, whose rows are scored instead.
Whatever fails in here that is not the script's own doing is written down and leaves the training as it is.
"""

from __future__ import annotations

import inspect
import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...diagnose.evaluation import align_outputs, as_arrays, output_names, outputs_are_logits, predict
from ...diagnose.execution.job import Job
from ...diagnose.execution.seeding import take_over
from . import files
from .awaited_evaluation import AwaitedEvaluation, on_evaluation
from .capture import FitData
from .fit_data import prepare
from .merged_epochs import Merged, merge_epochs, restore_history, spread_over

AGENT = f"{__name__}:run_trial"
#: A trial shorter than one epoch still takes this many steps: below, hardly any network moves away from where it began.
FEWEST_STEPS = 50


class StopScript(BaseException):
    """Leaves the script after the watched fit. Not an ``Exception``, so ordinary handlers let it through."""


@dataclass
class TrialSettings:
    """Parameters of the job.

    Attributes:
        seed: The trial's seed.
        fraction: Share of the script's own epochs to run.
        watched_fit: Index of the fit to score, after which the script is left. None, for when their number is not
            known: the last one; the script then runs to its end.
        single_epoch_fits: Each fit is one epoch of a loop (``for …: model.fit(epochs=1)``): the fraction is then one
            of fits.
        scored_evaluation: Score the rows of this call of ``evaluate`` behind the watched fit, counted from 0, instead.
        baseline_folder: Output folder of the baseline with the same seed, for which of its rows were clean.
    """

    seed: int = 0
    fraction: float = 1.0
    watched_fit: int | None = None
    single_epoch_fits: bool = False
    scored_evaluation: int | None = None
    baseline_folder: str | None = None


def run_trial(job: Job, run_script: Callable[[], Any]) -> None:
    """The agent: run the script, score the watched fit, write the outcome to ``job.output``."""
    trial = _Trial(TrialSettings(**job.parameters), Path(job.output))
    take_over(trial.settings.seed)
    trial.install()
    ended = ""
    try:
        run_script()
    except StopScript:
        return
    except BaseException as error:
        ended = "".join(traceback.format_exception_only(error)).strip()
        if not trial.is_trained_to_the_end():
            trial.finish("raised", ended)
            raise
    if trial.last is not None:
        trial.score(*trial.last)
        trial.finish("completed", ended)
    else:
        trial.finish("no fit", "The script ended without a call of fit.")


@dataclass
class _Trial:
    settings: TrialSettings
    folder: Path
    fits: int = 0
    done: bool = False
    fitting: bool = False
    awaited: AwaitedEvaluation | None = None
    last: tuple[Any, FitData] | None = None
    report: files.TrialReport = field(default_factory=lambda: files.TrialReport("no fit"))

    def install(self) -> None:
        """Put our ``fit`` around that of every model class."""
        import keras

        owner = next(base for base in keras.Model.__mro__ if "fit" in vars(base))
        original = owner.fit
        signature = inspect.signature(original)
        trial = self

        def fit(model: Any, *args: Any, **named: Any) -> Any:
            try:
                bound = signature.bind(model, *args, **named)
            except TypeError:
                return original(model, *args, **named)  # raises the error that the author would see
            bound.apply_defaults()
            return trial.run_fit(original, model, bound.arguments)

        fit.__wrapped__ = original  # type: ignore[attr-defined]
        owner.fit = fit
        if self.settings.scored_evaluation is not None:
            on_evaluation(self._evaluated)

    def run_fit(self, original: Callable[..., Any], model: Any, given: dict[str, Any]) -> Any:
        if self.done:
            raise StopScript  # somebody caught the first one
        index, self.fits = self.fits, self.fits + 1
        watched = index == self._watched_index()
        data = self._prepare(model, given)
        own = int(given["epochs"]) - int(given["initial_epoch"] or 0)
        progress = _progress(self._share(given), watched or self.settings.watched_fit is None)
        arguments = {**given, **data.arguments, "epochs": progress.epochs, "verbose": 0}
        arguments["callbacks"] = _with_callback(given["callbacks"], progress.callback, model)
        arguments.pop("self", None)
        merged = _merged(model, arguments, given["callbacks"], own)
        planned = arguments["epochs"]
        start = time.perf_counter()
        awaited = self.settings.scored_evaluation if watched else None
        if watched and data.rows is not None and awaited is None:
            files.write_rows(self.folder, data.rows)
        self.report = replace(self.report, own_epochs=own, fits=self.fits)
        self.fitting = True
        try:
            history = original(model, **(arguments if merged is None else merged.arguments))
        finally:
            rounds = 1 if merged is None else merged.rounds
            self.report = replace(
                self.report,
                epochs=min(planned, progress.finished * rounds),
                metrics={name: spread_over(values, rounds, planned) for name, values in progress.metrics.items()},
                loss_finite=progress.loss_finite,
                fit_seconds=time.perf_counter() - start,
                compile_seconds=progress.compile_seconds(start),
                notes=[data.note] if data.note else [],
            )
        self.fitting = False
        if merged is not None:
            restore_history(history, merged.rounds, planned)
        self.last = (model, data)
        if awaited is not None and data.rows is not None:
            self.awaited = AwaitedEvaluation(model, awaited)
        elif watched:
            self.score(model, data)
            self.finish("completed")
            self.done = True
            raise StopScript
        return history

    def is_trained_to_the_end(self) -> bool:
        """Whether all fits seen have ended and no further one is awaited; what fails behind them is not our matter."""
        if self.fitting or self.last is None:
            return False
        return self.settings.watched_fit is None or self.awaited is not None

    def _evaluated(self, model: Any, given: Mapping[str, Any]) -> None:
        """The script evaluates a model: score it there, if that is what is waited for."""
        if self.done:
            raise StopScript
        if self.fitting or self.awaited is None or self.last is None:
            return
        data = self.awaited.rows_of(model, given, self.last[1])
        if data is not None:
            self.score(model, data)
            self.finish("completed")
            self.done = True
            raise StopScript

    def score(self, model: Any, data: FitData) -> None:
        """Predict the scored rows and write the predictions."""
        if data.rows is None:
            return
        files.write_rows(self.folder, data.rows)
        flags = list(outputs_are_logits(model))
        raw = predict(model, data.inputs)
        outputs = align_outputs(as_arrays(raw, output_names(model)), data.rows.scored_labels)
        files.write_predictions(self.folder, outputs)
        self.report = replace(self.report, from_logits=flags)

    def finish(self, state: str, error: str = "") -> None:
        files.write_report(self.folder, replace(self.report, state=state, fits=self.fits, error=error))

    def _watched_index(self) -> int | None:
        watched = self.settings.watched_fit
        if watched is None or not self.settings.single_epoch_fits:
            return watched
        return max(0, math.ceil(self.settings.fraction * (watched + 1)) - 1)

    def _share(self, given: dict[str, Any]) -> _Share:
        fraction = 1.0 if self.settings.single_epoch_fits else self.settings.fraction
        return _Share(int(given["epochs"]), int(given["initial_epoch"] or 0), fraction)

    def _prepare(self, model: Any, given: dict[str, Any]) -> FitData:
        clean = None
        if self.settings.baseline_folder:
            baseline = files.read_rows(Path(self.settings.baseline_folder))
            clean = None if baseline is None else baseline.clean
        try:
            return prepare(model, given, clean)
        except Exception as error:  # data of a kind we do not know: train on them as they are, without a score
            return FitData({}, note=f"The data could not be captured ({type(error).__name__}: {error}).")


@dataclass(frozen=True)
class _Share:
    epochs: int
    initial: int
    fraction: float


@dataclass
class _Progress:
    """What a fit did so far, kept outside of Keras's history, which is lost when fit raises."""

    epochs: int
    callback: Any = None
    finished: int = 0
    loss_finite: bool = True
    metrics: dict[str, list[float]] = field(default_factory=dict)
    ends: list[float] = field(default_factory=list)

    def compile_seconds(self, start: float) -> float:
        """What the first epoch took beyond a usual one of the others; 0 with one epoch, of which nothing is known."""
        if len(self.ends) < 2:
            return 0.0
        others = float(np.median(np.diff(self.ends)))
        return max(0.0, self.ends[0] - start - others)


def _progress(share: _Share, watched: bool) -> _Progress:
    """How many epochs to run, and the callback that counts them and stops at a loss that is not a number."""
    import keras

    planned = (share.epochs - share.initial) * share.fraction
    progress = _Progress(share.initial + max(1, round(planned)) if share.epochs > share.initial else share.epochs)
    partial = planned if planned < 1 else None

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            progress.finished += 1
            progress.ends.append(time.perf_counter())
            for name, value in (logs or {}).items():
                number = np.asarray(value, dtype=float)
                if number.size == 1:
                    progress.metrics.setdefault(name, []).append(float(number.reshape(-1)[0]))
            if not math.isfinite(progress.metrics.get("loss", [0.0])[-1]):
                progress.loss_finite = False
                self.model.stop_training = True

    class WatchSteps(Watch):
        """For less than one epoch. Only then is there a hook per batch, which costs a little."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            steps = (self.params or {}).get("steps")
            if partial is not None and steps and batch + 1 >= max(FEWEST_STEPS, math.ceil(partial * steps)):
                self.model.stop_training = True

    progress.callback = WatchSteps() if partial is not None and watched else Watch()
    return progress


def _merged(model: Any, arguments: dict[str, Any], listeners: Any, own: int) -> Merged | None:
    try:
        return merge_epochs(model, arguments, listeners, own)
    except Exception:  # data of a kind we do not know: train on them as they are
        return None


def _with_callback(callbacks: Any, own: Any, model: Any) -> Any:
    if callbacks is None:
        return [own]
    if isinstance(callbacks, (list, tuple)):
        return [*callbacks, own]
    if hasattr(callbacks, "append"):  # a CallbackList
        callbacks.append(own)
        own.set_model(model)  # Keras tells it to those that it makes a CallbackList of
        return callbacks
    return [callbacks, own]
