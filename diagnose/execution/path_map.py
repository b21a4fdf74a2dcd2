"""Copy-on-write view of the file system: where a path really is read from, and where writes to it go.

What is written lies in a *layer*, at the path it has in the real file system. What is removed is remembered; a removed
path hides the real one, and all below it, until something new takes its place in the layer.
"""

from __future__ import annotations

import errno
import os
import posix
import shutil
import stat
from collections.abc import Iterable
from typing import Any

_MOST_LINKS = 40


class PathMap:
    """The view. All work is done by the ``posix`` functions themselves, whatever ``os`` has become.

    Args:
        layer: Directory that takes what is written.
        free: Directories that are really written to.
    """

    def __init__(self, layer: str, free: Iterable[str]) -> None:
        self.layer = layer
        self.free = tuple(path.rstrip("/") for path in free)
        self.removed: set[str] = set()
        self.directory: str | None = None  # the working directory when it exists only in the layer

    def key(self, path: Any, dir_fd: int | None = None, follow: bool = False) -> str:
        """The absolute path meant, links among its parents resolved, the last part only when ``follow``."""
        text = os.fsdecode(path)
        if dir_fd is not None and not text.startswith("/"):
            text = f"{posix.readlink(f'/proc/self/fd/{dir_fd}')}/{text}"
        elif not text.startswith("/"):
            text = f"{self.working_directory()}/{text}"
        if text.startswith(self.layer + "/"):  # a path of ours that the script got to see
            text = text[len(self.layer) :]
        return self._resolve(text, follow, _MOST_LINKS)

    def working_directory(self) -> str:
        return self.directory if self.directory is not None else posix.getcwd()

    def _resolve(self, text: str, follow: bool, links_left: int) -> str:
        parts = [part for part in text.split("/") if part not in ("", ".")]
        result = ""
        for index, part in enumerate(parts):
            if part == "..":
                result = result.rpartition("/")[0]
                continue
            result += f"/{part}"
            if index == len(parts) - 1 and not follow:
                break
            target = self._link_target(result)
            if target is not None and links_left > 0:
                rest = "/".join(parts[index + 1 :])
                start = target if target.startswith("/") else f"{result.rpartition('/')[0]}/{target}"
                return self._resolve(f"{start}/{rest}", follow, links_left - 1)
        return result or "/"

    def _link_target(self, key: str) -> str | None:
        try:
            return posix.readlink(self.real(key))
        except OSError:
            return None

    def is_free(self, key: str) -> bool:
        """True where writing really writes."""
        return any(key == path or key.startswith(path + "/") for path in self.free)

    def in_layer(self, key: str) -> bool:
        return really_exists(self.layer + key)

    def is_hidden(self, key: str) -> bool:
        """True when the real path was removed, itself or with a directory above it."""
        if not self.removed:
            return False
        while key != "/" and key:
            if key in self.removed:
                return True
            key = key.rpartition("/")[0]
        return False

    def real(self, key: str) -> str:
        """The path to read ``key`` from; one that does not exist when it was removed."""
        if self.is_free(key):
            return key
        return self.layer + key if self.in_layer(key) or self.is_hidden(key) else key

    def exists(self, key: str) -> bool:
        return really_exists(self.real(key))

    def is_directory(self, key: str) -> bool:
        return is_really_directory(self.real(key))

    def writable(self, key: str, keep_content: bool) -> str:
        """The path to write ``key`` at, with its present content in place when ``keep_content``.

        Raises:
            PermissionError: The user may not do this to the real file either.
        """
        if self.is_free(key) or self.in_layer(key):
            return self.real(key)
        present = self.exists(key)
        if present and not posix.access(key, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), key)
        self.prepare_parent(key, new_entry=not present)
        if present and is_really_directory(key):
            self._copy_directory(key)
        elif present and keep_content:
            self._copy_file(key, self.layer + key)
        return self.layer + key

    def prepare_parent(self, key: str, new_entry: bool = True) -> None:
        """Have the directory of ``key`` in the layer, if it exists in the view (else the write fails as it should)."""
        parent = key.rpartition("/")[0] or "/"
        if self.is_free(parent) or self.in_layer(parent) or self.is_hidden(parent) or not is_really_directory(parent):
            return
        if new_entry and not posix.access(parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), key)
        self._copy_directory(parent)

    def remove(self, key: str) -> None:
        """Let ``key`` vanish from the view; the caller has checked that it may."""
        path = self.layer + key
        if really_exists(path):
            if is_really_directory(path):
                remove_tree(path)
            else:
                posix.unlink(path)
        if really_exists(key):
            self.removed.add(key)

    def names(self, key: str) -> list[str]:
        """What a directory contains in the view."""
        if self.is_free(key) or not (self.in_layer(key) or self.is_hidden(key) or self._has_removed_below(key)):
            return posix.listdir(self.real(key))
        if self.in_layer(key) and not is_really_directory(self.layer + key):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), key)
        found: dict[str, None] = {}
        if not self.is_hidden(key) and is_really_directory(key):
            prefix = key.rstrip("/")
            found.update(dict.fromkeys(name for name in posix.listdir(key) if f"{prefix}/{name}" not in self.removed))
        elif not self.in_layer(key):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
        if self.in_layer(key):
            found.update(dict.fromkeys(posix.listdir(self.layer + key)))
        return list(found)

    def copy_tree(self, source: str, target: str) -> None:
        """Copy what the view shows at ``source`` to the real path ``target``."""
        path = self.real(source)
        if not is_really_directory(path):
            self._copy_file(path, target)
            return
        posix.mkdir(target)
        for name in self.names(source):
            self.copy_tree(f"{source}/{name}", f"{target}/{name}")
        _copy_state(path, target)

    def _has_removed_below(self, key: str) -> bool:
        prefix = key.rstrip("/") + "/"
        return any(name.startswith(prefix) for name in self.removed)

    def _copy_directory(self, key: str) -> None:
        """Make the directory ``key``, without its content, in the layer."""
        done = ""
        for part in key.split("/")[1:]:
            done += f"/{part}"
            if part and not really_exists(self.layer + done):
                posix.mkdir(self.layer + done, 0o700)

    def _copy_file(self, source: str, target: str) -> None:
        if stat.S_ISLNK(posix.lstat(source).st_mode):
            posix.symlink(posix.readlink(source), target)
            return
        reader = posix.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mode = stat.S_IMODE(posix.fstat(reader).st_mode)
            writer = posix.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode | stat.S_IWUSR)
            try:
                while data := posix.read(reader, 1 << 20):
                    while data:
                        data = data[posix.write(writer, data) :]
            finally:
                posix.close(writer)
        finally:
            posix.close(reader)
        _copy_state(source, target)


def really_exists(path: str) -> bool:
    """Whether the real file system has ``path``, be it a dangling link."""
    try:
        posix.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def is_really_directory(path: str) -> bool:
    """Whether the real file system has a directory (or a link to one) at ``path``."""
    try:
        return stat.S_ISDIR(posix.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _copy_state(source: str, target: str) -> None:
    state = posix.stat(source)
    posix.utime(target, ns=(state.st_atime_ns, state.st_mtime_ns))
    posix.chmod(target, stat.S_IMODE(state.st_mode) | stat.S_IWUSR)


def remove_tree(path: str) -> None:
    """Remove a real directory with all it contains."""
    for name in posix.listdir(path):
        entry = f"{path}/{name}"
        if stat.S_ISDIR(posix.lstat(entry).st_mode):
            remove_tree(entry)
        else:
            posix.unlink(entry)
    posix.rmdir(path)


# shutil must not take the route over descriptors of directories: they name the real ones.
def stop_using_directory_descriptors() -> None:
    """Let ``shutil`` work by path."""
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
