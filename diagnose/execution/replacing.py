"""Putting one function in the place of another, wherever a module holds it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

Function = Callable[..., Any]


def replace_everywhere(replaced: Mapping[Function, Function], leave: Collection[ModuleType] = ()) -> None:
    """Replace functions in all modules but ``leave``, those of ``from os import remove`` included."""
    by_identity = {id(original): replacement for original, replacement in replaced.items()}
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if not isinstance(names, dict) or any(module is left for left in leave):
            continue
        for name, value in list(names.items()):
            if id(value) in by_identity:
                names[name] = by_identity[id(value)]
