"""dlfix: from a Keras script that trains badly to a patch that is proven to help.

Example:
    >>> import dlfix
    >>> result = dlfix.suggest("train.py", budget="5m")  # doctest: +SKIP
    >>> print(result.suggestions[0].diff)  # doctest: +SKIP

Importing this package is cheap: every name below is loaded when it is first used, and TensorFlow only with
``Localizer`` and ``replay``, inside the process that trains.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .api import diagnose as diagnose
    from .api import suggest as suggest
    from .diagnose.probe.callback import Localizer as Localizer
    from .diagnose.replay.api import ReplayError as ReplayError
    from .diagnose.replay.api import replay as replay
    from .errors import DlfixError as DlfixError
    from .errors import ExitCode as ExitCode
    from .errors import UsageError as UsageError
    from .progress import ProgressEvent as ProgressEvent
    from .result import Result as Result
else:
    from . import diagnose

    class _CallablePackage(ModuleType):
        """``dlfix.diagnose`` is a subpackage and, called, the function ``dlfix.api.diagnose``: one name, both uses."""

        def __call__(self, *arguments: Any, **options: Any) -> Any:
            return import_module(".api", __name__).diagnose(*arguments, **options)

    # Importing any module below dlfix.diagnose binds that name here to the subpackage, whatever stood there before;
    # so the subpackage (empty in itself, hence cheap to import) is what must answer to a call.
    diagnose.__class__ = _CallablePackage

_LAZY = {
    "suggest": ".api",
    "Localizer": ".diagnose.probe.callback",
    "ReplayError": ".diagnose.replay.api",
    "replay": ".diagnose.replay.api",
    "DlfixError": ".errors",
    "ExitCode": ".errors",
    "UsageError": ".errors",
    "ProgressEvent": ".progress",
    "Result": ".result",
}

__all__ = [  # noqa: PLE0604 - the lazy names, in one place
    "__version__",
    "diagnose",
    *_LAZY,
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
