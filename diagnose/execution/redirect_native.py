"""Redirection of libraries that write files by native code: h5py, sqlite3 and TensorFlow."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from typing import Any

from .imports import on_import
from .path_map import PathMap

_URI = "://"  # gs://, s3://, ram:// are no files of this machine; "file://" is handled
_FILE_URI = "file://"
_FINGERPRINT_READERS = ("CreateFingerprintDef", "ReadSavedModelFingerprint", "SingleprintFromFP", "SingleprintFromSM")


def redirect_native_writers(paths: PathMap) -> None:
    """Have them redirected as soon as the script imports them."""
    on_import("h5py.h5f", functools.partial(_redirect_h5py, paths))
    on_import("sqlite3", functools.partial(_redirect_sqlite, paths))
    on_import("sqlite3.dbapi2", functools.partial(_redirect_sqlite, paths))
    on_import("tensorflow.python.lib.io._pywrap_file_io", functools.partial(_redirect_file_io, paths))
    for name in ("gen_io_ops", "io_ops"):  # the second has copies of the first one's functions
        on_import(f"tensorflow.python.ops.{name}", functools.partial(_redirect_operations, paths, _IO_OPERATIONS))
    summaries = functools.partial(_redirect_operations, paths, _SUMMARY_OPERATIONS)
    on_import("tensorflow.python.ops.gen_summary_ops", summaries)
    on_import("tensorflow.python.training.py_checkpoint_reader", functools.partial(_redirect_reader, paths))
    on_import("tensorflow.python.saved_model.pywrap_saved_model", functools.partial(_redirect_saved_model, paths))


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
    if text.startswith(_FILE_URI):
        text = text[len(_FILE_URI) :]
    elif _URI in text or not text:
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


def _redirect_reader(paths: PathMap, module: Any) -> None:
    reading = functools.partial(_checkpoint_to_read, paths)
    _redirect_first_argument(reading, ("NewCheckpointReader",), module)


def _redirect_saved_model(paths: PathMap, module: Any) -> None:
    _redirect_first_argument(functools.partial(to_write, paths), ("Save",), module)
    _redirect_first_argument(functools.partial(to_read, paths), _FINGERPRINT_READERS, module.fingerprinting)


def _redirect_first_argument(mapping: Callable[[Any], Any], names: Iterable[str], module: Any) -> None:
    for name in names:
        original = getattr(module, name, None)
        if original is not None:
            setattr(module, name, _mapping_first(original, mapping))


def _mapping_first(original: Callable[..., Any], mapping: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda path, *rest, **keywords: original(mapping(path), *rest, **keywords)


def _redirect_file_io(paths: PathMap, module: Any) -> None:
    """``tf.io.gfile`` and all of TensorFlow's Python code that handles files."""

    def redirect(name: str, replacement: Callable[..., Any]) -> None:
        original = getattr(module, name, None)
        if original is not None:
            setattr(module, name, functools.partial(replacement, original))

    def text(path: Any) -> str:
        return os.fsdecode(path)

    def read(original: Any, path: Any, *rest: Any) -> Any:
        return original(to_read(paths, text(path)), *rest)

    def write(original: Any, path: Any, *rest: Any) -> Any:
        return original(to_write(paths, text(path)), *rest)

    for name in ("FileExists", "ReadFileToString", "IsDirectory", "Stat", "BufferedInputStream", "HasAtomicMove"):
        redirect(name, read)
    for name in ("WriteStringToFile",):
        redirect(name, write)
    redirect("WritableFile", lambda original, path, mode, *rest: original(to_write(paths, text(path)), mode, *rest))
    _redirect_listing(paths, redirect, text)
    _redirect_moves(paths, redirect, text)


def _is_remote(path: str) -> bool:
    return _URI in path and not path.startswith(_FILE_URI)


def _redirect_listing(paths: PathMap, redirect: Callable[..., None], text: Callable[[Any], str]) -> None:
    import glob

    def children(original: Any, path: Any, *rest: Any) -> Any:
        return original(path, *rest) if _is_remote(text(path)) else os.listdir(text(path))

    def matching(original: Any, pattern: Any, *rest: Any) -> Any:
        return original(pattern, *rest) if _is_remote(text(pattern)) else sorted(glob.glob(text(pattern)))  # noqa: PTH207

    redirect("GetChildren", children)
    redirect("GetMatchingFiles", matching)


