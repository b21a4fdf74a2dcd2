"""Fork or cold start: which one runs this job as a plain ``python script.py`` would."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from .job import Job
from .shadowing import shadowing_names

# Read when the interpreter, the dynamic loader or a framework is loaded: too late for a process that has them already.
_READ_AT_IMPORT = re.compile(r"^(KERAS_|TF_(?!CPP_(MIN|VMODULE))|PYTHON(?!IOENCODING|UTF8|UNBUFFERED)|LD_|DYLD_|JAX_)")
_IN_SOURCE = re.compile(
    rb"""["'](KERAS_BACKEND|TF_USE_LEGACY_KERAS|TF_ENABLE_ONEDNN_OPTS|KERAS_HOME)["']\s*\]?\s*(?:=(?!=)|,|:)"""
    rb"""\s*["']([^"'\n]*)["']"""
)
_LARGEST_SOURCE = 1 << 20
_MOST_SOURCES = 200


def variables_set_by_source(job: Job) -> dict[str, str]:
    """Variables that the script (or a module beside it) sets for a framework before importing it."""
    found: dict[str, str] = {}
    for text in _sources(job):
        for name, value in _IN_SOURCE.findall(text):
            found[name.decode()] = value.decode(errors="replace")
    return found


def reason_for_cold_start(
    job: Job,
    environment: Mapping[str, str],
    server_environment: Mapping[str, str],
    preset: Mapping[str, str],
    preloaded: Collection[str],
) -> str:
    """Why this job cannot be forked from the server, or an empty string."""
    # The server's hash seed is ours when the user has none, and so is that of a cold start.
    hash_seed = {"PYTHONHASHSEED": "0"}
    wanted, server_environment = {**hash_seed, **environment, **preset}, {**hash_seed, **server_environment}
    names = {name for name in {*wanted, *server_environment} if _READ_AT_IMPORT.match(name)}
    for name in sorted(names):
        if wanted.get(name) != server_environment.get(name) and not _is_default(name, wanted.get(name)):
            return f"{name} is {wanted.get(name)!r} for this script"
    shadowing = shadowing_names(str(Path(job.script).resolve().parent), preloaded)
    if shadowing:
        return f"the script has modules of its own that are called {', '.join(sorted(shadowing))}"
    return ""


def _is_default(name: str, value: str | None) -> bool:
    defaults = {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "0", "TF_ENABLE_ONEDNN_OPTS": "1"}
    return name in defaults and value == defaults[name]


def _sources(job: Job) -> list[bytes]:
    texts = list(job.overrides.values())
    directory = Path(job.script).parent
    paths = [Path(job.script)]
    with contextlib.suppress(OSError):
        paths += sorted(directory.glob("*.py"))[:_MOST_SOURCES]
    for path in dict.fromkeys(paths):
        try:
            if str(path) not in job.overrides and path.stat().st_size <= _LARGEST_SOURCE:
                texts.append(path.read_bytes())
        except OSError:
            continue
    return texts
