"""Watches one ``fit`` from its call to its end and turns it into a :class:`FitTrace`."""

from __future__ import annotations

import inspect
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..evaluation import output_names
from ..source import CallSite
from ..trace import (
    LAYER_STATISTICS,
    CompileFacts,
    DataFacts,
    ExceptionFacts,
    FitFacts,
    FitTrace,
    ModelFacts,
    OptimizerFacts,
    Statistics,
)
from .data_capture import DataCapture
from .failures import exception_facts
from .fit_arguments import fit_facts
from .held_out import HowToPredict, evaluate_after, evaluate_later, trained_on
from .later_calls import LaterData
from .model_facts import compile_facts, model_facts
from .session import ProbeSession, ProbeStop
from .stepping import StepWatch

#: Calls of ``evaluate`` and ``predict`` after a fit that are looked at; a script may make thousands.
_LATER_CALLS = 4


class FitWatch:
    """Everything recorded about one fit.

    Attributes:
        origin: As in :class:`FitTrace`.
        state: ``stopped`` until the fit ends, so that a killed run reads as stopped.
        learning_rates: Of each epoch that began.
    """

    origin = "fit"

    def __init__(self, session: ProbeSession, model: Any, site: CallSite | None) -> None:
        self.session = session
        self.model_reference = weakref.ref(model)
        self.site = site
        self.state = "stopped"
        self.exception: ExceptionFacts | None = None
        self.started = time.perf_counter()
        self.seconds: float | None = None
        self.facts = FitFacts(epochs=1, batch_size=None, steps_per_epoch=None, shuffle=True, site=site)
        self.data: DataCapture | None = None
        self.model_facts: ModelFacts | None = None
        self.compile_facts: CompileFacts | None = None
        self.metrics: dict[str, list[float]] = {}
        self.epoch_seconds: list[float] = []
        self.learning_rates: list[float] = []
        self.evaluation: dict[str, Any] = {}
        self.steps: StepWatch | None = None
        self._epoch_started = self.started
        self._final: FitTrace | None = None
        self._how_to_predict = HowToPredict(inputs_are_named=False, restore_randomness=False)

    def begin(self, given: dict[str, Any]) -> None:
        """Look at the arguments of ``fit`` before Keras does."""
        session = self.session
        with session.soft("the arguments of fit"):
            self.facts = fit_facts(given, self.site)
        with session.soft("the data"):
            self.data = DataCapture.of(given, session.note, output_names(self.model_reference()))
        # Facts taken now serve when fit fails at once; they are taken again when the model is built.
        self.describe()

    def set_validation_split(self, share: float) -> None:
        """Say which share Keras split off, when that was done before ``begin``."""
        self.facts = replace(self.facts, validation_split=float(share or 0.0))

    def describe(self) -> None:
        """Take the facts of model and optimizer as they are now."""
        model, session = self.model_reference(), self.session
        if model is None:
            return
        initial = self.steps.initial if self.steps is not None else {}
        traced = self.steps.traced if self.steps is not None else None
        with session.soft("the model's layers"):
            self.model_facts = model_facts(model, session.sites, initial, traced)
        with session.soft("what was compiled"):
            self.compile_facts = self.describe_compiled(model)

    def describe_compiled(self, model: Any) -> CompileFacts:
        """Optimizer and losses."""
        return compile_facts(model, self.session.compile_records.get(model), self.session.sites)

    def train_begin(self, params: dict[str, Any]) -> None:
        """Keras is about to train: put our step between its loop and its compiled function."""
        model, session = self.model_reference(), self.session
        if model is None:
            return
        steps = params.get("steps")
        if isinstance(steps, int) and self.facts.steps_per_epoch is None:
            self.facts = replace(self.facts, steps_per_epoch=steps)
        with session.soft("training steps"):
            self.steps = StepWatch(session, model, self.data, self.facts.steps_per_epoch)
            self.steps.built = self.describe
            if self.facts.steps_per_epoch:
                self.steps.total_steps = self.facts.steps_per_epoch * (self.facts.epochs - self.facts.initial_epoch)
            self.steps.attach()

    def epoch_begin(self, epoch: int) -> None:
        self._epoch_started = time.perf_counter()
        # Our callback comes behind those of the user's, which may just have changed the rate.
        self.learning_rates.append(learning_rate(getattr(self.model_reference(), "optimizer", None)))
        if self.steps is not None:
            self.steps.begin_epoch(epoch)

    def epoch_end(self, logs: dict[str, Any]) -> None:
        self.epoch_seconds.append(time.perf_counter() - self._epoch_started)
        if self.steps is not None and not np.isfinite(_number(logs.get("loss", 0.0))):
            self.steps.breakdowns.noticed(self.steps.step)
        for name, value in logs.items():
            series = self.metrics.setdefault(str(name), [float("nan")] * (len(self.epoch_seconds) - 1))
            series.append(_number(value))
        for series in self.metrics.values():
            series.extend([float("nan")] * (len(self.epoch_seconds) - len(series)))
        if self.steps is not None:
            with self.session.soft("the weights after an epoch"):
                self.steps.end_epoch()
        self.session.changed()

    def test_begin(self) -> None:
        if self.steps is not None:
            with self.session.soft("validation batches"):
                self.steps.validation.attach(self.model_reference())

    def end(self, state: str, error: BaseException | None = None) -> None:
        """The fit is over, for better or worse."""
        session, model = self.session, self.model_reference()
        self.seconds = time.perf_counter() - self.started
        self.state = state
        if isinstance(error, Exception):
            with session.soft("the exception of fit"):
                self.exception = exception_facts(error, session.finder)
            if self.steps is not None and any(word in str(error) for word in ("NaN", "Inf")):  # check_numerics
                self.steps.breakdowns.noticed(self.steps.step + 1)
        if self.steps is not None:
            self.steps.breakdowns.finish(self.steps.step)
            with session.soft("the end of training"):
                self.steps.detach()
        if self.steps is None or self.model_facts is None:
            self.describe()
        trained = state != "raised" and self.steps is not None and self.steps.step > 0
        if model is not None and trained and self.data is not None:
            with session.soft("the model's predictions after training"):
                self._how_to_predict = self.data.how_to_predict
                self.evaluation = evaluate_after(self, model)
        with session.soft("the record of a fit"):
            self._final = self.trace()
            if self._final is not None:
                self._final = session.samples.shared(self._final)
            self.data = self.steps = None  # their arrays live on in the record
        if model is not None:
            session.trained[model] = self
        session.fit_ended()

    @property
    def wants_later_calls(self) -> bool:
        """Whether one more call of ``evaluate`` or ``predict`` is to be looked at."""
        return self._final is not None and len(self._final.later_calls) < _LATER_CALLS

    def add_later(self, data: LaterData) -> None:
        """The model was given these data after its training."""
        if self._final is not None:
            data = data.in_order_of(self._final.data.inputs)
            self._final = replace(self._final, later_calls=(*self._final.later_calls, data.call))
            with self.session.soft("the model's predictions for data given after training"):
                self._final = self._judged_by(data, self._final)
            self.session.changed()

    def _judged_by(self, data: LaterData, fit: FitTrace) -> FitTrace:
        """The fit, judged by rows that the script evaluates it on, where it was given none to be validated with."""
        model, sample = self.model_reference(), fit.sample
        if data.call.method != "evaluate" or model is None or sample is None or not fit.evaluation:
            return fit
        known = fit.data.has_validation or sample.validation_inputs or trained_on(data.inputs, sample, fit.data.rows)
        if known:
            return fit
        held_out = replace(
            fit,
            sample=replace(sample, validation_inputs=data.inputs, validation_targets=data.targets),
            data=replace(fit.data, validation_inputs=data.call.inputs, validation_targets=data.call.targets),
        )
        how = replace(self._how_to_predict, restore_randomness=data.from_arrays)
        evaluation = evaluate_later(held_out, model, how)
        shared = self.session.samples.shared(held_out) if evaluation else fit
        return replace(shared, evaluation=evaluation) if evaluation and shared.sample is not None else fit

    def trace(self) -> FitTrace | None:
        """What is known so far; None if not even the model could be described."""
        if self._final is not None or self.model_facts is None:
            return self._final
        data, sample = self.data.finish() if self.data else (DataFacts("arrays", (), (), None), None)
        layers = len(self.model_facts.layers)
        return FitTrace(
            model=self.model_facts,
            compile=self.compile_facts or CompileFacts(OptimizerFacts("unknown", None), ()),
            fit=self.facts,
            data=data,
            statistics=self.steps.statistics(layers) if self.steps else empty_statistics(layers),
            sample=sample,
            epoch_metrics={name: tuple(values) for name, values in self.metrics.items()},
            epoch_seconds=tuple(self.epoch_seconds),
            state=self.state,
            seconds=self.seconds if self.seconds is not None else time.perf_counter() - self.started,
            exception=self.exception,
            evaluation=self.evaluation,
            breakdown=self.steps.breakdowns.breakdown if self.steps else None,
            origin=self.origin,
            updates=self.steps.updates if self.steps else None,
            learning_rates=_known(self.learning_rates[: len(self.epoch_seconds)]),
            observation_seconds=dict(self.steps.account.spent) if self.steps else {},
        )


