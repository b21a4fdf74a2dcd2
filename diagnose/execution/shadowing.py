"""Modules of the user's that bear the name of one that is loaded already.

In a plain run the script's directory is searched first, so a ``code.py`` or ``yaml/`` beside the script wins over the
installed one. In a process that has much imported already, the loaded one would win.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

# Loaded by the interpreter before it looks at any script, so that they win in a plain run too.
_LOADED_BY_THE_INTERPRETER = frozenset(
    {
        "sys",
        "builtins",
        "os",
        "io",
        "abc",
        "codecs",
        "encodings",
        "site",
        "stat",
        "posix",
        "posixpath",
        "ntpath",
        "genericpath",
        "zipimport",
        "marshal",
        "time",
        "_io",
        "_abc",
        "_codecs",
        "_collections_abc",
        "_frozen_importlib",
        "_frozen_importlib_external",
        "_imp",
        "_signal",
        "_sitebuiltins",
        "_stat",
        "_thread",
        "_warnings",
        "_weakref",
        "importlib",
        "__main__",
        "dlfix",
    }
)


def shadowing_names(directory: str, loaded: Iterable[str]) -> set[str]:
    """Names among ``loaded`` that the script's directory has a module of its own for."""
    present = set()
    try:
        for entry in Path(directory).iterdir():
            name = entry.name.partition(".")[0]
            is_package = "." not in entry.name and entry.is_dir() and (entry / "__init__.py").exists()
            if is_package or entry.suffix in (".py", ".so", ".pyd"):
                present.add(name)
    except OSError:
        return set()
    tops = {name.partition(".")[0] for name in loaded}
    return (present & tops) - _LOADED_BY_THE_INTERPRETER


def forget_shadowing_modules(directory: str) -> None:
    """Let the script import its own modules: forget those of the same name that are loaded from elsewhere."""
    for top in shadowing_names(directory, list(sys.modules)):
        origin = getattr(sys.modules[top], "__file__", None)
        if origin is not None and str(Path(origin).resolve()).startswith(directory + "/"):
            continue
        for name in [name for name in sys.modules if name == top or name.startswith(top + ".")]:
            del sys.modules[name]
