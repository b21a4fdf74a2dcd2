"""Runs jobs in child processes: start-up of the server, one thread per job, outcomes as futures."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

import psutil

from .isolation import Isolation, IsolationPlaces
from .job import Job, JobOutcome, JobState
from .start_method import reason_for_cold_start, variables_set_by_source
from .wire import JobRequest

# One thread for numerical libraries in the server: threads do not survive a fork, and OpenBLAS would wait for them.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_SINGLE_THREADED = dict.fromkeys(_THREAD_VARIABLES, "1")
_LARGEST_SCRATCH_BYTES = 4 << 30
_SMALLEST_SCRATCH_BYTES = 256 << 20


class ExecutorError(RuntimeError):
    """Scripts cannot be run in the way that was asked for on this machine."""


class Executor:
    """Runs scripts of the user's in child processes that start fast and can harm nothing.

    Args:
        start: "fork" from a process that has imported the frameworks, "spawn" a cold interpreter for each job, or
        "auto":
            fork where it is safe and shows the script the same world as a cold start.
        scratch: Where to make the folder for temporary files; the system's place by default. It is removed at the end.
        isolation: "auto" for the strongest protection there is, or one of those in isolation.py.
        preload: Modules that the fork server imports.
        scratch_bytes: How much each job may write in files; by default a quarter of the free memory, at most 4 GiB.

    Example:
        with Executor() as executor:
            outcome = executor.run(job)
    """

    def __init__(
        self,
        start: str = "auto",
        scratch: Path | None = None,
        *,
        isolation: str = "auto",
        preload: Sequence[str] = ("tensorflow", "keras"),
        scratch_bytes: int | None = None,
    ) -> None:
        if start not in ("auto", "fork", "spawn"):
            raise ValueError(f"start must be 'auto', 'fork' or 'spawn', not {start!r}")
        if isolation not in ("auto", *Isolation):
            raise ValueError(f"isolation must be 'auto' or one of {', '.join(Isolation)}, not {isolation!r}")
        if os.name != "posix":
            raise ExecutorError("dlfix runs scripts on Linux and macOS; on Windows use it inside of WSL")
        # Apple's frameworks do not survive a fork, so what has imported TensorFlow must not be forked there.
        self._start = "spawn" if start == "auto" and sys.platform == "darwin" else start
        self._wanted_isolation = isolation
        self._preload = tuple(preload) if self._start != "spawn" else ()
        self._scratch_bytes = scratch_bytes
        self._parent = scratch
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._running: dict[int, socket.socket] = {}
        self._numbers = itertools.count(1)
        self._closed = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def start(self) -> None:
        """Begin to import the frameworks; returns at once."""
        self._living_server()

    @property
    def isolation(self) -> str:
        """The protection in force: "overlay", "redirect+landlock" or "redirect"."""
        return str(self._living_server().hello())

    def run(self, job: Job) -> JobOutcome:
        """Run ``job`` and wait for its end; when interrupted, everything is ended before the exception goes on."""
        future = self.submit(job)
        try:
            return future.result()
        except BaseException:
            self.cancel_all()
            raise

    def submit(self, job: Job) -> Future[JobOutcome]:
        """Start ``job`` beside all that run already; how it ends is the future's result, never an exception of its own.

        Raises:
            ExecutorError: The executor is closed.
        """
        if self._closed:
            raise ExecutorError("the executor is closed")
        future: Future[JobOutcome] = Future()
        future.set_running_or_notify_cancel()
        arguments = (job, future, next(self._numbers), time.monotonic())
        threading.Thread(target=self._run_in_thread, args=arguments, name="dlfix-job", daemon=True).start()
        return future

    def cancel_all(self) -> None:
        """End every running job at once; their outcomes say *cancelled*."""
        with self._lock:
            channels = list(self._running.values())
        for channel in channels:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End all jobs and the server, and remove all temporary files."""
        self._closed = True
        self.cancel_all()
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()

    def _run_in_thread(self, job: Job, future: Future[JobOutcome], number: int, submitted: float) -> None:
        try:
            outcome = self._run_job(job, number, submitted)
        except Exception as error:
            reason = f"the script could not be started: {type(error).__name__}: {error}"
            outcome = _outcome_without_child(job, reason, time.monotonic() - submitted)
        future.set_result(outcome)

    def _run_job(self, job: Job, number: int, submitted: float) -> JobOutcome:
        ours, theirs = socket.socketpair()
        with self._lock:
            self._running[number] = ours
        try:
            server = self._living_server()
            with _job_scratch(server.scratch, number) as scratch:
                request = self._request(job, server, scratch, submitted)
                path = request.save()
                begin = time.monotonic()
                server.send(path, theirs)
                theirs.close()
                report = _read_report(ours)
            return _outcome(job, request.log, report, time.monotonic() - begin)
        finally:
            with self._lock:
                del self._running[number]
            ours.close()
            theirs.close()

    def _request(self, job: Job, server: _Server, scratch: Path, submitted: float) -> JobRequest:
        isolation = server.hello()
        environment = dict(os.environ) if job.environment is None else dict(job.environment)
        preset = variables_set_by_source(job)
        output = Path(job.output)
        output.mkdir(parents=True, exist_ok=True)
        directory = job.working_directory or str(Path(job.script).parent)
        trees = (job.project_root, directory, str(scratch), os.path.expanduser("~"))  # noqa: PTH111
        places = IsolationPlaces(
            scratch=str(scratch),
            output=str(output.resolve()),
            trees=tuple(dict.fromkeys(str(Path(path).resolve()) for path in trees)),
            size_bytes=self._scratch_bytes or _default_scratch_bytes(),
        )
        return JobRequest(
            job=job,
            start=self._start_method(job, server, environment, preset),
            isolation=isolation,
            places=places,
            environment=environment,
            log=str(output / "script.log"),
            submitted=submitted,
            preset=preset,
        )

    def _start_method(self, job: Job, server: _Server, environment: dict[str, str], preset: dict[str, str]) -> str:
        if self._start == "spawn":
            return "spawn"
        if self._start == "auto" and reason_for_cold_start(job, environment, server.environment, preset, ()):
            return "spawn"  # known before the imports are done
        ready = server.ready()
        if self._start == "fork":
            if ready["error"]:
                raise ExecutorError(f"cannot fork: {ready['error']}")
            return "fork"
        modules = ready["modules"]
        cold = ready["error"] or reason_for_cold_start(job, environment, server.environment, preset, modules)
        return "spawn" if cold else "fork"

    def _living_server(self) -> _Server:
        with self._lock:
            if self._closed:
                raise ExecutorError("the executor is closed")
            if self._server is None or not self._server.is_alive():
                if self._server is not None:
                    self._server.close()
                self._server = _Server(self._parent, self._wanted_isolation, self._preload)
            return self._server


