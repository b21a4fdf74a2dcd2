"""Scripts that do not end, or end in another way than they should, end as clear outcomes and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from dlfix.diagnose.execution import Executor, ExecutorError, JobState
from dlfix.diagnose.execution.capture import KEPT_BYTES, OutputCapture

from tests.diagnose.execution.conftest import Run, log_of, make_job


def _alive(mark: str) -> list[psutil.Process]:
    """Processes that bear ``mark`` in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if mark in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os._exit(0)", "ended itself with exit code 0"),
        ("import os; os._exit(7)", "ended itself with exit code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9 (SIGKILL)"),
        ("import ctypes; ctypes.string_at(0)", "killed by signal 11 (SIGSEGV)"),
        ("import os; os.abort()", "killed by signal 6 (SIGABRT)"),
        (
            "import os; os.fork() and os._exit(0); os.setsid(); import time; time.sleep(60)",
            "ended itself with exit code 0",
        ),
    ],
    ids=["exit-0", "exit-7", "kills-itself", "segfault", "abort", "daemon"],
)
def test_sudden_ends(run: Run, source: str, reason: str) -> None:
    begin = time.monotonic()
    outcome = run(source)
    assert outcome.state is JobState.CRASHED
    assert reason in outcome.reason
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "source",
    [
        "import time; time.sleep(60)",
        "sum(range(10**14))",  # a loop in C: no signal handler of Python's runs
        "import signal, time\nfor n in (2, 15, 1, 14): signal.signal(n, signal.SIG_IGN)\nwhile True: time.sleep(1)",
        "import signal, time\nsignal.signal(15, lambda *a: time.sleep(60))\ntime.sleep(60)",
        "import atexit, time; atexit.register(time.sleep, 60); raise SystemExit(4)\n" * 2 + "#",
        "import subprocess; subprocess.run(['sleep', '60'])",
        "import os, time\nfor _ in range(3): os.fork()\nif os.getpid() != os.getsid(0): os.setsid()\ntime.sleep(60)",
    ],
    ids=["sleeps", "in-C", "ignores-signals", "slow-handler", "slow-exit-handler", "subprocess", "forks"],
)
def test_budget_is_kept(run: Run, source: str, request: pytest.FixtureRequest) -> None:
    begin = time.monotonic()
    outcome = run(source, seconds=1.0)
    assert time.monotonic() - begin < 2.2
    if "slow-exit-handler" in request.node.name:  # its work was done; what it said stands
        assert (outcome.state, outcome.exit_code) == (JobState.RAISED, 4)
    else:
        assert outcome.state is JobState.TIMED_OUT
        assert outcome.reason == "ran longer than 1 s"
    assert 0.9 < outcome.seconds < 2.2


def test_terminated_script_may_clean_up(run: Run) -> None:
    outcome = run(
        "import signal, time, sys\nsignal.signal(15, lambda *a: sys.exit('cleaned up'))\ntime.sleep(60)", seconds=0.6
    )
    assert log_of(outcome) == "cleaned up\n"


def test_memory_of_the_whole_tree(run: Run) -> None:
    outcome = run("x = bytearray(10)\nwhile True: x += bytes(20 << 20)", memory=300 << 20)
    assert outcome.state is JobState.OUT_OF_MEMORY
    assert "315 MB are allowed" in outcome.reason
    assert outcome.peak_memory_bytes > 300 << 20
    workers = """
import os, time
for _ in range(4):
    if os.fork() == 0: x = os.urandom(100 << 20); time.sleep(30); os._exit(0)
time.sleep(30)
"""
    assert run(workers, memory=300 << 20).state is JobState.OUT_OF_MEMORY


def test_shared_pages_count_once(run: Run) -> None:
    source = """
import os, time
x = os.urandom(150 << 20)
for _ in range(3):
    if os.fork() == 0: time.sleep(0.5); os._exit(0)
time.sleep(0.6)
"""
    assert run(source, memory=400 << 20).state is JobState.COMPLETED


def test_nothing_survives(run: Run) -> None:
    mark = f"dlfix-leftover-{os.getpid()}"
    source = f"""
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "{mark}"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stubborn = "import time, signal; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
        os.execv(sys.executable, [sys.executable, "-c", stubborn, "{mark}"])
    os._exit(0)
time.sleep(0.5)
print("done")
"""
    outcome = run(source)
    assert (outcome.state, log_of(outcome)) == (JobState.COMPLETED, "done\n")
    assert _alive(mark) == []


def test_forked_copies_do_not_run_the_agent_twice(run: Run) -> None:
    outcome = run("import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint('parent' if pid else 'child')\n")
    assert outcome.state is JobState.COMPLETED
    assert log_of(outcome).splitlines() == ["child", "parent"]


def test_closed_descriptors_do_not_matter(run: Run) -> None:
    outcome = run("import os; os.closerange(3, 1000)")
    assert outcome.state is JobState.COMPLETED