@dataclass(frozen=True)
class FitCall:
    """One call of ``fit`` as it reached Keras."""

    session: ProbeSession
    original: Callable[..., Any]
    model: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    site: CallSite | None


def watched_fit(call: FitCall) -> Any:
    """Run ``fit`` under a watch; whatever goes wrong in the watch, the fit runs as it would have."""
    session = call.session
    try:
        watch, arguments = _begin(call)
    except Exception as error:
        session.failed("a fit", error)
        return call.original(call.model, *call.args, **call.kwargs)
    try:
        result = call.original(*arguments.args, **arguments.kwargs)
    except ProbeStop as stop:
        _end_softly(session, watch, "stopped", stop)
        raise
    except BaseException as error:
        _end_softly(session, watch, "raised", error)
        raise
    _end_softly(session, watch, "completed", None)
    return result


def _begin(call: FitCall) -> tuple[FitWatch, inspect.BoundArguments]:
    """Start a watch and put its callback behind the user's."""
    bound = inspect.signature(call.original).bind(call.model, *call.args, **call.kwargs)
    bound.apply_defaults()
    watch = FitWatch(call.session, call.model, call.site)
    watch.begin(dict(bound.arguments))
    bound.arguments["callbacks"] = with_callback(bound.arguments.get("callbacks"), epoch_callback(watch))
    call.session.fits.append(watch.trace)
    return watch, bound


