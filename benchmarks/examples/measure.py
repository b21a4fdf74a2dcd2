"""One example through suggest, apply, a plain run, a diagnosis of the patched script, and undo, on the command line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: Script -> the kinds of fault that it was written with; None for the healthy one.
WRITTEN_WITH: dict[str, tuple[str, ...] | None] = {
    "cancer_softmax_one_unit.py": ("output_activation",),
    "wine_raw_measurements.py": ("input_scaling",),
    "diabetes_sigmoid_regression.py": ("output_activation", "target_scaling"),
    "digits_high_learning_rate.py": ("learning_rate",),
    "digits_missing_softmax.py": ("output_activation",),
    "iris_project/train.py": ("learning_rate",),
    "digits_healthy.py": None,
}
_APPLIED, _HEALTHY, _FAULTY = 0, 0, 1


def measure(name: str, budget: str) -> dict[str, Any]:
    """Return what each step of one example printed or returned; ``passed`` if all of it is as it must be."""
    with tempfile.TemporaryDirectory(prefix="dlfix-examples-") as folder:
        home = Path(shutil.copytree(EXAMPLES, Path(folder) / "examples", ignore=shutil.ignore_patterns(".dlfix")))
        script = home / name
        before = _tree(home)
        began = time.perf_counter()
        code, result = _dlfix(script, "suggest", script.name, "--budget", budget, "--format", "json")
        row: dict[str, Any] = {
            "example": name,
            "exit_code": code,
            "seconds": round(time.perf_counter() - began, 1),
            "untouched": _tree(home) == before,
            "trials": result["cost"]["trials"],
            "faults": [_fault(fault) for fault in result["faults"][:3]],
            "suggestions": len(result["suggestions"]),
        }
        written = WRITTEN_WITH[name]
        if written is None:
            row["passed"] = code == _HEALTHY and row["untouched"] and not result["suggestions"]
            return row
        row |= _top(result) | _apply(script, before, home)
        row["passed"] = (
            code == _FAULTY
            and row["untouched"]
            and bool(result["faults"])
            and result["faults"][0]["kind"] == written[0]
            and row.get("verdict") == "fixed"
            and row["above_baseline"]
            and row["apply_exit_code"] == _APPLIED
            and row["plain_run_exit_code"] == 0
            and row["restored"]
        )
        return row


def _top(result: dict[str, Any]) -> dict[str, Any]:
    if not result["suggestions"]:
        return {"verdict": None, "above_baseline": False}
    first = result["suggestions"][0]
    skill = first["skill"]
    return {
        "title": first["title"],
        "verdict": first["verdict"],
        "edits": len(first["edits"]),
        "baseline": skill["baseline"],
        "patched": skill["patched"],
        "interval_of_gain": skill["interval"],
        "above_baseline": min(skill["patched"], default=-1) > max(skill["baseline"], default=1),
    }


def _apply(script: Path, before: dict[str, str], home: Path) -> dict[str, Any]:
    """Apply the first patch, run the script plainly, diagnose it again, undo."""
    applied, _ = _dlfix(script, "apply", "1", "--yes")
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    with tempfile.TemporaryDirectory(prefix="dlfix-plain-") as folder:
        # What the script itself saves lands in a copy, so that what undo restores can be compared to the byte.
        copy = Path(shutil.copytree(home, Path(folder) / "examples"))
        plain = subprocess.run(
            [sys.executable, script.name],
            cwd=copy / script.parent.relative_to(home),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    code, again = _dlfix(script, "diagnose", script.name, "--format", "json")
    undone, _ = _dlfix(script, "apply", "--undo", "--yes")
    return {
        "apply_exit_code": applied,
        "plain_run_exit_code": plain.returncode,
        "diagnosis_after": again.get("verdict"),
        "diagnosis_after_exit_code": code,
        "skill_after": (again.get("baseline") or {}).get("skill"),
        "undo_exit_code": undone,
        "restored": _tree(home) == before,
    }


def _dlfix(script: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dlfix")), *arguments, *(["-q"] if arguments[0] != "apply" else [])],
        cwd=script.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if "json" in arguments else {}


def _fault(fault: dict[str, Any]) -> str:
    place = fault["location"]
    where = f"{place['file']}:{place['line']}:{place['column']}" if place else "-"
    return f"{fault['kind']} {fault['hyperparameter'] or ''} {where} ({fault['confidence']:.2f})"


def _tree(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, run folders of dlfix and Python's caches left out."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not {".dlfix", "__pycache__"} & set(path.parts)
    }
