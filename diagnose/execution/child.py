"""What happens inside the child: make the surroundings of a plain ``python script.py``, then hand over to the agent.

The agent is called as ``agent(job, run_script)``. ``run_script()`` executes the script as ``__main__`` and lets its
exceptions through unchanged; only a ``SystemExit`` that means success (no code, or 0) is a normal return. When the
agent returns, the job is *completed*; an exception that leaves the agent makes it *raised*, with the exception as the
reason.
"""

from __future__ import annotations

import atexit
import errno
import functools
import importlib
import io
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from . import linux
from .imports import canonical, fill_linecache, on_import, replace_sources
from .isolation import enter_isolation
from .job import Job
from .plotting import make_plotting_harmless
from .shadowing import forget_shadowing_modules
from .wire import JobRequest, StatusPage

_REASON_LENGTH = 2000
_CANNOT_PREPARE = 70  # EX_SOFTWARE of sysexits.h


def run_child(request: JobRequest) -> NoReturn:
    """Run the job in this process and end it."""
    code = _CANNOT_PREPARE
    status = StatusPage(request.status_path)
    try:
        code = _run(request, status)
    except BaseException as error:
        traceback.print_exc()
        if status.finished is None:
            reason = f"the run could not be prepared: {type(error).__name__}: {error}"[:_REASON_LENGTH]
            status.write_finished({"state": "crashed", "reason": reason, "exit_code": _CANNOT_PREPARE})
    finally:
        _flush()
        os._exit(code)


def _run(request: JobRequest, status: StatusPage) -> int:
    job = request.job
    process = os.getpid()
    _set_surroundings(request)
    in_force = enter_isolation(request.isolation, request.places)
    os.chdir(job.working_directory or str(Path(job.script).parent))
    if in_force == "overlay":
        _write_overrides(job)
    _set_interpreter_state(request)
    run_script = functools.partial(_run_script, request, status, process)
    finished: dict[str, Any] = {"state": "completed", "reason": "", "exit_code": 0, "isolation": str(in_force)}
    try:
        _load_agent(job.agent)(job, run_script)
    except BaseException as error:
        _end_forked_copy(process, error)
        finished |= _describe(error, request)
        _show(error, job)
    _flush()
    status.write_finished(finished)
    return _leave(int(finished["exit_code"]))


def _run_script(request: JobRequest, status: StatusPage, process: int) -> None:
    """Execute the script as ``__main__``, as the interpreter would."""
    job = request.job
    replaced = {canonical(path): data for path, data in job.overrides.items()}
    source = replaced.get(canonical(job.script))
    if source is None:
        source = Path(job.script).read_bytes()
    else:
        fill_linecache(job.script, source)
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=job.script,
        __builtins__=sys.modules["builtins"],
        __loader__=SourceFileLoader("__main__", job.script),
        __package__=None,
        __spec__=None,
        __cached__=None,
        __annotations__={},
    )
    sys.modules["__main__"] = main
    status.write_started({"time": time.monotonic(), "user_code": True})
    try:
        code = compile(source, job.script, "exec", dont_inherit=True)
        exec(code, main.__dict__)
    except SystemExit as error:
        _end_forked_copy(process, error)
        if error.code not in (None, 0):
            raise
    except BaseException as error:
        _end_forked_copy(process, error)
        raise
    _end_forked_copy(process, None)


def _set_surroundings(request: JobRequest) -> None:
    """Environment, session, signals and randomness of a process that was started for the script."""
    environment = dict(request.environment)
    environment.update(request.preset)
    temporary = f"{request.places.scratch}/tmp"
    environment |= {"MPLBACKEND": "Agg", "TMPDIR": temporary, "TEMP": temporary, "TMP": temporary}
    os.environ.clear()
    os.environ.update(environment)
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None  # type: ignore[attr-defined]
    # A fork inherits the generators of the server; unseeded scripts must not all draw the same numbers.
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _set_interpreter_state(request: JobRequest) -> None:
    job = request.job
    sys.dont_write_bytecode = True
    sys.argv = [job.script, *job.arguments]
    sys.orig_argv = [sys.executable, *sys.argv]
    directory = str(Path(os.path.realpath(job.script)).parent)
    forget_shadowing_modules(directory)
    if not os.environ.get("PYTHONSAFEPATH"):
        sys.path.insert(0, directory)
    replace_sources(job.overrides)
    _open_streams()
    make_plotting_harmless()
    on_import("tensorflow", functools.partial(_limit_threads, threads=job.threads))


def _open_streams() -> None:
    """Make stdout and stderr anew: those of a forked process still remember the server's log."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(number, "w", closefd=False)
        raw.name = f"<{name}>"
        stream = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _limit_threads(tensorflow: Any, threads: int) -> None:
    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(max(1, threads))
    except RuntimeError:  # the runtime is running already; nothing is lost but speed
        pass


def _write_overrides(job: Job) -> None:
    """Under an overlay the files themselves can be replaced as well, for subprocesses and for those who read them."""
    for path, data in job.overrides.items():
        try:
            Path(path).write_bytes(data)
        except OSError:  # not writable for this user: the import hook replaces it all the same
            continue


def _load_agent(name: str) -> Callable[[Job, Callable[[], None]], object]:
    module, _, function = name.partition(":")
    agent: Callable[[Job, Callable[[], None]], object] = getattr(importlib.import_module(module), function)
    return agent


def _describe(error: BaseException, request: JobRequest) -> dict[str, Any]:
    text = f"{type(error).__name__}: {error}".rstrip(": ")[:_REASON_LENGTH]
    description = {"state": "raised", "reason": text, "exit_code": 1}
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 1
        description |= {"reason": f"the script ended itself with sys.exit({error.code!r})", "exit_code": code & 0xFF}
    elif isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        description["state"] = "out of memory"
    elif _is_out_of_space(error, request):
        limit = request.places.size_bytes / 1e6
        description["reason"] = (
            f"the script wrote more than {limit:,.0f} MB of files, the limit of a protected run ({text})"
        )
    return description


def _is_out_of_space(error: BaseException, request: JobRequest) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG):
        return True
    try:
        state = os.statvfs(request.places.trees[0])
    except OSError:
        return False
    return state.f_blocks * state.f_frsize <= request.places.size_bytes and state.f_bavail == 0


def _show(error: BaseException, job: Job) -> None:
    """Print the error as the interpreter would, from the script's first frame on."""
    if isinstance(error, SystemExit):
        if not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        return
    own = error.__traceback__
    step = own
    while step is not None and step.tb_frame.f_code.co_filename != job.script:
        step = step.tb_next
    traceback.print_exception(type(error), error, step or own)


def _end_forked_copy(process: int, error: BaseException | None) -> None:
    """End a process that the script forked, as its copy of the interpreter would; the agent's work is not its own."""
    if os.getpid() == process:
        return
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    os._exit(_leave(code))


def _leave(code: int) -> int:
    """What the interpreter does at its end: wait for threads, run the exit handlers, flush."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    _flush()
    return code


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed or replaced by the script
            continue


def main() -> NoReturn:
    """Entry of a child that was started cold: the argument is the path of its request."""
    sys.path.pop(0)  # the directory this process was started in
    if sys.platform.startswith("linux"):
        linux.die_with_parent(signal.SIGKILL)
    run_child(JobRequest.load(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
