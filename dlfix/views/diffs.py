"""Reading a unified diff back: lines to colour, and regions to replace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

LineKind = Literal["context", "added", "removed", "note"]

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_KINDS: dict[str, LineKind] = {" ": "context", "": "context", "+": "added", "-": "removed", "\\": "note"}


@dataclass(frozen=True)
class DiffLine:
    """One line of a hunk. ``old`` and ``new`` are its line numbers, None where it does not exist."""

    kind: LineKind
    text: str
    old: int | None
    new: int | None


@dataclass
class Hunk:
    """One hunk with its header as written."""

    header: str
    lines: list[DiffLine] = field(default_factory=list)


@dataclass
class FileDiff:
    """What a diff does to one file. ``path`` is the project-relative path without git's ``a/`` and ``b/``."""

    path: str
    hunks: list[Hunk] = field(default_factory=list)


@dataclass(frozen=True)
class Replacement:
    """Replace the whole lines ``first..last`` (counted from 1, line end of the last one kept) by ``text``."""

    first: int
    last: int
    text: str


def parse_diff(diff: str) -> list[FileDiff]:
    """Read a unified diff. Text that is none gives an empty list."""
    files: list[FileDiff] = []
    lines = diff.split("\n")
    position = 0
    while position < len(lines):
        line = lines[position]
        match = _HUNK.match(line)
        if match and files:
            hunk, position = _read_hunk(lines, position, match)
            files[-1].hunks.append(hunk)
            continue
        if line.startswith("--- ") and position + 1 < len(lines) and lines[position + 1].startswith("+++ "):
            files.append(FileDiff(_path(line, lines[position + 1])))
            position += 1
        position += 1
    return files


def _path(old: str, new: str) -> str:
    chosen = new if new[4:].strip() != "/dev/null" else old
    path = chosen[4:].split("\t")[0].rstrip("\r")
    return path[2:] if path.startswith(("a/", "b/")) else path


def _read_hunk(lines: list[str], position: int, match: re.Match[str]) -> tuple[Hunk, int]:
    hunk = Hunk(lines[position].rstrip("\r"))
    old, new = int(match[1]), int(match[3])
    old_end = old + int(match[2] if match[2] is not None else 1)
    new_end = new + int(match[4] if match[4] is not None else 1)
    position += 1
    while position < len(lines) and (old < old_end or new < new_end or lines[position].startswith("\\")):
        line = lines[position]
        kind = _KINDS.get(line[:1])
        if kind is None:
            break
        has_old, has_new = kind in ("context", "removed"), kind in ("context", "added")
        hunk.lines.append(DiffLine(kind, line[1:], old if has_old else None, new if has_new else None))
        old, new = old + has_old, new + has_new
        position += 1
    return hunk, position


def replacements(file: FileDiff) -> list[Replacement]:
    """The diff as replacements of whole old lines.

    A run that only adds (or only removes) takes a neighbouring line with it, so that no region is empty and none needs
    a line behind the last one.
    """
    return [entry for hunk in file.hunks for entry in _hunk_replacements(hunk)]


def _hunk_replacements(hunk: Hunk) -> Iterator[Replacement]:
    lines = [line for line in hunk.lines if line.kind != "note"]
    position = 0
    taken = 0  # lines before this index belong to an earlier replacement
    while position < len(lines):
        if lines[position].kind == "context":
            position += 1
            continue
        start = position
        position = _end_of_run(lines, position)
        one_sided = not any(line.old for line in lines[start:position]) or not any(
            line.new for line in lines[start:position]
        )
        if one_sided and start > taken:
            start -= 1
        elif one_sided and position < len(lines):
            position = _end_of_run(lines, position + 1)
        taken = position
        run = lines[start:position]
        old = [line.old for line in run if line.old is not None]
        text = "\n".join(line.text for line in run if line.new is not None)
        if old:
            yield Replacement(old[0], old[-1], text.removesuffix("\r"))
        elif hunk.header.startswith("@@ -0,0 "):  # a file that was empty
            yield Replacement(1, 1, text)


def _end_of_run(lines: list[DiffLine], position: int) -> int:
    while position < len(lines) and lines[position].kind != "context":
        position += 1
    return position