def _redirect_moves(paths: PathMap, redirect: Callable[..., None], text: Callable[[Any], str]) -> None:
    """Operations on names: done by the functions of ``os``, which are redirected already."""
    import shutil

    def make(original: Any, path: Any, *rest: Any) -> Any:
        return original(path, *rest) if _is_remote(text(path)) else os.makedirs(text(path), exist_ok=True)  # noqa: PTH103

    def delete(original: Any, path: Any, *rest: Any) -> Any:
        return original(path, *rest) if _is_remote(text(path)) else os.remove(text(path))  # noqa: PTH107

    def delete_tree(original: Any, path: Any, *rest: Any) -> Any:
        if _is_remote(text(path)):
            return original(path, *rest)
        return shutil.rmtree(text(path)) if os.path.isdir(text(path)) else os.remove(text(path))  # noqa: PTH107, PTH112

    def rename(original: Any, source: Any, target: Any, *rest: Any) -> Any:
        if _is_remote(text(source)) or _is_remote(text(target)):
            return original(source, target, *rest)
        return os.replace(text(source), text(target))  # noqa: PTH105

    def copy(original: Any, source: Any, target: Any, *rest: Any) -> Any:
        return original(to_read(paths, text(source)), to_write(paths, text(target)), *rest)

    redirect("CreateDir", make)
    redirect("RecursivelyCreateDir", make)
    redirect("DeleteFile", delete)
    redirect("DeleteRecursively", delete_tree)
    redirect("RenameFile", rename)
    redirect("CopyFile", copy)


# Operations of TensorFlow with the arguments that are paths; True where they are written to.
_IO_OPERATIONS = {
    "save_v2": {"prefix": True},
    "save": {"filename": True},
    "save_slices": {"filename": True},
    "merge_v2_checkpoints": {"checkpoint_prefixes": True, "destination_prefix": True},
    "restore_v2": {"prefix": False},
    "restore": {"file_pattern": False},
    "read_file": {"filename": False},
    "write_file": {"filename": True},
    "matching_files": {"pattern": False},
}
_SUMMARY_OPERATIONS = {"create_summary_file_writer": {"logdir": True}, "create_summary_db_writer": {"db_uri": True}}


def _redirect_operations(paths: PathMap, operations: dict[str, dict[str, bool]], module: Any) -> None:
    import inspect

    for name, arguments in operations.items():
        original = getattr(module, name, None)
        if original is None or hasattr(original, "__wrapped_by_dlfix__"):
            continue
        order = list(inspect.signature(original).parameters)
        setattr(module, name, _redirected_operation(paths, original, order, arguments))


def _redirected_operation(
    paths: PathMap, original: Callable[..., Any], order: list[str], arguments: dict[str, bool]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def operation(*positional: Any, **keywords: Any) -> Any:
        given = dict(zip(order, positional, strict=False)) | keywords
        for argument, written in arguments.items():
            if argument in given:
                given[argument] = _map_tensor(paths, given[argument], written)
        return original(**given)

    operation.__wrapped_by_dlfix__ = True  # type: ignore[attr-defined]
    return operation


def _map_tensor(paths: PathMap, value: Any, written: bool) -> Any:
    """Map paths in Python values and eager tensors; the value of a symbolic tensor is not known, Landlock guards it."""
    if hasattr(value, "numpy"):
        value = value.numpy()
        if hasattr(value, "tolist"):
            value = value.tolist()
    elif hasattr(value, "op"):
        import tensorflow

        constant = tensorflow.get_static_value(value)
        if constant is None:
            return value
        value = constant.tolist() if hasattr(constant, "tolist") else constant
    if isinstance(value, (list, tuple)):
        return [_map_tensor(paths, item, written) for item in value]
    if not isinstance(value, (str, bytes, os.PathLike)):
        return value
    return to_write(paths, value) if written else _checkpoint_to_read(paths, value)


def _checkpoint_to_read(paths: PathMap, prefix: Any) -> Any:
    """A checkpoint is named by a prefix of its files, so the index tells where it lies."""
    index = to_read(paths, os.fsdecode(prefix) + ".index")
    if not index.startswith(paths.layer + "/"):
        return to_read(paths, prefix)
    place = index.removesuffix(".index")
    return os.fsencode(place) if isinstance(prefix, bytes) else place
