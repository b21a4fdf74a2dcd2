"""The fork server: imports the frameworks once, then forks a supervisor and a child for each job.

It never starts a thread nor TensorFlow's runtime, for a fork takes over only the calling thread. It talks to the client
on the socket whose number is its first argument: requests come as lines of JSON, each with a socket on which the
supervisor will answer; "hello" and "ready" go back. When the client's end closes, it ends everything and removes the
scratch folder.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from . import linux
from .isolation import strongest_isolation
from .process_tree import kill_descendants, reap
from .supervisor import supervise
from .wire import JobRequest

_WATCH_SECONDS = 0.5


def main() -> None:
    """Run the server; arguments: socket number, scratch folder, wanted isolation, names of modules to import."""
    sys.path.pop(0)  # the folder it was started in, put there by ``-m``
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    scratch, wanted, preload = Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    if sys.platform.startswith("linux"):
        linux.become_subreaper()  # for the orphans of a supervisor that was killed
    try:
        isolation = strongest_isolation(scratch / "probe", wanted)
    except OSError as error:
        _tell(channel, event="hello", error=str(error))
        return
    _tell(channel, event="hello", isolation=str(isolation))
    _tell(channel, event="ready", **_preload(preload))
    try:
        _serve(channel)
    finally:
        kill_descendants(os.getpid(), grace=0.0)
        shutil.rmtree(scratch, ignore_errors=True)


def _preload(names: list[str]) -> dict[str, Any]:
    """Import ``names``; say what went wrong, and whether forking is safe afterwards."""
    begin = time.monotonic()
    error = ""
    with _ending_with_parent():
        for name in names:
            try:
                importlib.import_module(name)
            except Exception:
                error = traceback.format_exc(limit=-1).strip().splitlines()[-1]
                break
    if not error and not linux.is_single_threaded():
        error = "the imported modules have started threads"
    import dlfix.diagnose.execution.child  # noqa: F401  (so that no child has to)

    # What is imported will not be garbage; a collection in a child would touch, and thereby copy, all its pages.
    gc.collect()
    gc.freeze()
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    return {"seconds": time.monotonic() - begin, "error": error, "modules": modules}


@contextlib.contextmanager
def _ending_with_parent() -> Any:
    """While the imports run nobody listens to the socket; a timer looks whether the parent is still there."""
    parent = os.getppid()

    def look(_number: int, _frame: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _WATCH_SECONDS, _WATCH_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _serve(channel: socket.socket) -> None:
    supervisors: set[int] = set()
    descriptors: list[int] = []
    pending = b""
    while True:
        readable, _, _ = select.select([channel], [], [], _WATCH_SECONDS)
        if readable:
            data, received, _, _ = socket.recv_fds(channel, 1 << 16, 16)
            if not data:
                return
            descriptors += received
            pending += data
            *lines, pending = pending.split(b"\n")
            for line in lines:
                supervisors.add(_start_supervisor(Path(json.loads(line)["request"]), descriptors.pop(0), channel))
        supervisors.difference_update(reap())
        _kill_orphans(supervisors)


def _start_supervisor(request: Path, descriptor: int, channel: socket.socket) -> int:
    process = os.fork()
    if process:
        os.close(descriptor)
        return process
    try:
        channel.close()
        answers = socket.socket(fileno=descriptor)
        answers.set_inheritable(False)
        supervise(JobRequest.load(request), answers)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


def _kill_orphans(supervisors: set[int]) -> None:
    """Children that are no supervisors have lost theirs."""
    import psutil

    for child in psutil.Process().children():
        if child.pid not in supervisors:
            with contextlib.suppress(psutil.Error):
                child.kill()


def _tell(channel: socket.socket, **event: Any) -> None:
    channel.sendall(json.dumps(event).encode() + b"\n")


if __name__ == "__main__":
    main()
