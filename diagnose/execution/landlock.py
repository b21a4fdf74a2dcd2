"""Landlock: take from this process and all it starts the right to write outside of a few directories.

The kernel enforces it for every system call, so also for native libraries and subprocesses. Reading stays unlimited.
See https://docs.kernel.org/userspace-api/landlock.html.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from . import linux

# Version 3 (Linux 6.2) is the first that can forbid truncation.
NEEDED_VERSION = 3

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
# remove dir, remove file, make char, dir, reg, sock, fifo, block, sym
_CHANGE_DIRECTORY = sum(1 << bit for bit in range(4, 13))
_FOR_FILES = _WRITE_FILE | _TRUNCATE


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_version() -> int:
    """Version of the kernel's Landlock, 0 when there is none."""
    try:
        version = linux.libc().syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), _VERSION_FLAG)
    except OSError:  # not Linux
        return 0
    return max(0, int(version))


def allow_writes_only_in(paths: Iterable[str]) -> None:
    """Forbid this process and its descendants, for good, every change of files outside of ``paths``.

    Raises:
        OSError: The kernel has no Landlock, or an old one.
    """
    version = landlock_version()
    if version < NEEDED_VERSION:
        raise OSError(f"Landlock version {NEEDED_VERSION} is needed, this kernel has {version}")
    handled = _WRITE_FILE | _CHANGE_DIRECTORY | _REFER | _TRUNCATE
    attributes = ctypes.c_uint64(handled)
    ruleset = linux.check(
        linux.libc().syscall(
            ctypes.c_long(_CREATE_RULESET), ctypes.byref(attributes), ctypes.c_size_t(8), ctypes.c_uint32(0)
        ),
        "landlock_create_ruleset",
    )
    try:
        for path in paths:
            _allow(ruleset, path, handled)
        linux.forbid_new_privileges()
        linux.check(
            linux.libc().syscall(ctypes.c_long(_RESTRICT_SELF), ruleset, ctypes.c_uint32(0)), "landlock_restrict_self"
        )
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # a path that does not exist needs no permission
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112
            access &= _FOR_FILES
        rule = _PathBeneath(access, descriptor)
        linux.check(
            linux.libc().syscall(
                ctypes.c_long(_ADD_RULE), ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0)
            ),
            f"landlock_add_rule for {path}",
        )
    finally:
        os.close(descriptor)
