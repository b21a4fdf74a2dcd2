"""All processes below one, what memory they hold, and their end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil


def descendants(root: int) -> list[psutil.Process]:
    """All living processes below ``root``, in whatever session they are."""
    try:
        return [process for process in psutil.Process(root).children(recursive=True) if _is_alive(process)]
    except psutil.Error:
        return []


def resident_bytes(processes: list[psutil.Process], limit: int) -> int:
    """Memory of all ``processes`` together.

    Resident sizes count shared pages once per process. That is exact for one and cheap for all; only where the sum is
    above ``limit`` are the proportional sizes asked for, which is slower, so that workers forked from one parent are
    not punished for what they share.
    """
    total = sum(_resident(process) for process in processes)
    if total > limit and len(processes) > 1:
        shares = [_proportional(process) for process in processes]
        if all(share is not None for share in shares):
            return sum(share for share in shares if share is not None)
    return total


def kill_descendants(root: int, grace: float, patience: float = 5.0) -> bool:
    """End everything below ``root``: SIGTERM, ``grace`` seconds, SIGKILL. True when nothing is left.

    ``root`` must be a subreaper (or the killed must not fork away) for this to find all of them.
    """
    if grace > 0:
        _signal_all(descendants(root), signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            reap()
            if not descendants(root):
                return True
            time.sleep(0.02)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        reap()
        remaining = descendants(root)
        if not remaining:
            return True
        _signal_all(remaining, signal.SIGKILL)
        time.sleep(0.01)
    return not descendants(root)


def reap() -> dict[int, int]:
    """Collect the exit statuses of all children that have ended, adopted ones included."""
    ended: dict[int, int] = {}
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if process == 0:
            return ended
        ended[process] = status


def _signal_all(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:  # gone, or (a set-user-id program) not ours to end
            continue


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int | None:
    """The process's share of memory: 0 when it is gone, None when the system does not tell."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0 if Path("/proc/self/smaps_rollup").exists() else None
    except OSError:
        return None
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
