"""From a script to ranked faults. Nothing is imported here before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .deeplocalize import DeepLocalize as DeepLocalize

__all__ = ["DeepLocalize"]


def __getattr__(name: str) -> Any:
    if name != "DeepLocalize":  # it imports Keras
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .deeplocalize import DeepLocalize

    return DeepLocalize
