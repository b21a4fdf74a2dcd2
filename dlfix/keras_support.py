"""Is there a Keras here that dlfix can watch? Decided without importing TensorFlow."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata, util
from pathlib import Path

from .errors import ScriptError, UsageError

_OLDEST = (2, 16)
_DISTRIBUTIONS = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-macos",
    "tensorflow-intel",
    "tf-nightly",
    "tf-nightly-cpu",
)
_TRUE = {"1", "true", "yes"}
LEGACY_HINT = (
    "dlfix works with the Keras 3 that comes with TensorFlow 2.16 and later. Try the script with `import keras` "
    "in place of tf_keras and without TF_USE_LEGACY_KERAS."
)


def check_installation(environment: Mapping[str, str] | None = None) -> None:
    """Refuse to start where nothing could be watched.

    Raises:
        UsageError: TensorFlow is missing or too old, or Keras is set to another backend or to its version 2.
    """
    environment = os.environ if environment is None else environment
    version = tensorflow_version()
    if version is None:
        raise UsageError(
            "no-tensorflow",
            "TensorFlow is not installed in the Python that runs dlfix",
            'Install both into the same environment: pip install "tensorflow>=2.16"',
        )
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers and numbers < _OLDEST:
        raise UsageError(
            "old-tensorflow",
            f"TensorFlow {version} is installed; dlfix needs 2.16 or later, the first with Keras 3",
            'Upgrade it: pip install "tensorflow>=2.16"',
        )
    if environment.get("TF_USE_LEGACY_KERAS", "").lower() in _TRUE:
        raise UsageError("legacy-keras", "TF_USE_LEGACY_KERAS is set, which makes tf.keras Keras 2", LEGACY_HINT)
    backend = environment.get("KERAS_BACKEND") or _configured_backend(environment)
    if backend and backend != "tensorflow":
        raise UsageError(
            "other-backend",
            f"Keras is set to the backend {backend!r}; dlfix watches the TensorFlow backend",
            "Run it with KERAS_BACKEND=tensorflow.",
        )


def check_imports(tree: ast.Module, name: str) -> None:
    """Refuse a script that asks for Keras 2 or another backend on its own.

    Raises:
        ScriptError: With the line that does it.
    """
    _check_settings(tree, name)
    for node in tree.body:
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        if any(module.split(".")[0] == "tf_keras" for module in modules):
            raise ScriptError("legacy-keras", f"{name}:{node.lineno} imports tf_keras, which is Keras 2", LEGACY_HINT)


def check_project_files(project_root: Path, names: Iterable[str]) -> None:
    """Refuse a project one of whose other files asks for Keras 2 or another backend.

    TensorFlow is already there when the script begins to run, so such a setting would come too late to be seen.
    An import of ``tf_keras`` is not looked for here: whether it is reached shows when the script runs.

    Raises:
        ScriptError: With the file and line that does it.
    """
    for name in names:
        try:
            tree = ast.parse((project_root / name).read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue  # the script itself was parsed; what of the others cannot be will show when it is imported
        _check_settings(tree, name)


def _check_settings(tree: ast.Module, name: str) -> None:
    for line, variable, value in _environment_settings(tree):
        if variable == "TF_USE_LEGACY_KERAS" and value.lower() in _TRUE:
            raise ScriptError(
                "legacy-keras", f"{name}:{line} sets TF_USE_LEGACY_KERAS, which means Keras 2", LEGACY_HINT
            )
        if variable == "KERAS_BACKEND" and value != "tensorflow":
            raise ScriptError(
                "other-backend",
                f"{name}:{line} sets the Keras backend to {value!r}; dlfix watches the TensorFlow backend",
                "Try the script with the TensorFlow backend.",
            )


def tensorflow_version() -> str | None:
    """Return the version of the installed TensorFlow, ``"unknown"`` if it does not say, or None if there is none."""
    if util.find_spec("tensorflow") is None:
        return None
    for distribution in _DISTRIBUTIONS:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def _configured_backend(environment: Mapping[str, str]) -> str | None:
    folder = Path(environment["KERAS_HOME"]) if "KERAS_HOME" in environment else Path("~/.keras").expanduser()
    try:
        configured = json.loads((folder / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    backend = configured.get("backend") if isinstance(configured, dict) else None
    return backend if isinstance(backend, str) else None


def _environment_settings(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield line, variable and value of ``os.environ["X"] = "v"`` and its ``setdefault``, anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            yield from _constants(node.lineno, node.targets[0].slice, node.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            named = isinstance(call.func, ast.Attribute) and call.func.attr in ("setdefault", "putenv")
            if named and len(call.args) == 2:
                yield from _constants(node.lineno, *call.args)


def _constants(line: int, variable: ast.expr, value: ast.expr) -> Iterator[tuple[int, str, str]]:
    if isinstance(variable, ast.Constant) and isinstance(value, ast.Constant):
        yield line, str(variable.value), str(value.value)
