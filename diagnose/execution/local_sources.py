"""Which files of the project a script imports, found without running anything."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

#: Files that are followed through imports; of a larger project, only a part is seen.
_MOST_FILES = 500


def local_modules(
    script: Path, project_root: Path, read: Callable[[Path], bytes] = Path.read_bytes
) -> dict[Path, ast.Module | None]:
    """The script and every Python file of the project that it imports, directly or not, with their syntax trees.

    Args:
        script: Where to begin; modules are looked for beside it, then in ``project_root``, as Python does.
        read: Returns the bytes of a file. One that cannot be read or does not parse has no tree.

    Example:
        >>> list(local_modules(Path("/nowhere/train.py"), Path("/nowhere")))
        [PosixPath('/nowhere/train.py')]
    """
    found = {script: _parsed(script, read)}
    queue = [script]
    while queue and len(found) < _MOST_FILES:
        file = queue.pop()
        tree = found[file]
        if tree is None:
            continue
        for imported in _imported_files(file, tree, (script.parent, project_root)):
            if imported not in found:
                found[imported] = _parsed(imported, read)
                queue.append(imported)
    return found


def _parsed(file: Path, read: Callable[[Path], bytes]) -> ast.Module | None:
    try:
        return ast.parse(read(file))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # it would fail when run or imported too; the run will say so


def _imported_files(file: Path, module: ast.Module, roots: tuple[Path, ...]) -> Iterator[Path]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module_files(alias.name.split("."), roots)
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            bases = (file.parents[node.level - 1],) if 0 < node.level <= len(file.parents) else roots
            yield from _module_files(parts, bases)
            for alias in node.names:
                yield from _module_files([*parts, alias.name], bases)


def _module_files(parts: list[str], bases: Iterable[Path]) -> Iterator[Path]:
    """Yield what importing the dotted name would run below the first base that has it: packages on the way included."""
    for base in bases:
        files = [base.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
        if parts:
            files.append(base.joinpath(*parts).with_suffix(".py") if parts[-1].isidentifier() else base)
        existing = [path for path in files if path.is_file()]
        if existing:
            yield from existing
            return
