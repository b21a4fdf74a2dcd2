"""The few system calls of Linux that Python 3.11 has no function for.

Nothing here runs on import; each function raises ``OSError`` where the kernel refuses or lacks the call.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
MS_REMOUNT, MS_NOATIME, MS_NODIRATIME = 0x20, 0x400, 0x800
MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 0x1000, 0x4000, 0x40000, 0x200000

_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217, "loongarch64": 41}
_CAPABILITY_VERSION_3 = 0x20080522


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library of this process, with ``errno`` kept."""
    if not sys.platform.startswith("linux"):
        raise OSError(f"these system calls exist on Linux only, this is {sys.platform}")
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """Raise the ``OSError`` of a failed system call."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str | None, flags: int = 0, options: str = "") -> None:
    """``mount(2)``."""
    result = libc().mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        os.fsencode(options),
    )
    check(result, f"mount {kind or 'bind'} on {target}")


def unmount_lazily(target: str) -> None:
    """``umount2(2)`` with ``MNT_DETACH``."""
    check(libc().umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target}")


def pivot_root(new_root: str) -> None:
    """Make ``new_root`` (a mount point) the root of this mount namespace and let the old root go."""
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"pivot_root is not known for {os.uname().machine}")
    os.chdir(new_root)
    # With "." for both, the old root comes to lie on top of the new one and is taken off there: no directory is needed.
    check(libc().syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    unmount_lazily(".")
    os.chdir("/")


def unshare_mounts(new_user: bool) -> None:
    """Give this (single-threaded) process a mount namespace of its own; ``new_user`` for those who are not root."""
    uid, gid = os.getuid(), os.getgid()
    check(libc().unshare(_CLONE_NEWNS | (_CLONE_NEWUSER if new_user else 0)), "unshare")
    if new_user:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send ``signal_number`` to this process when its parent dies."""
    check(libc().prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal_number), 0, 0, 0), "prctl")


def become_subreaper() -> None:
    """Orphaned descendants become children of this process instead of vanishing below ``init``."""
    check(libc().prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0), "prctl")


def forbid_new_privileges() -> None:
    """No program started from here on gains rights by a set-user-id bit (Landlock asks for it)."""
    one, zero = ctypes.c_ulong(1), ctypes.c_ulong(0)
    check(libc().prctl(_PR_SET_NO_NEW_PRIVS, one, zero, zero, zero), "prctl")


def drop_capabilities() -> None:
    """Give back what a new user namespace granted, so that file permissions hold as they did before."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    check(libc().capset(header, nothing), "capset")


def is_single_threaded() -> bool:
    """True when this process surely has one thread (fork copies only the calling one, with all locks as they are)."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        import psutil

        return psutil.Process().num_threads() == 1


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="ascii")
