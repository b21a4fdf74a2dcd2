"""Hooks for trainings that no ``fit`` sees: ``train_on_batch``, and loops around ``GradientTape`` and an optimizer."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .batch_loops import BatchLoops
from .data_capture import data_kind
from .fit_watch import with_callback
from .later_calls import array_call, batches_watched
from .own_loops import OwnLoops
from .session import ProbeSession, ProbeStop

Replacement = tuple[type, str, Any]


def loop_hooks(session: ProbeSession, keras: Any) -> Iterator[Replacement]:
    """Attributes of classes to be replaced, with what is to be put there."""
    batches, own = BatchLoops(session), OwnLoops(session)
    yield _train_on_batch(session, keras, batches)
    for name in ("evaluate", "test_on_batch"):
        yield _evaluation(session, keras, name)
    for name in ("predict", "predict_on_batch"):
        yield _prediction(session, keras, name)
    yield from _optimizers(session, keras, own)
    yield _layer_calls(session, keras, own)
    yield _losses(session, keras, own)
    yield _means(session, keras, own)
    yield from _tensorflow(session, own)


def defining_class(owner: type, name: str) -> type:
    """The class whose own attribute is used by ``owner``; a patch there reaches every subclass."""
    return next(c for c in owner.__mro__ if name in c.__dict__)


def _stop_in_time(session: ProbeSession) -> None:
    if session.stopped or session.out_of_time():
        session.stopped = True
        raise ProbeStop


def _train_on_batch(session: ProbeSession, keras: Any, batches: BatchLoops) -> Replacement:
    owner = defining_class(keras.Model, "train_on_batch")
    original = owner.__dict__["train_on_batch"]
    signature = inspect.signature(original)

    @functools.wraps(original)
    def train_on_batch(self: Any, *args: Any, **kwargs: Any) -> Any:
        _stop_in_time(session)
        try:
            given = dict(signature.bind(self, *args, **kwargs).arguments)
        except TypeError:
            return original(self, *args, **kwargs)  # raises the error that the author would see
        if session.is_inside:
            return original(self, *args, **kwargs)
        return batches.train(original, self, given, sys._getframe(1))

    return owner, "train_on_batch", train_on_batch


def _evaluation(session: ProbeSession, keras: Any, name: str) -> Replacement:
    """What the script evaluates a model on is held out, if it did not train on it."""
    owner = defining_class(keras.Model, name)
    original = owner.__dict__[name]
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluated(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = _bound(signature, self, *args, **kwargs)
        if bound is not None and not session.is_inside and session.loops:
            with session.soft("data of an evaluation"), session.ours():
                for loop in session.loops:
                    if loop.model is self:
                        loop.take_held_out(bound.arguments.get("x"), bound.arguments.get("y"))
        if name == "evaluate":
            _looked_at(session, name, self, bound)
        with session.inside():
            return original(self, *args, **kwargs) if bound is None else original(*bound.args, **bound.kwargs)

    return owner, name, evaluated


def _prediction(session: ProbeSession, keras: Any, name: str) -> Replacement:
    owner = defining_class(keras.Model, name)
    original = owner.__dict__[name]
    signature = inspect.signature(original)

    @functools.wraps(original)
    def predicted(self: Any, *args: Any, **kwargs: Any) -> Any:
        if name == "predict":
            _looked_at(session, name, self, _bound(signature, self, *args, **kwargs))
        with session.inside():
            return original(self, *args, **kwargs)

    return owner, name, predicted


def _bound(signature: inspect.Signature, *args: Any, **kwargs: Any) -> inspect.BoundArguments | None:
    """The arguments by their names; None where Keras is about to refuse them."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError:
        return None


def _looked_at(session: ProbeSession, name: str, model: Any, bound: inspect.BoundArguments | None) -> None:
    """Tell the last fit of a model what the model is given now."""
    if bound is None or session.is_inside:
        return
    with session.soft("data given after training"), session.ours():
        watch = session.trained.get(model)
        if watch is None or not watch.wants_later_calls:
            return
        site = session.finder.site(sys._getframe(2))
        data = array_call(model, name, bound.arguments, site)
        if data is not None:
            watch.add_later(data)
        elif name == "evaluate" and data_kind(bound.arguments.get("x")) != "arrays":
            watching = batches_watched(session, model, site, watch.add_later)
            bound.arguments["callbacks"] = with_callback(bound.arguments.get("callbacks"), watching)


def _optimizers(session: ProbeSession, keras: Any, own: OwnLoops) -> Iterator[Replacement]:
    base = defining_class(keras.optimizers.Optimizer, "apply")
    owners = {base, defining_class(keras.optimizers.LossScaleOptimizer, "apply")}
    for owner in owners:
        yield owner, "apply", _apply(session, owner.__dict__["apply"], own)


def _apply(session: ProbeSession, original: Callable[..., Any], own: OwnLoops) -> Callable[..., Any]:
    @functools.wraps(original)
    def apply(self: Any, grads: Any, trainable_variables: Any = None) -> Any:
        if session.is_inside:
            return original(self, grads, trainable_variables)
        session.gradient_steps += 1
        _stop_in_time(session)
        grads = list(grads)
        variables = None if trainable_variables is None else list(trainable_variables)
        with own.step(self, grads, variables, sys._getframe(1)), session.inside():
            return original(self, grads, variables)

    return apply


def _layer_calls(session: ProbeSession, keras: Any, own: OwnLoops) -> Replacement:
    owner = keras.layers.Layer
    original = owner.__dict__["__call__"]

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if session.is_inside or not own.is_recording():
            return original(self, *args, **kwargs)
        own.before_call(self)
        with session.inside():
            outputs = original(self, *args, **kwargs)
        own.after_call(self, args, kwargs, outputs, sys._getframe(1))
        return outputs

    return owner, "__call__", __call__


def _losses(session: ProbeSession, keras: Any, own: OwnLoops) -> Replacement:
    owner = keras.losses.Loss
    original = owner.__dict__["__call__"]

    @functools.wraps(original)
    def __call__(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if not session.is_inside and own.is_recording():
            own.loss_called(self, y_true, y_pred, sample_weight)
        return original(self, y_true, y_pred, sample_weight=sample_weight)

    return owner, "__call__", __call__


def _means(session: ProbeSession, keras: Any, own: OwnLoops) -> Replacement:
    owner = defining_class(keras.metrics.Mean, "update_state")
    original = owner.__dict__["update_state"]

    @functools.wraps(original)
    def update_state(self: Any, values: Any, *args: Any, **kwargs: Any) -> Any:
        if not session.is_inside:
            own.metric_updated(self, values)
        return original(self, values, *args, **kwargs)

    return owner, "update_state", update_state


def _tensorflow(session: ProbeSession, own: OwnLoops) -> Iterator[Replacement]:
    import tensorflow as tf

    tape = tf.GradientTape
    gradient_of = tape.__dict__["gradient"]

    @functools.wraps(gradient_of)
    def gradient(self: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        result = gradient_of(self, target, sources, *args, **kwargs)
        if not session.is_inside:
            own.gradient_taken(target, sources)
        return result

    yield tape, "gradient", gradient
    function = type(tf.function(lambda: None))
    call_of = function.__dict__["__call__"]

    @functools.wraps(call_of)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if session.is_inside:
            return call_of(self, *args, **kwargs)
        return own.function_called(call_of, self, args, kwargs, sys._getframe(1))

    yield function, "__call__", __call__
