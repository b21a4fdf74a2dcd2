"""Fork or cold start: which one runs this job as a plain ``python script.py`` would."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from .job import Job
from .local_sources import local_modules
from .shadowing import shadowing_names

# Read when the interpreter, the dynamic loader or a framework is loaded: too late for a process that has them already.
_READ_AT_IMPORT = re.compile(r"^(KERAS_|TF_(?!CPP_(MIN|VMODULE))|PYTHON(?!IOENCODING|UTF8|UNBUFFERED)|LD_|DYLD_|JAX_)")
_SET_BY_SCRIPTS = frozenset({"KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS", "KERAS_HOME"})
_LARGEST_SOURCE = 1 << 20


def variables_set_by_source(job: Job) -> dict[str, str]:
    """Variables that the script, or a module of the project that it imports, sets for a framework before importing it.

    Only what is written out counts: ``os.environ["KERAS_BACKEND"] = "jax"``, ``setdefault``, ``putenv``, ``update``.
    A script beside this one that is not imported says nothing about it.
    """
    found: dict[str, str] = {}
    modules = local_modules(Path(job.script), Path(job.project_root), lambda path: _source(job, path))
    # The script comes first, but its imports run before most of it; where both set one, the script's own wins.
    for tree in reversed(modules.values()):
        found.update(_written_out(tree) if tree is not None else ())
    return found


def _source(job: Job, path: Path) -> bytes:
    replaced = job.overrides.get(str(path))
    if replaced is not None:
        return replaced
    return path.read_bytes() if path.stat().st_size <= _LARGEST_SOURCE else b""


def _written_out(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target.slice, node.value) for target in node.targets if isinstance(target, ast.Subscript)]
        elif isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Call):
            pairs = [(ast.Constant(word.arg), word.value) for word in node.keywords]
            if len(node.args) == 2:
                pairs.append((node.args[0], node.args[1]))
        for name, value in pairs:
            if isinstance(name, ast.Constant) and name.value in _SET_BY_SCRIPTS and isinstance(value, ast.Constant):
                yield str(name.value), str(value.value)


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
