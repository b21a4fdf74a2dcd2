"""Redirection of h5py and sqlite3, which write files by native code; the mapping of paths for all such libraries."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from .imports import on_import
from .path_map import PathMap

URI = "://"  # gs://, s3://, ram:// are no files of this machine; "file://" is handled
FILE_URI = "file://"


def redirect_native_writers(paths: PathMap) -> None:
    """Have them redirected as soon as the script imports them."""
    on_import("h5py.h5f", functools.partial(_redirect_h5py, paths))
    on_import("sqlite3", functools.partial(_redirect_sqlite, paths))
    on_import("sqlite3.dbapi2", functools.partial(_redirect_sqlite, paths))


def to_write(paths: PathMap, path: Any, keep_content: bool = True) -> Any:
    """The place to write ``path`` at, in the type it was given in."""
    return _mapped(path, lambda key: paths.writable(key, keep_content), paths)


def to_read(paths: PathMap, path: Any) -> Any:
    """The place to read ``path`` from."""
    return _mapped(path, paths.real, paths)


def _mapped(path: Any, mapping: Callable[[str], str], paths: PathMap) -> Any:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return path
    text = os.fsdecode(path)
    if text.startswith(FILE_URI):
        text = text[len(FILE_URI) :]
    elif URI in text or not text:
        return path
    slash = "/" if text.endswith("/") else ""
    real = mapping(paths.key(text, follow=True)) + slash
    return os.fsencode(real) if isinstance(path, bytes) else real


def _redirect_h5py(paths: PathMap, h5f: Any) -> None:
    opened, created = h5f.open, h5f.create

    def open_file(name: Any, flags: Any = h5f.ACC_RDWR, *arguments: Any, **keywords: Any) -> Any:
        place = to_read(paths, name) if flags in (h5f.ACC_RDONLY, _swmr_read(h5f)) else _existing(paths, name)
        return opened(place, flags, *arguments, **keywords)

    def create_file(name: Any, *arguments: Any, **keywords: Any) -> Any:
        return created(to_write(paths, name), *arguments, **keywords)

    h5f.open, h5f.create = open_file, create_file


def _swmr_read(h5f: Any) -> Any:
    return getattr(h5f, "ACC_SWMR_READ", h5f.ACC_RDONLY) | h5f.ACC_RDONLY


def _existing(paths: PathMap, name: Any) -> Any:
    """To open for change what must exist: nothing is prepared where there is nothing."""
    return to_write(paths, name) if paths.exists(paths.key(name, follow=True)) else to_read(paths, name)


def _redirect_sqlite(paths: PathMap, sqlite3: Any) -> None:
    if getattr(sqlite3.connect, "redirected", False):
        return
    connect = sqlite3.connect

    def connect_redirected(database: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(database, (str, bytes, os.PathLike)):
            text = os.fsdecode(database)
            is_uri = keywords.get("uri", False) and text.startswith("file:")
            if text and text != ":memory:" and not is_uri:
                database = to_write(paths, database)
        return connect(database, *arguments, **keywords)

    connect_redirected.redirected = True  # type: ignore[attr-defined]
    sqlite3.connect = connect_redirected
