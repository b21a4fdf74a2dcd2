"""Redirection of what TensorFlow writes by native code: files, checkpoints, saved models, records, summaries."""

from __future__ import annotations

import functools
import glob
import inspect
import os
import shutil
from collections.abc import Callable, Iterable
from typing import Any

from .imports import on_import
from .path_map import PathMap
from .redirect_native import FILE_URI, URI, to_read, to_write
from .replacing import replace_everywhere

_FINGERPRINT_READERS = ("CreateFingerprintDef", "ReadSavedModelFingerprint", "SingleprintFromFP", "SingleprintFromSM")

# Operations of TensorFlow with the arguments that are paths; True where they are written to.
_OPERATIONS = {
    "gen_io_ops": {
        "save_v2": {"prefix": True},
        "save": {"filename": True},
        "save_slices": {"filename": True},
        "merge_v2_checkpoints": {"checkpoint_prefixes": True, "destination_prefix": True},
        "restore_v2": {"prefix": False},
        "restore": {"file_pattern": False},
        "read_file": {"filename": False},
        "write_file": {"filename": True},
    },
    "gen_summary_ops": {"create_summary_file_writer": {"logdir": True}, "create_summary_db_writer": {"db_uri": True}},
    "gen_dataset_ops": {"cache_dataset": {"filename": True}, "cache_dataset_v2": {"filename": True}},
    "gen_experimental_dataset_ops": {
        "save_dataset": {"path": True},
        "save_dataset_v2": {"path": True},
        "load_dataset": {"path": False},
        "snapshot_dataset": {"path": True},
        "snapshot_dataset_v2": {"path": True},
    },
}


def redirect_tensorflow(paths: PathMap) -> None:
    """Have it redirected as soon as the script imports it, or now."""

    def when(name: str, function: Callable[..., None], *arguments: Any) -> None:
        on_import(f"tensorflow.python.{name}", functools.partial(function, paths, *arguments))

    when("lib.io._pywrap_file_io", _redirect_file_io)
    when("lib.io.tf_record", _redirect_records)
    when("training.py_checkpoint_reader", _redirect_reader)
    when("saved_model.pywrap_saved_model", _redirect_saved_model)
    when("data.ops.readers", _redirect_dataset_readers)
    for module, operations in _OPERATIONS.items():
        when(f"ops.{module}", _redirect_operations, operations)


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


def _redirect_records(paths: PathMap, module: Any) -> None:
    initialize = module.TFRecordWriter.__init__

    def initialize_redirected(self: Any, path: Any, *rest: Any, **keywords: Any) -> None:
        initialize(self, to_write(paths, path), *rest, **keywords)

    module.TFRecordWriter.__init__ = initialize_redirected


def _redirect_dataset_readers(paths: PathMap, module: Any) -> None:
    original = module._create_or_validate_filenames_dataset

    def filenames_dataset(filenames: Any, *rest: Any, **keywords: Any) -> Any:
        return original(_map_tensor(paths, filenames, written=False), *rest, **keywords)

    module._create_or_validate_filenames_dataset = filenames_dataset


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
    _redirect_listing(redirect, text)
    _redirect_moves(paths, redirect, text)


def _is_remote(path: str) -> bool:
    return URI in path and not path.startswith(FILE_URI)


def _redirect_listing(redirect: Callable[..., None], text: Callable[[Any], str]) -> None:
    def children(original: Any, path: Any, *rest: Any) -> Any:
        return original(path, *rest) if _is_remote(text(path)) else os.listdir(text(path))  # noqa: PTH208

    def matching(original: Any, pattern: Any, *rest: Any) -> Any:
        if _is_remote(text(pattern)):
            return original(pattern, *rest)
        return sorted(glob.glob(text(pattern)))  # noqa: PTH207

    redirect("GetChildren", children)
    redirect("GetMatchingFiles", matching)


def _redirect_moves(paths: PathMap, redirect: Callable[..., None], text: Callable[[Any], str]) -> None:
    """Operations on names: done by the functions of ``os``, which are redirected already."""

    def make(original: Any, path: Any, *rest: Any) -> Any:
        if _is_remote(text(path)):
            return original(path, *rest)
        return os.makedirs(text(path), exist_ok=True)  # noqa: PTH103

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


def _redirect_operations(paths: PathMap, operations: dict[str, dict[str, bool]], module: Any) -> None:
    replaced = {}
    for name, arguments in operations.items():
        original = getattr(module, name, None)
        if original is not None:
            order = list(inspect.signature(original).parameters)
            replaced[original] = _redirected_operation(paths, original, order, arguments)
    replace_everywhere(replaced)  # the public names are copies


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