def test_gigabyte_of_output(run: Run) -> None:
    begin = time.monotonic()
    outcome = run(
        "import os\nprint('first')\nblock = b'x' * (1 << 20)\nfor _ in range(1024): os.write(1, block)\nprint('last')"
    )
    assert outcome.state is JobState.COMPLETED
    assert time.monotonic() - begin < 15
    log = log_of(outcome)
    assert log.startswith("first\nxxx")
    assert log.endswith("xxxlast\n")
    assert outcome.log.stat().st_size < 2 * KEPT_BYTES + 100
    assert f"[... {(1 << 30) + 11 - 2 * KEPT_BYTES} bytes of output left out ...]" in log


def test_capture_keeps_everything_below_the_cap(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    capture = OutputCapture(read_end, tmp_path / "log", kept=10)
    for part in (b"0123456", b"789abcdef", b"ghij"):
        os.write(write_end, part)
    os.close(write_end)
    capture.finish()
    assert (tmp_path / "log").read_bytes() == b"0123456789abcdefghij"


def test_script_that_deletes_itself_and_moves(run: Run, project: Path) -> None:
    outcome = run(
        "import os, shutil\nos.remove(__file__); shutil.rmtree('data'); os.chdir('/'); print(os.path.exists(__file__))"
    )
    assert (outcome.state, log_of(outcome)) == (JobState.COMPLETED, "False\n")
    assert (project / "train.py").exists()
    assert (project / "data").exists()


def test_script_that_kills_its_parent(run: Run) -> None:
    outcome = run("import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(30)")
    assert outcome.state is JobState.CRASHED
    assert outcome.reason == "the process that watched over the script was killed"
    assert run("print('next')").state is JobState.COMPLETED


def test_several_at_once(executor: Executor, project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text("import time; time.sleep(0.5); print('x')", encoding="utf-8")
    begin = time.monotonic()
    futures = [executor.submit(make_job(project / "train.py", project, tmp_path / f"out{n}")) for n in range(6)]
    assert [future.result().state for future in futures] == [JobState.COMPLETED] * 6
    assert time.monotonic() - begin < 2.5


def test_cancel_all_is_quick(project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text(
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)", encoding="utf-8"
    )
    with Executor(preload=()) as executor:
        futures = [executor.submit(make_job(project / "train.py", project, tmp_path / f"out{n}")) for n in range(3)]
        time.sleep(0.7)
        begin = time.monotonic()
        executor.cancel_all()
        assert [future.result(timeout=5).state for future in futures] == [JobState.CANCELLED] * 3
        assert time.monotonic() - begin < 1


def test_dead_server_is_replaced(run: Run, project: Path, tmp_path: Path) -> None:
    with Executor(preload=()) as executor:
        assert run("print(1)", executor).state is JobState.COMPLETED
        server = executor._living_server()._process
        server.kill()
        server.wait()
        time.sleep(0.1)
        assert run("print(2)", executor).state is JobState.COMPLETED
    with pytest.raises(ExecutorError, match="closed"):
        executor.submit(make_job(project / "train.py", project, tmp_path / "out"))


def test_failing_preload(run: Run) -> None:
    with Executor(preload=("no_such_framework",)) as executor:
        assert run("print(1)", executor).state is JobState.COMPLETED  # by a cold start
    with Executor("fork", preload=("no_such_framework",)) as executor:
        outcome = run("print(1)", executor)
    assert outcome.state is JobState.CRASHED
    assert "No module named 'no_such_framework'" in outcome.reason


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_everything_dies_with_the_client(project: Path, tmp_path: Path, sign: signal.Signals) -> None:
    mark = f"dlfix-orphan-{os.getpid()}-{sign}"
    (project / "train.py").write_text(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', '{mark}'])",
        encoding="utf-8",
    )
    (tmp_path / "scratch").mkdir()
    # A shell that starts the tests in the background has them ignore SIGINT, which is inherited.
    client = f"""
import signal
from pathlib import Path
from dlfix.diagnose.execution import Executor, Job, Limits
signal.signal(signal.SIGINT, signal.default_int_handler)
with Executor(preload=(), scratch=Path({str(tmp_path / "scratch")!r})) as executor:
    executor.run(Job("dlfix.diagnose.execution.plain:run", {str(project / "train.py")!r}, {str(project)!r},
        {str(tmp_path / "out")!r}, Limits(50, 1 << 30)))
"""
    process = subprocess.Popen([sys.executable, "-P", "-c", client], stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 10
    while not _alive(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _alive(mark)
    process.send_signal(sign)
    process.wait(timeout=5)
    deadline = time.monotonic() + 3
    while (_alive(mark) or any((tmp_path / "scratch").iterdir())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _alive(mark) == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_futures_come_from_threads_too(executor: Executor, project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text("print(1)", encoding="utf-8")
    states: list[JobState] = []
    threads = [
        threading.Thread(
            target=lambda n=n: states.append(
                executor.run(make_job(project / "train.py", project, tmp_path / str(n))).state
            )
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == [JobState.COMPLETED] * 4
