"""Scripts recorded in the process of the test."""

import runpy
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dlfix.diagnose.execution.job import Job, Limits
from dlfix.diagnose.trace import Trace
from dlfix.diagnose.trace_io import load_trace
from loop_scripts import LOOP_HEAD


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trace]:
    """Record a script that begins with LOOP_HEAD."""
    from dlfix.diagnose.probe.agent import record as agent

    def run(source: str, name: str = "train.py", **parameters: Any) -> Trace:
        script = tmp_path / name
        script.write_text(LOOP_HEAD + textwrap.dedent(source), encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        job = Job(
            agent="",
            script=str(script),
            project_root=str(tmp_path),
            output=str(tmp_path / "out"),
            limits=Limits(60, 2**32),
            parameters={"seed": 1} | parameters,
        )
        with suppress(BaseException):  # what the script raised is in the trace
            agent(job, lambda: runpy.run_path(str(script), run_name="__main__"))
        sys.modules.pop(script.stem, None)
        return load_trace(tmp_path / "out")

    return run
