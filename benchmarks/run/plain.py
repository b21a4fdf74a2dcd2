"""How long a program takes by itself, started in the same way as the run that is watched."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from dlfix.diagnose.execution import Executor, Job, Limits

_MEMORY = 6 << 30


def run(script: Path, seconds: float) -> dict[str, Any]:
    """Run a copy of ``script`` without any probe."""
    with tempfile.TemporaryDirectory(prefix="dlfix-plain-") as folder, Executor() as executor:
        home = Path(folder).resolve()
        output = home / "output"
        output.mkdir()
        copy = Path(shutil.copy(script, home))
        executor.start()
        outcome = executor.run(
            Job(
                agent="dlfix.diagnose.execution.plain:run",
                script=str(copy),
                project_root=str(home),
                output=str(output),
                limits=Limits(seconds=seconds, memory_bytes=_MEMORY),
                working_directory=str(home),
            )
        )
        started = outcome.start_seconds or 0.0
        return {"state": outcome.state.value, "seconds": round(outcome.seconds - started, 2), "reason": outcome.reason}
