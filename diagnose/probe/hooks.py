"""Hooks on Keras's classes, installed before the user's script runs and removed afterwards."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..source import CallSite
from .fit_watch import FitCall, watched_fit
from .loop_hooks import defining_class, loop_hooks
from .model_facts import CompileRecord
from .session import ProbeSession, ProbeStop

_active: list[ProbeSession] = []


def current_session() -> ProbeSession | None:
    """The session whose hooks are installed, None without hooks."""
    return _active[-1] if _active else None


class Hooks:
    """Patches Keras for one session; a context manager.

    ``from keras import …``, ``from tensorflow import keras`` and ``tf.keras`` give the same classes, so one patch of
    the class serves them all.
    """

    def __init__(self, session: ProbeSession) -> None:
        self.session = session
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> Hooks:
        import keras

        session = self.session
        _active.append(session)
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("layers", lambda: self._patch_layers(keras)),
            ("optimizers", lambda: self._patch_init(keras.optimizers.Optimizer)),
            ("losses", lambda: self._patch_init(keras.losses.Loss)),
            ("compile", lambda: self._patch_compile(keras)),
            ("fit", lambda: self._patch_fit(keras)),
            ("training loops", lambda: self._patch_loops(keras)),
        )
        for what, install in steps:
            with session.soft(f"calls of {what}"):
                install()
        return self

    def __exit__(self, *_: object) -> None:
        if self.session in _active:
            _active.remove(self.session)
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _patch_layers(self, keras: Any) -> None:
        session, layer_class, model_class = self.session, keras.layers.Layer, keras.Model
        original = layer_class.__dict__["__new__"]
        create = original.__func__ if isinstance(original, staticmethod) else original

        def __new__(cls: type, *args: Any, **kwargs: Any) -> Any:
            made = create(cls, *args, **kwargs)
            with session.soft("where a layer was made"):
                site = _construction_site(session, made, sys._getframe(1))
                session.sites.remember(made, site)
                if site is not None and isinstance(made, model_class):
                    session.models_built += 1
            return made

        functools.update_wrapper(__new__, create)
        self._replace(layer_class, "__new__", staticmethod(__new__))

    def _patch_init(self, owner: type) -> None:
        """Record where an object was made when its outermost ``__init__`` reaches the base class."""
        session = self.session
        base = defining_class(owner, "__init__")
        original = base.__dict__["__init__"]

        @functools.wraps(original)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            with session.soft(f"where a {owner.__name__.lower()} was made"):
                if not session.sites.known(self):
                    session.sites.remember(self, _construction_site(session, self, sys._getframe(1)))
            original(self, *args, **kwargs)

        self._replace(base, "__init__", __init__)

    def _patch_compile(self, keras: Any) -> None:
        session = self.session
        owner = defining_class(keras.Model, "compile")
        original = owner.__dict__["compile"]

        @functools.wraps(original)
        def compile(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            with session.soft("what was compiled"):
                site = session.finder.site(sys._getframe(1))
                session.compile_records[self] = CompileRecord.of(original, self, args, kwargs, site)
            return result

        self._replace(owner, "compile", compile)

    def _patch_fit(self, keras: Any) -> None:
        session = self.session
        owner = defining_class(keras.Model, "fit")
        original = owner.__dict__["fit"]

        @functools.wraps(original)
        def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
            if session.stopped:
                raise ProbeStop
            site = None
            with session.soft("where fit was called"):
                site = session.finder.site(sys._getframe(1))
            with session.inside():
                return watched_fit(FitCall(session, original, self, args, kwargs, site))

        self._replace(owner, "fit", fit)

    def _patch_loops(self, keras: Any) -> None:
        for owner, name, value in loop_hooks(self.session, keras):
            self._replace(owner, name, value)

    def _replace(self, owner: type, name: str, value: Any) -> None:
        before = owner.__dict__[name]
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before))


def _construction_site(session: ProbeSession, made: Any, frame: FrameType | None) -> CallSite | None:
    """The user's call that made ``made``, None if library code made it on the user's behalf.

    Between the user's call and the hook there may only be constructors of the object itself (``Model.__new__``,
    ``Adam.__init__`` on the way to the base class); anything else means that Keras or another library made it.
    """
    while frame is not None and not session.finder.is_users(frame):
        name = frame.f_code.co_name
        if name == "__init__":
            if _first_argument(frame) is not made:
                return None
        elif name != "__new__":
            return None
        frame = frame.f_back
    # A subclass of the user's: its own __init__ is on the way, and the call that made the object is above it.
    while frame is not None and frame.f_code.co_name in {"__init__", "__new__"} and _first_argument(frame) is made:
        frame = frame.f_back
    return session.finder.site(frame)


def _first_argument(frame: FrameType) -> Any:
    names = frame.f_code.co_varnames
    return frame.f_locals.get(names[0]) if frame.f_code.co_argcount and names else None