def _end_softly(session: ProbeSession, watch: FitWatch, state: str, error: BaseException | None) -> None:
    with session.soft("the end of a fit"):
        watch.end(state, error)


def with_callback(callbacks: Any, ours: Any) -> Any:
    """The user's callbacks and ours; ours has no batch hooks, so Keras's own dispatching stays as it was."""
    import keras

    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.append(ours)
        return callbacks
    if callbacks is None:
        return [ours]
    return [*(callbacks if isinstance(callbacks, list | tuple) else [callbacks]), ours]


def epoch_callback(watch: FitWatch) -> Any:
    """A Keras callback that tells the watch about epochs."""
    import keras

    session = watch.session

    class EpochCallback(keras.callbacks.Callback):  # type: ignore[misc]
        async_safe = True

        def on_train_begin(self, logs: Any = None) -> None:
            with session.soft("the start of training"):
                watch.train_begin(dict(self.params or {}))

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            with session.soft("an epoch"):
                watch.epoch_begin(epoch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            with session.soft("an epoch"):
                watch.epoch_end(dict(logs or {}))

        def on_test_begin(self, logs: Any = None) -> None:
            watch.test_begin()

    return EpochCallback()


def empty_statistics(layers: int) -> Statistics:
    """Statistics of a fit that never made a step."""
    none = np.zeros(0, dtype=np.int64)
    return Statistics(
        steps=none,
        epochs=none,
        layers={name: np.zeros((0, layers), dtype=np.float32) for name in LAYER_STATISTICS},
        gradient_norm=np.zeros(0),
        loss_steps=none,
        loss=np.zeros(0),
    )


def learning_rate(optimizer: Any) -> float:
    """The rate an optimizer is at now, NaN if it has none that can be read."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    try:
        return float(np.asarray(inner.learning_rate))
    except Exception:
        return float("nan")


def _known(rates: list[float]) -> tuple[float, ...]:
    return tuple(rates) if np.isfinite(rates).any() else ()


def _number(value: Any) -> float:
    try:
        return float(np.asarray(value))
    except (TypeError, ValueError):
        return float("nan")
