"""What the user handed over: is it a script that can be run at all, and which files of theirs belong to it?"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .diagnose.execution.local_sources import local_modules
from .diagnose.execution.project import find_project_root
from .errors import ScriptError, UsageError, did_you_mean

_EMPTY_HINT = "There is nothing to train in it. Was it saved?"


@dataclass(frozen=True)
class Script:
    """A script that exists and parses.

    Attributes:
        path: Absolute path.
        project_root: Absolute path; sources are named relative to it.
        sources: The script and the modules of the project that it imports, directly or not: POSIX path relative to the
            project root -> SHA-256 of its bytes.
        tree: The script's syntax tree.
    """

    path: Path
    project_root: Path
    sources: dict[str, str]
    tree: ast.Module = field(repr=False, compare=False)


def check_path(path: Path, *, directory_is_trace: bool = False) -> Path:
    """Return the absolute path of a Python file that exists.

    Raises:
        UsageError: It does not exist, is a folder, or is no Python file.
    """
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = did_you_mean(path.name, [name for name in siblings if name.endswith(".py")])
        folder = path.parent
        where = f"in {folder.absolute()}" if folder.is_dir() else f"the folder {folder} does not exist either"
        raise UsageError("no-such-file", f"there is no file {path} ({where})", near or "Check the name and the folder.")
    if path.is_dir():
        scripts = sorted(entry.name for entry in path.glob("*.py"))[:5]
        hint = f"Name the script to run, for example {path / scripts[0]}." if scripts else "Name the script to run."
        if directory_is_trace:
            hint += " A saved trace is a folder too; this one holds none."
        raise UsageError("not-a-file", f"{path} is a folder, not a Python script", hint)
    if path.suffix.lower() == ".ipynb":
        raise UsageError(
            "notebook",
            f"{path} is a notebook; dlfix runs and patches Python scripts",
            f"Export it first: jupyter nbconvert --to script {path.name}. Inside the notebook itself, use "
            "dlfix.Localizer() as a callback of fit.",
        )
    if path.suffix.lower() not in (".py", ".pyw"):
        raise UsageError("not-python", f"{path} is not a Python script (.py)", "Name the script that trains the model.")
    return path.absolute()


def read_script(path: Path) -> Script:
    """Return the script at ``path``, parsed, with the files that belong to it.

    Raises:
        UsageError: As ``check_path``.
        ScriptError: Empty, undecodable, or a syntax error.
    """
    path = check_path(path)
    text = _decode(path)
    if not text.strip():
        raise ScriptError("empty-script", f"{path.name} is empty", _EMPTY_HINT)
    tree = _parse(path, text)
    if not any(not _is_docstring(node) for node in tree.body):
        raise ScriptError("empty-script", f"{path.name} holds no code", _EMPTY_HINT)
    project_root = find_project_root(path)
    return Script(path, project_root, hash_files(local_modules(path, project_root), project_root), tree)


def hash_files(paths: Iterable[Path], project_root: Path) -> dict[str, str]:
    """Return project-relative POSIX path -> SHA-256 for the files that can be read."""
    hashes = {}
    for path in paths:
        try:
            hashes[relative_to_project(path, project_root)] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            continue
    return hashes


def _decode(path: Path) -> str:
    """Decode as Python does: by byte order mark or declared encoding, else UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError("unreadable", f"{path} cannot be read: {error.strerror}", "Check the permissions.") from None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        # An unknown encoding was declared, or none was and the first lines are not UTF-8.
        if "unknown encoding" in str(error):
            what = f"{path.name} declares an encoding that Python does not know ({error})"
            raise ScriptError("unknown-encoding", what, "Save the file as UTF-8.") from None
        encoding = "utf-8"
    try:
        return io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ScriptError(
            "not-utf-8",
            f"{path.name}:{line}: byte 0x{data[error.start]:02x} is not valid {error.encoding.upper()}, "
            "and Python would refuse the file as well",
            "Save it as UTF-8, or declare its encoding in the first line, e.g. # -*- coding: latin-1 -*-",
        ) from None


def _parse(path: Path, text: str) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=path.name)
    except SyntaxError as error:
        raise ScriptError(
            "syntax-error",
            f"{path.name}:{error.lineno or 1}:{error.offset or 1}: {error.msg}",
            "Python cannot run this script; correct the line first.",
            traceback=_caret(text, error),
            type_name=type(error).__name__,
        ) from None
    except ValueError as error:  # null bytes
        raise ScriptError("syntax-error", f"{path.name}: {error}", "Is it really a Python script?") from None


def _caret(text: str, error: SyntaxError) -> str:
    lines = text.splitlines()
    if not error.lineno or error.lineno > len(lines):
        return ""
    line = lines[error.lineno - 1]
    start = max((error.offset or 1) - 1, 0)
    end = error.end_offset - 1 if error.end_offset and error.end_lineno == error.lineno else start + 1
    # Tabs stay tabs in the second line too, so that the caret stands below its character.
    indent = "".join("\t" if character == "\t" else " " for character in line[:start])
    return f"{line}\n{indent}{'^' * max(end - start, 1)}"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def relative_to_project(path: Path, project_root: Path) -> str:
    """Return how reports name a file: relative to the project, or absolute if it lies elsewhere."""
    try:
        return path.absolute().relative_to(project_root).as_posix()
    except ValueError:
        return path.absolute().as_posix()
