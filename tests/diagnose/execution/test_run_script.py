"""A script sees what it would see under ``python script.py``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dlfix.diagnose.execution import Executor, JobState

from tests.diagnose.execution.conftest import Run, log_of, make_job

FACTS = """
import sys, os, json, __main__, dataclasses, pickle, inspect
from pathlib import Path

@dataclasses.dataclass
class Point:
    x: int = 1

print(json.dumps(dict(
    name=__name__, file=__file__, argv=sys.argv, first=sys.path[0], package=__package__, spec=__spec__,
    main=__main__.__dict__ is globals(), module=sys.modules["__main__"] is __main__, cwd=os.getcwd(),
    pickled=pickle.loads(pickle.dumps(Point(3))).x, source=inspect.getsource(Point).splitlines()[1],
    doc=__doc__, cached=__cached__, loader=type(__loader__).__name__, builtins=str(__builtins__),
    ours=sorted(name for name in sys.path if "execution" in name),
    names=sorted(name for name in globals() if name.startswith("__")), home=os.environ.get("HOME"),
    stdin=sys.stdin.read(), hook=sys.excepthook is sys.__excepthook__,
)))
"""


def test_same_world_as_a_plain_run(run: Run, project: Path) -> None:
    script = project / "src" / "my train.py"
    script.parent.mkdir()
    script.write_text(FACTS, encoding="utf-8")
    plain = subprocess.run(
        [sys.executable, str(script), "--epochs", "3"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    outcome = run(FACTS, name="src/my train.py", arguments=("--epochs", "3"), working_directory=str(project))
    assert outcome.state is JobState.COMPLETED, log_of(outcome)
    assert json.loads(log_of(outcome)) == json.loads(plain.stdout)


def test_spawned_child_sees_it_too(run: Run, project: Path) -> None:
    with Executor("spawn") as executor:
        outcome = run(FACTS, executor)
    facts = json.loads(log_of(outcome))
    assert (facts["name"], facts["file"]) == ("__main__", str(project / "train.py"))
    assert facts["ours"] == []


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbfprint('\xc3\xa9t\xc3\xa9')\r\n",
        b"# -*- coding: latin-1 -*-\r\nif True:\r\n\tprint('\xe9t\xe9')\r\n",
        "# coding: cp1252\nprint('été')\n".encode("cp1252"),
    ],
    ids=["bom-crlf", "latin-1-tabs", "cp1252"],
)
def test_encodings(run: Run, source: bytes) -> None:
    outcome = run(source)
    assert log_of(outcome) == "été\n"


def test_modules_of_the_user_win_over_loaded_ones(run: Run, project: Path) -> None:
    for name in ("repair", "utils", "json", "child", "psutil"):
        (project / f"{name}.py").write_text("MINE = True\n", encoding="utf-8")
    outcome = run(
        "import repair, utils, json, child, psutil\nprint(repair.MINE, utils.MINE, json.MINE, child.MINE, psutil.MINE)"
    )
    assert log_of(outcome) == "True True True True True\n"


def test_sources_are_replaced_in_memory(run: Run, project: Path) -> None:
    package = project / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import VALUE\n", encoding="utf-8")
    (package / "inner.py").write_text("VALUE = 'old'\n", encoding="utf-8")
    (project / "helper.py").write_text("VALUE = 'old'\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(project)], check=True)  # stale compiled files
    overrides = {
        str(
            project / "train.py"
        ): b"import helper, package, inspect\nprint(helper.VALUE, package.VALUE)\nhelper.fail()",
        str(project / "helper.py"): b"VALUE = 'new'\ndef fail():\n    raise ValueError('from the patched line')\n",
        str(package / "inner.py"): b"VALUE = 'newer'\n",
    }
    for isolation in ("auto", "redirect"):
        with Executor(isolation=isolation, preload=()) as executor:
            outcome = run("print('unpatched')", executor, overrides=overrides)
        log = log_of(outcome)
        assert log.startswith("new newer\n")
        assert "raise ValueError('from the patched line')" in log  # the traceback shows the source that ran
        assert outcome.state is JobState.RAISED
        assert outcome.reason == "ValueError: from the patched line"
    assert (project / "helper.py").read_text(encoding="utf-8") == "VALUE = 'old'\n"


@pytest.mark.parametrize(
    ("source", "state", "code", "reason"),
    [
        ("import sys; sys.exit()", JobState.COMPLETED, 0, ""),
        ("raise SystemExit(0)", JobState.COMPLETED, 0, ""),
        ("import sys; sys.exit(3)", JobState.RAISED, 3, "the script ended itself with sys.exit(3)"),
        ("import sys; sys.exit('wrong')", JobState.RAISED, 1, "the script ended itself with sys.exit('wrong')"),
        ("input('name? ')", JobState.RAISED, 1, "EOFError: EOF when reading a line"),
        ("def f(:", JobState.RAISED, 1, "SyntaxError: invalid syntax"),
        ("", JobState.COMPLETED, 0, ""),
        ("raise MemoryError", JobState.OUT_OF_MEMORY, 1, "MemoryError"),
    ],
)
def test_ends(run: Run, source: str, state: JobState, code: int, reason: str) -> None:
    outcome = run(source)
    assert (outcome.state, outcome.exit_code) == (state, code)
    assert outcome.reason.startswith(reason)
    assert bool(outcome.reason) == bool(reason)
    assert outcome.start_seconds is not None


def test_traceback_in_the_log_begins_in_the_script(run: Run, project: Path) -> None:
    outcome = run("def f():\n    return 1 / 0\nf()\n")
    assert log_of(outcome).splitlines()[:2] == [
        "Traceback (most recent call last):",
        f'  File "{project}/train.py", line 3, in <module>',
    ]
    assert "dlfix" not in log_of(outcome)


def test_environment_and_randomness(run: Run) -> None:
    source = "import os, random, json; print(json.dumps([dict(os.environ), random.random()]))"
    first, second = (json.loads(log_of(run(source, environment={"MY": "1", "PATH": os.environ["PATH"]}))) for _ in "ab")
    assert first[0]["MY"] == "1"
    assert not {"OMP_NUM_THREADS", "PYTHONHASHSEED", "HOME"} & set(first[0])
    assert first[1] != second[1]


def test_exit_handlers_threads_and_multiprocessing(run: Run) -> None:
    outcome = run("""
