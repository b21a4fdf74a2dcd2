"""dlfix as a user runs it: the command line on a copy of the program, and what its result document says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlfix import Result
from dlfix.runs import FOLDER, RunFolder

#: Faults and patches that are kept in full; every other suggestion keeps what a calibration needs.
MOST_FAULTS, WHOLE_SUGGESTIONS = 10, 3
#: What a run may take beyond its budget before it is ended; the budget covers everything, so this is a bug's limit.
_GRACE_SECONDS = 180.0
_DIAGNOSE_SECONDS = 600.0


def diagnose(script: Path) -> dict[str, Any]:
    """Run ``dlfix diagnose`` on a copy of ``script``."""
    return _run(script, ("diagnose",), _DIAGNOSE_SECONDS)


def suggest(script: Path, budget: str, seconds: float, order: Mapping[str, Any] | None) -> dict[str, Any]:
    """Run ``dlfix suggest`` on a copy of ``script``.

    Args:
        seconds: The budget as a number.
        order: The order of rules to use, one that was fitted without this program; None for the shipped one.
    """
    command = ("suggest", "--budget", budget)
    if order is None:
        return _run(script, command, seconds + _GRACE_SECONDS)
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(order, file)
        file.flush()
        return _run(script, (*command, "--rule-order", file.name), seconds + _GRACE_SECONDS)


def _run(script: Path, command: tuple[str, ...], limit: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dlfix-run-") as temporary:
        home = Path(temporary).resolve()
        shutil.copy(script, home / script.name)
        began = time.perf_counter()
        code, out, err = _process(home, (command[0], script.name, *command[1:], "--format", "json", "-q"), limit)
        seconds = round(time.perf_counter() - began, 2)
        try:
            result = Result.from_json(out)
        except ValueError:
            ending = err.decode("utf-8", "replace").strip().splitlines()[-8:]
            return {"exit_code": code, "seconds": seconds, "verdict": "error", "error": "\n".join(ending), "faults": []}
        return {"exit_code": code, "seconds": seconds, **_condensed(result, home)}


def _process(home: Path, arguments: tuple[str, ...], limit: float) -> tuple[int | None, bytes, bytes]:
    """Exit code (None when it was ended for taking too long), stdout and stderr."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DLFIX_")}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("dlfix")), *arguments],
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, b"", f"ended after {limit:.0f} s".encode()
    return process.returncode, out, err


def _condensed(result: Result, home: Path) -> dict[str, Any]:
    layers = result.model.layers if result.model is not None else ()
    return {
        "verdict": result.verdict,
        "error": result.error,
        "task": result.task.kind,
        "faults": [_fault(fault) for fault in result.faults[:MOST_FAULTS]],
        "symptoms": sorted({symptom.check for symptom in result.symptoms}),
        "checks_failed": [check.check for check in result.checks_failed],
        "layers": [
            {"index": one.index, "name": one.name, "class_name": one.class_name, "units": one.units} for one in layers
        ],
        "model_kind": result.model.kind if result.model is not None else None,
        "baseline": result.baseline.skill,
        "epochs": result.baseline.epochs,
        "metric": result.baseline.metric,
        "split": result.baseline.split,
        "reference": result.reference.model_dump(),
        "probe_seconds": round(result.cost.probe_seconds, 2),
        "trial_seconds": round(result.cost.trial_seconds, 2),
        "wall_seconds": round(result.cost.wall_seconds, 2),
        "trials": result.cost.trials,
        "notes": list(result.notes),
        "suggestions": [
            _suggestion(one) | (_whole(one, result, home) if one.rank <= WHOLE_SUGGESTIONS else {})
            for one in result.suggestions
        ],
    }


def _fault(fault: Any) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "layer": None if fault.layer is None else fault.layer.model_dump(),
        "hyperparameter": fault.hyperparameter,
        "confidence": round(fault.confidence, 4),
        "line": None if fault.location is None else fault.location.line,
        "text": fault.text,
    }


def _suggestion(one: Any) -> dict[str, Any]:
    return {
        "rank": one.rank,
        "title": one.title,
        "verdict": one.verdict,
        "applicability": one.applicability,
        "rules": one.rules,
        "fault_kinds": one.fault_kinds,
        "edits": [{"edit": edit.edit, "from": edit.before, "to": edit.after} for edit in one.edits],
        "skill": one.skill.model_dump(),
        "trials": [
            {
                "seed": trial.seed,
                "state": trial.state,
                "fraction": trial.fraction,
                "epochs": trial.epochs,
                "seconds": round(trial.seconds, 2),
                "skill": trial.skill,
            }
            for trial in one.trials
        ],
    }


def _whole(one: Any, result: Result, home: Path) -> dict[str, Any]:
    """The diff, and the patched files by their path relative to the script's folder."""
    if not one.files:
        return {"diff": one.diff, "files": {}}
    contents = RunFolder(home / FOLDER / "runs" / result.run).patched_bytes(one)
    folder = (Path(result.project_root) / result.script).parent.resolve()
    files = {
        os.path.relpath((Path(result.project_root) / file.path).resolve(), folder): content.decode("utf-8")
        for file, content in zip(one.files, contents, strict=True)
    }
    return {"diff": one.diff, "files": files}
