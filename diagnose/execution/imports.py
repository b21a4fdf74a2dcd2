"""Imports inside the child: source files replaced in memory, and hooks that run when a module has been imported."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

ImportHook = Callable[[ModuleType], None]


def canonical(path: str) -> str:
    """One spelling per file, whatever symbolic links lead to it."""
    return os.path.realpath(path)


class _ReplacedSource(importlib.machinery.SourceFileLoader):
    """Loads a module from bytes in memory; neither a compiled file is read nor one written."""

    def __init__(self, fullname: str, path: str, source: bytes) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_data(self, path: str) -> bytes:
        """The replaced bytes for the module's own file, other files as they are."""
        return self._source if canonical(path) == canonical(self.path) else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the replaced bytes."""
        code = compile(self._source, self.path, "exec", dont_inherit=True)
        return code if isinstance(code, CodeType) else None


class _Finder(importlib.abc.MetaPathFinder):
    """Asks the other finders, and changes the loader of what is replaced or watched."""

    def __init__(self) -> None:
        self.sources: dict[str, bytes] = {}
        self.hooks: dict[str, list[ImportHook]] = {}
        self._names: set[str] = set()

    def replace(self, sources: Mapping[str, bytes]) -> None:
        self.sources = {canonical(path): data for path, data in sources.items()}
        for path in map(Path, self.sources):
            self._names.add(path.parent.name if path.name == "__init__.py" else path.name.partition(".")[0])

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        replaced = fullname.rpartition(".")[2] in self._names
        if not replaced and fullname not in self.hooks:
            return None
        spec = self._ask_others(fullname, path, target)
        if spec is None:
            return None
        if spec.origin and replaced and canonical(spec.origin) in self.sources:
            spec.loader = _ReplacedSource(fullname, spec.origin, self.sources[canonical(spec.origin)])
            spec.cached = None
        if fullname in self.hooks and spec.loader is not None:
            _call_after_execution(spec.loader, self.hooks[fullname])
        return spec

    def _ask_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
        return None


_finder = _Finder()


def _install() -> None:
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def replace_sources(sources: Mapping[str, bytes]) -> None:
    """From now on modules whose file is in ``sources`` are made from those bytes; tracebacks show them as well."""
    if not sources:
        return
    _install()
    _finder.replace(sources)
    for path, data in sources.items():
        fill_linecache(path, data)


def fill_linecache(path: str, source: bytes) -> None:
    """Let tracebacks and ``inspect`` see ``source`` as the text of ``path``."""
    try:
        text = importlib.util.decode_source(source)
    except (SyntaxError, UnicodeDecodeError):  # compiling it will tell
        return
    linecache.cache[path] = (len(source), None, text.splitlines(keepends=True), path)


def on_import(name: str, hook: ImportHook) -> None:
    """Call ``hook`` with the module ``name`` as soon as it is imported, at once if it is already."""
    module = sys.modules.get(name)
    if module is not None:
        hook(module)
        return
    _install()
    _finder.hooks.setdefault(name, []).append(hook)


def _call_after_execution(loader: Any, hooks: Sequence[ImportHook]) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        for hook in hooks:
            hook(module)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a loader that is a class or has slots; its module simply stays unwatched
        return