import atexit, threading, time, multiprocessing
def square(x): return x * x
if __name__ == "__main__":
    atexit.register(print, "handler")
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, [1, 2, 3]))
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
""")
    assert log_of(outcome).splitlines() == ["fork [1, 4, 9]", "spawn [1, 4, 9]", "thread", "handler"]


def test_plots_need_no_screen(run: Run) -> None:
    pytest.importorskip("matplotlib")
    outcome = run("""
import matplotlib
matplotlib.use("TkAgg")
import matplotlib.pyplot as plt
plt.switch_backend("Qt5Agg")
plt.plot([1, 2]); plt.show(); plt.savefig("plot.png")
print(matplotlib.get_backend())
""")
    assert log_of(outcome).lower() == "agg\n"


def test_agent_decides_what_an_exception_means(run: Run, project: Path) -> None:
    (project / "stop_agent.py").write_text(
        "def run(job, run_script):\n"
        "    try: run_script()\n"
        "    except BaseException as error: print(type(error).__name__, job.parameters['x'])\n",
        encoding="utf-8",
    )
    outcome = run("raise KeyboardInterrupt", agent="stop_agent:run", parameters={"x": [1]})
    assert (outcome.state, log_of(outcome)) == (JobState.COMPLETED, "KeyboardInterrupt [1]\n")


def test_missing_working_directory(run: Run, project: Path) -> None:
    outcome = run("print(1)", working_directory=str(project / "nowhere"))
    assert outcome.state is JobState.CRASHED
    assert "could not be prepared: FileNotFoundError" in outcome.reason
    assert outcome.start_seconds is None


def test_replaced_script_by_another_name(run: Run, project: Path) -> None:
    (project / "alias").symlink_to(project)
    overrides = {str(project / "alias" / "train.py"): b"print('patched')"}
    assert log_of(run("print('unpatched')", overrides=overrides)) == "patched\n"


def test_missing_script_and_agent_are_outcomes(executor: Executor, project: Path, tmp_path: Path) -> None:
    missing = executor.run(make_job(project / "nothing.py", project, tmp_path / "output"))
    assert missing.state is JobState.RAISED
    assert "nothing.py" in missing.reason
    wrong = executor.run(make_job(project / "x.py", project, tmp_path / "output", agent="no_such_module:run"))
    assert wrong.state is JobState.RAISED
    assert "no_such_module" in wrong.reason
