"""Versions and settings of the process that trains."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any


def environment() -> dict[str, Any]:
    """Versions and settings as far as their modules are loaded."""
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }
    for name in ("keras", "tensorflow", "numpy"):
        module = sys.modules.get(name)
        if module is not None:
            found[name] = str(getattr(module, "__version__", "unknown"))
    keras = sys.modules.get("keras")
    if keras is not None:
        found["keras_backend"] = str(keras.backend.backend())
        found["floatx"] = str(keras.backend.floatx())
    return found
