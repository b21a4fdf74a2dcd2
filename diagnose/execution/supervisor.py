"""The process that starts one child, keeps it within its limits and says how it ended.

One small process per job: whatever the script does to its surroundings (kills its parent, leaves orphans, floods its
output), only its own job suffers. It is the subreaper of the job, so it finds every descendant.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from . import linux
from .capture import OutputCapture
from .process_tree import descendants, kill_descendants, reap, resident_bytes
from .wire import JobRequest, StatusPage

# Time for a script (or agent) to put its affairs in order after SIGTERM; the budget may be exceeded by about this much.
_GRACE_SECONDS = 0.4
# Time for exit handlers and remaining threads once the agent has done its work. Its result stands in any case.
_EXIT_SECONDS = 10.0
# How often memory is looked at: a process that fills pages as fast as it can gains some 100 MB in this time.
_TICK_SECONDS = 0.05
_SCRATCH_TICK_SECONDS = 1.0


def supervise(request: JobRequest, channel: socket.socket) -> None:
    """Run the job to its end, whatever that is, and report it on ``channel`` as a line of JSON."""
    if sys.platform.startswith("linux"):
        linux.become_subreaper()
    outcome = _Supervisor(request, channel).run()
    with contextlib.suppress(OSError):  # nobody may be waiting for it any more
        channel.sendall(json.dumps(outcome).encode() + b"\n")


class _Supervisor:
    def __init__(self, request: JobRequest, channel: socket.socket) -> None:
        self.request = request
        self.status = StatusPage(request.status_path)
        self.cancelled = threading.Event()
        self.peak = 0
        self.verdict: tuple[str, str] | None = None
        self.channel = channel
        self.next_scratch_look = 0.0

    def run(self) -> dict[str, Any]:
        read_end, write_end = os.pipe()
        self.begin = time.monotonic()
        self.child = _start_child(self.request, write_end, [read_end, self.channel.fileno()])
        os.close(write_end)
        capture = OutputCapture(read_end, Path(self.request.log))
        threading.Thread(target=self._watch_channel, name="channel", daemon=True).start()
        wait_status = self._wait()
        # A script that was stopped may clean up; one that has ended has nothing left to say to its leftovers.
        kill_descendants(os.getpid(), grace=0.0)
        seconds = time.monotonic() - self.begin
        capture.finish()
        os.close(read_end)
        return self._outcome(wait_status, seconds)

    def _watch_channel(self) -> None:
        """The client closes its side to cancel; it is closed as well when the client dies."""
        try:
            while self.channel.recv(1024):
                pass
        except OSError:
            pass
        self.cancelled.set()

    def _wait(self) -> int | None:
        """Wait for the child to end or to hit a limit; return its wait status."""
        handle = _process_handle(self.child)
        done_since: float | None = None
        try:
            while True:
                ended = reap()
                if self.child in ended:
                    return ended[self.child]
                now = time.monotonic()
                if done_since is None and self.status.finished is not None:
                    done_since = now
                self.verdict = self._exceeded(now)
                if self.verdict or (done_since is not None and now - done_since > _EXIT_SECONDS):
                    return self._stop()
                self._sleep(handle)
        finally:
            if handle is not None:
                os.close(handle)

    def _sleep(self, handle: int | None) -> None:
        if handle is None:
            time.sleep(_TICK_SECONDS / 2)
        else:
            select.select([handle], [], [], _TICK_SECONDS)  # readable when the child ends

    def _exceeded(self, now: float) -> tuple[str, str] | None:
        limits = self.request.job.limits
        if self.cancelled.is_set():
            return "cancelled", "cancelled"
        if now - self.begin >= limits.seconds:
            return "timed out", f"ran longer than {limits.seconds:.3g} s"
        memory = resident_bytes(descendants(os.getpid()), limits.memory_bytes)
        self.peak = max(self.peak, memory)
        if memory > limits.memory_bytes:
            used, allowed = memory / 1e6, limits.memory_bytes / 1e6
            return "out of memory", f"used {used:,.0f} MB of memory, {allowed:,.0f} MB are allowed"
        if self.request.isolation != "overlay" and now >= self.next_scratch_look:
            self.next_scratch_look = now + _SCRATCH_TICK_SECONDS
            allowed = self.request.places.size_bytes
            if _size_of(Path(self.request.places.scratch), stop_at=allowed) > allowed:
                return "crashed", f"wrote more than {allowed / 1e6:,.0f} MB of files, the limit of a protected run"
        return None

    def _stop(self) -> int | None:
        """End the whole tree, with a chance to end in order; the child's wait status is of no interest."""
        grace = 0.0 if self.cancelled.is_set() else _GRACE_SECONDS
        kill_descendants(os.getpid(), grace)
        return None

    def _outcome(self, wait_status: int | None, seconds: float) -> dict[str, Any]:
        started, finished = self.status.started, self.status.finished
        outcome: dict[str, Any] = {"seconds": seconds, "peak_memory_bytes": self.peak, "exit_code": None}
        outcome["start_seconds"] = None if started is None else started["time"] - self.request.submitted
        if wait_status is not None:
            outcome["exit_code"] = os.waitstatus_to_exitcode(wait_status)
        if finished is not None and not (self.verdict and self.verdict[0] == "cancelled"):
            # The agent had ended before a limit struck: its work is done, and what it said stands.
            return outcome | finished
        state, reason = self.verdict or _describe_end(outcome["exit_code"], started is not None)
        return outcome | {"state": state, "reason": reason}


def _describe_end(code: int | None, script_began: bool) -> tuple[str, str]:
    when = "" if script_began else " before the script began"
    if code is None:
        return "crashed", f"the process vanished{when}"
    if code >= 0:
        return "crashed", f"the process ended itself with exit code {code}{when}, not by a normal end (os._exit?)"
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    guess = ", perhaps by the system for lack of memory" if -code == signal.SIGKILL else ""
    return "crashed", f"killed by signal {-code}{name}{guess}{when}"


def _start_child(request: JobRequest, output: int, to_close: list[int]) -> int:
    _flush_streams()
    process = os.fork()
    if process:
        return process
    try:
        if sys.platform.startswith("linux"):
            linux.die_with_parent(signal.SIGKILL)
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for descriptor in (null, output, *to_close):
            if descriptor > 2:
                os.close(descriptor)
        if request.start == "spawn":
            _become_cold_child(request)
        _become_forked_child(request)
    finally:
        os._exit(70)


def _become_cold_child(request: JobRequest) -> NoReturn:
    environment = request.environment | request.preset
    # Sets of strings come in the same order in every run of the same job; see server.py.
    environment.setdefault("PYTHONHASHSEED", "0")
    os.chdir(request.places.scratch)
    path = f"{request.places.scratch}/request.json"
    arguments = [sys.executable, "-m", "dlfix.diagnose.execution.child", path]
    os.execve(sys.executable, arguments, environment)


def _become_forked_child(request: JobRequest) -> NoReturn:
    from .child import run_child

    run_child(request)


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _process_handle(process: int) -> int | None:
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError):  # not Linux, or an old one
        return None


def _size_of(directory: Path, stop_at: int) -> int:
    """Bytes in the files below ``directory``, counted no further than needed."""
    total = 0
    pending = [str(directory)]
    while pending and total <= stop_at:
        try:
            for entry in os.scandir(pending.pop()):
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:  # changed while it is being looked at
            continue
    return total
