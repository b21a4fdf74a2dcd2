"""Redirection of what Python code writes, by functions in place of those in ``os``, ``io`` and ``builtins``.

The functions behave as the originals do on the copy-on-write view of ``path_map.py``. What goes past them (native
code, subprocesses) is the matter of Landlock, and for the libraries that write natively by habit of redirect_native.py.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import posix
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .path_map import PathMap, is_really_directory, really_exists, remove_tree, stop_using_directory_descriptors
from .redirect_native import redirect_native_writers
from .redirect_tensorflow import redirect_tensorflow
from .replacing import Function, replace_everywhere

_WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_TEMPORARY_FILE = getattr(os, "O_TMPFILE", 0)
# Functions that only read: the path is replaced, the rest is theirs. The value tells whether they follow a final link.
_READERS = {"stat": True, "lstat": False, "access": True, "readlink": False, "statvfs": True, "getxattr": True}
_READERS |= {"listxattr": True, "pathconf": True}
# Functions that change what is at a path and need its content there.
_CHANGERS = ("chmod", "chown", "utime", "truncate", "setxattr", "removexattr", "chflags")
_MAKERS = ("mkfifo", "mknod")


def install_redirection(layer: Path, free: Iterable[str]) -> PathMap:
    """Redirect all writes of this process outside of ``free`` into ``layer``, for good."""
    paths = PathMap(str(layer.resolve()), free)
    stop_using_directory_descriptors()
    replaced: dict[Function, Function] = {}
    for name, replacement in _replacements(paths).items():
        original = getattr(posix, name, None)
        if original is not None:
            replaced[original] = _with_errors_as_the_script_knows(functools.wraps(original)(replacement))
    opened = functools.wraps(io.open)(functools.partial(_open, paths, io.open))
    replaced[io.open] = _with_errors_as_the_script_knows(opened)
    replace_everywhere(replaced, leave=(posix,))
    _replace_in_temporary_files(replaced)
    for name in ("supports_fd", "supports_dir_fd", "supports_follow_symlinks"):
        setattr(os, name, {replaced.get(function, function) for function in getattr(os, name)})
    redirect_native_writers(paths)
    redirect_tensorflow(paths)
    return paths


def _replace_in_temporary_files(replaced: Mapping[Function, Function]) -> None:
    """Temporary files remember the function that removes them as a default argument."""
    for function in vars(tempfile._TemporaryFileCloser).values():  # type: ignore[attr-defined]
        defaults = getattr(function, "__defaults__", None)
        if defaults:
            function.__defaults__ = tuple(
                replaced.get(value, value) if callable(value) else value for value in defaults
            )


def _replacements(paths: PathMap) -> dict[str, Function]:
    functions: dict[str, Function] = {}
    present: dict[str, Function] = vars(posix)
    for name, follow in _READERS.items():
        if name in present:
            functions[name] = functools.partial(_read, paths, present[name], follow)
    for names, redirected in ((_CHANGERS, _change), (_MAKERS, _make)):
        for name in names:
            if name in present:
                functions[name] = functools.partial(redirected, paths, present[name])
    for name, function in _SINGLE.items():
        functions[name] = functools.partial(function, paths)
    return functions


def _with_errors_as_the_script_knows(function: Function) -> Function:
    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except OSError as error:
            given = [argument for argument in arguments[:2] if isinstance(argument, (str, bytes, os.PathLike))]
            if error.filename is not None and given:
                error.filename = given[0]
            if error.filename2 is not None and len(given) > 1:
                error.filename2 = given[1]
            raise

    return call


def _open(paths: PathMap, original: Function, file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
    if isinstance(file, int) or keywords.get("opener") is not None:
        return original(file, mode, *arguments, **keywords)
    key = paths.key(file, follow=True)
    if any(letter in mode for letter in "wax+"):
        if "x" in mode and paths.exists(key):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), file)
        path = paths.writable(key, keep_content="w" not in mode)
    else:
        path = paths.real(key)
    stream = original(path, mode, *arguments, **keywords)
    _rename_stream(stream, file)
    return stream


def _rename_stream(stream: Any, name: Any) -> None:
    """Let ``file.name`` be what the script asked for."""
    raw = getattr(stream, "buffer", stream)
    raw = getattr(raw, "raw", raw)
    with contextlib.suppress(AttributeError):
        raw.name = os.fspath(name)


def _open_descriptor(paths: PathMap, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    key = paths.key(path, dir_fd, follow=not flags & getattr(os, "O_NOFOLLOW", 0))
    if flags & _TEMPORARY_FILE == _TEMPORARY_FILE != 0:
        return posix.open(paths.writable(key, keep_content=False), flags, mode)
    if not flags & _WRITING_FLAGS:
        return posix.open(paths.real(key), flags, mode)
    if flags & os.O_CREAT and flags & os.O_EXCL and paths.exists(key):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    if not flags & os.O_CREAT and not paths.exists(key):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    # Without O_CREAT the file must be there to be truncated.
    return posix.open(paths.writable(key, keep_content=True), flags, mode)


def _read(paths: PathMap, original: Function, follow: bool, path: Any, *arguments: Any, **keywords: Any) -> Any:
    if isinstance(path, int):
        return original(path, *arguments, **keywords)
    dir_fd = keywords.pop("dir_fd", None)
    key = paths.key(path, dir_fd, follow=follow and keywords.get("follow_symlinks", True))
    real = paths.real(key)
    return original(os.fsencode(real) if isinstance(path, bytes) else real, *arguments, **keywords)


def _change(paths: PathMap, original: Function, path: Any, *arguments: Any, **keywords: Any) -> Any:
    if isinstance(path, int):
        return original(path, *arguments, **keywords)
    key = paths.key(path, keywords.pop("dir_fd", None), follow=keywords.get("follow_symlinks", True))
    return original(
        paths.writable(key, keep_content=True) if paths.exists(key) else paths.real(key), *arguments, **keywords
    )


def _make(
    paths: PathMap, original: Function, path: Any, *arguments: Any, dir_fd: int | None = None, **keywords: Any
) -> Any:
    key = paths.key(path, dir_fd)
    if paths.exists(key):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    return original(paths.writable(key, keep_content=False), *arguments, **keywords)


def _mkdir(paths: PathMap, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    key = paths.key(path, dir_fd)
    if paths.exists(key):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    posix.mkdir(paths.writable(key, keep_content=False), mode)


def _unlink(paths: PathMap, path: Any, *, dir_fd: int | None = None) -> None:
    key = paths.key(path, dir_fd)
    if paths.is_free(key):
        posix.unlink(key)
        return
    _check_removable(paths, key, path)
    if stat.S_ISDIR(posix.lstat(paths.real(key)).st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    paths.remove(key)


def _rmdir(paths: PathMap, path: Any, *, dir_fd: int | None = None) -> None:
    key = paths.key(path, dir_fd)
    if paths.is_free(key):
        posix.rmdir(key)
        return
    _check_removable(paths, key, path)
    if paths.names(key):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
    paths.remove(key)


def _check_removable(paths: PathMap, key: str, path: Any) -> None:
    if not paths.exists(key):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    paths.prepare_parent(key)


def _rename(
    paths: PathMap, src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
) -> None:
    source, target = paths.key(src, src_dir_fd), paths.key(dst, dst_dir_fd)
    if paths.is_free(source) and paths.is_free(target):
        posix.rename(source, target)
        return
    if not paths.exists(source):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), src, None, dst)
    if source == target:
        return
    _check_renamed_kinds(paths, source, target, dst)
    if not paths.is_free(source):
        paths.prepare_parent(source)
    if paths.is_free(target):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), src, None, dst)
    paths.prepare_parent(target)
    moving = f"{paths.layer}/.moving"
    paths.copy_tree(source, moving)
    if paths.exists(target):
        paths.remove(target)
    posix.rename(moving, paths.layer + target)
    # What the real file system has below the target's name is no part of what was moved there.
    if really_exists(target) and is_really_directory(paths.layer + target):
        paths.removed.add(target)
    if paths.is_free(source):
        (remove_tree if is_really_directory(source) else posix.unlink)(source)
    else:
        paths.remove(source)


def _check_renamed_kinds(paths: PathMap, source: str, target: str, dst: Any) -> None:
    if not paths.exists(target):
        return
    from_directory, to_directory = paths.is_directory(source), paths.is_directory(target)
    if to_directory and not from_directory:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), dst)
    if from_directory and not to_directory:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), dst)
    if to_directory and paths.names(target):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), dst)


def _symlink(
    paths: PathMap, src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: int | None = None
) -> None:
    key = paths.key(dst, dir_fd)
    if paths.exists(key):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), src, None, dst)
    posix.symlink(src, paths.writable(key, keep_content=False))


def _link(
    paths: PathMap,
    src: Any,
    dst: Any,
    *,
    src_dir_fd: int | None = None,
    dst_dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    source, key = paths.key(src, src_dir_fd, follow_symlinks), paths.key(dst, dst_dir_fd)
    if paths.exists(key):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), src, None, dst)
    # A link into the layer needs its source there; a change through either name is then seen through both.
    posix.link(paths.writable(source, keep_content=True), paths.writable(key, keep_content=False))


def _listdir(paths: PathMap, path: Any = None) -> list[Any]:
    if isinstance(path, int):
        return posix.listdir(path)
    names = paths.names(paths.key("." if path is None else path, follow=True))
    return [os.fsencode(name) for name in names] if isinstance(path, bytes) else list(names)


def _chdir(paths: PathMap, path: Any) -> None:
    if isinstance(path, int):
        posix.chdir(path)
        paths.directory = None
        return
    key = paths.key(path, follow=True)
    if not paths.is_hidden(key) and is_really_directory(key):
        posix.chdir(key)
        paths.directory = None
        return
    # It exists in the layer alone: the process goes there, and is told the name it asked for.
    posix.chdir(paths.real(key))
    paths.directory = key


def _getcwd(paths: PathMap) -> str:
    return paths.working_directory()


def _getcwdb(paths: PathMap) -> bytes:
    return os.fsencode(paths.working_directory())


class _Entry:
    """A directory entry of the view, like ``os.DirEntry``."""

    def __init__(self, directory: Any, name: Any) -> None:
        self.name = name
        self.path = os.path.join(directory, name)  # noqa: PTH118

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path, follow_symlinks=follow_symlinks)  # noqa: PTH116

    def inode(self) -> int:
        return self.stat(follow_symlinks=False).st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        if not follow_symlinks and self.is_symlink():
            return False
        return os.path.isdir(self.path)  # noqa: PTH112

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        if not follow_symlinks and self.is_symlink():
            return False
        return os.path.isfile(self.path)  # noqa: PTH113

    def is_symlink(self) -> bool:
        return os.path.islink(self.path)  # noqa: PTH114

    def is_junction(self) -> bool:
        return False


class _Scan:
    """The iterator ``os.scandir`` returns, a context manager as well."""

    def __init__(self, directory: Any, names: list[Any]) -> None:
        self._entries = iter([_Entry(directory, name) for name in names])

    def __iter__(self) -> Iterator[_Entry]:
        return self

    def __next__(self) -> _Entry:
        return next(self._entries)

    def __enter__(self) -> _Scan:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def _scandir(paths: PathMap, path: Any = None) -> Any:
    if isinstance(path, int):
        return posix.scandir(path)
    directory = "." if path is None else os.fspath(path)
    return _Scan(directory, _listdir(paths, directory))


_SINGLE: dict[str, Function] = {
    "open": _open_descriptor,
    "mkdir": _mkdir,
    "unlink": _unlink,
    "remove": _unlink,
    "rmdir": _rmdir,
    "rename": _rename,
    "replace": _rename,
    "symlink": _symlink,
    "link": _link,
    "listdir": _listdir,
    "scandir": _scandir,
    "chdir": _chdir,
    "getcwd": _getcwd,
    "getcwdb": _getcwdb,
}