class _Server:
    """The server process as the client sees it."""

    def __init__(self, parent: Path | None, isolation: str, preload: Sequence[str]) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="dlfix-", dir=parent)).resolve()
        self.environment = dict(os.environ)
        # Sets of strings come in the same order in every run of the same job, so that a seed decides everything.
        self.environment.setdefault("PYTHONHASHSEED", "0")
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "dlfix.diagnose.execution.server"]
        with theirs, (self.scratch / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(self.scratch), isolation, *preload],
                env=self.environment | _SINGLE_THREADED,
                cwd=self.scratch,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is for the client alone
            )
        self._channel = ours
        self._sending = threading.Lock()
        self._events: dict[str, dict[str, Any]] = {}
        self._arrived = threading.Condition()
        self._ended = False
        threading.Thread(target=self._listen, name="dlfix-server", daemon=True).start()
        # PYTHONHASHSEED is ours; a job whose environment lacks it is not a reason for a cold start.
        self.environment = dict(os.environ)

    def is_alive(self) -> bool:
        return not self._ended and self._process.poll() is None

    def hello(self) -> Isolation:
        event = self._wait_for("hello")
        if "isolation" not in event:
            raise ExecutorError(event["error"])
        return Isolation(event["isolation"])

    def ready(self) -> dict[str, Any]:
        return self._wait_for("ready")

    def send(self, request: Path, channel: socket.socket) -> None:
        line = json.dumps({"request": str(request)}).encode() + b"\n"
        with self._sending:
            socket.send_fds(self._channel, [line], [channel.fileno()])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:  # in the middle of an import
            self._process.kill()
            self._process.wait()
        self._channel.close()
        _remove_scratch(self.scratch)

    def _wait_for(self, name: str) -> dict[str, Any]:
        with self._arrived:
            self._arrived.wait_for(lambda: name in self._events or self._ended)
            if name in self._events:
                return self._events[name]
        raise ExecutorError(f"the process that starts scripts ended: {self._last_words()}")

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._channel.makefile("rb") as lines:
            for line in lines:
                event = json.loads(line)
                with self._arrived:
                    self._events[event.pop("event")] = event
                    self._arrived.notify_all()
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()

    def _last_words(self) -> str:
        try:
            lines = (self.scratch / "server.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else f"exit code {self._process.poll()}"


@contextlib.contextmanager
def _job_scratch(parent: Path, number: int) -> Iterator[Path]:
    scratch = parent / f"job-{number}"
    for name in ("tmp", "layers"):
        (scratch / name).mkdir(parents=True)
    try:
        yield scratch
    finally:
        _remove_scratch(scratch)


def _remove_scratch(directory: Path) -> None:
    """Remove a folder of ours; scripts may leave directories in it that even their owner may not write to."""
    if not directory.exists():
        return
    try:
        shutil.rmtree(directory)
    except OSError:
        for inner, _, _ in os.walk(directory):  # goes from the top downwards and does not follow links
            with contextlib.suppress(OSError):
                Path(inner).chmod(0o700)
        shutil.rmtree(directory, ignore_errors=True)


def _default_scratch_bytes() -> int:
    quarter = psutil.virtual_memory().available // 4
    return max(_SMALLEST_SCRATCH_BYTES, min(_LARGEST_SCRATCH_BYTES, quarter))


def _read_report(channel: socket.socket) -> dict[str, Any] | None:
    """The supervisor's line, None when it (or the server) died without one."""
    data = b""
    try:
        while chunk := channel.recv(1 << 16):
            data += chunk
    except OSError:
        return None
    return json.loads(data) if data.endswith(b"\n") else None


def _outcome(job: Job, log: str, report: dict[str, Any] | None, seconds: float) -> JobOutcome:
    Path(log).touch()
    if report is None:
        reason = "the process that watched over the script was killed"
        return _outcome_without_child(job, reason, seconds)
    return JobOutcome(
        state=JobState(report["state"]),
        seconds=report["seconds"],
        exit_code=report["exit_code"],
        reason=report["reason"],
        output=Path(job.output),
        log=Path(log),
        start_seconds=report["start_seconds"],
        peak_memory_bytes=report["peak_memory_bytes"],
    )


def _outcome_without_child(job: Job, reason: str, seconds: float) -> JobOutcome:
    log = Path(job.output, "script.log")
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
    return JobOutcome(JobState.CRASHED, seconds, None, reason, Path(job.output), log)
