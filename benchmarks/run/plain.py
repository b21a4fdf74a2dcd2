"""How long a program takes by itself, started in the same way as the run that is watched."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dlfix.diagnose.execution import Executor, Job, Limits

_MEMORY = 6 << 30


class PlainRuns:
    """Runs of programs without any probe, all from one server process, which starts with the first."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, script: Path, seconds: float) -> dict[str, Any]:
        """Run a copy of ``script``; ``seconds`` is the limit."""
        if self._executor is None:
            self._executor = self._stack.enter_context(Executor())
            self._executor.start()
        with tempfile.TemporaryDirectory(prefix="dlfix-plain-") as folder:
            home = Path(folder).resolve()
            output = home / "output"
            output.mkdir()
            job = Job(
                agent="dlfix.diagnose.execution.plain:run",
                script=str(shutil.copy(script, home)),
                project_root=str(home),
                output=str(output),
                limits=Limits(seconds=seconds, memory_bytes=_MEMORY),
                working_directory=str(home),
            )
            outcome = self._executor.run(job)
        return {"state": outcome.state.value, "seconds": round(outcome.seconds, 2), "reason": outcome.reason}
