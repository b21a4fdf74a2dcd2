"""The edits: typed changes of the user's source, one file per edit or close family, found by walking this package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from .base import Edit, Parameter, Rendering
from .errors import EditConflict, EditError, EditNotApplicable

__all__ = ["EDITS", "Edit", "EditConflict", "EditError", "EditNotApplicable", "Parameter", "Rendering"]


def _discover() -> Mapping[str, Edit]:
    found: dict[str, Edit] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if not isinstance(value, Edit):
                continue
            if found.get(value.id, value) is not value:
                raise TypeError(f"two edits are called {value.id!r}; the second stands in {module.__name__}")
            found[value.id] = value
    return MappingProxyType(dict(sorted(found.items())))


#: Every edit by its id.
EDITS: Mapping[str, Edit] = _discover()
