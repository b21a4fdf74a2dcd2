"""Where in the user's source a call was written, found from the running frames."""

from __future__ import annotations

import ast
import linecache
import os
import sysconfig
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

from ..source import CallSite, SourceSpan

_MAX_CALLERS = 12
_MAX_FRAMES = 200
_FOREIGN_FOLDERS = {"site-packages", "dist-packages"}
_COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"}

Position = tuple[int, int, int, int]  # line, end line, byte column, end byte column


@dataclass
class SiteFinder:
    """Finds the call expressions of the user's project that lead to the current point.

    Attributes:
        project_root: Files below it are the user's, except installed packages.
        script: The script itself is always the user's.
    """

    project_root: Path
    script: Path | None = None
    _ours: dict[str, bool] = field(default_factory=dict)
    _positions: dict[tuple[CodeType, int], SourceSpan | None] = field(default_factory=dict)
    _calls: dict[str, dict[tuple[int, int], ast.expr]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.project_root = Path(os.path.realpath(self.project_root))
        if self.script is not None:
            self.script = Path(os.path.realpath(self.script))
        names = ("stdlib", "platstdlib", "purelib", "platlib")
        self._foreign = tuple({os.path.realpath(p) + os.sep for n in names if (p := sysconfig.get_paths().get(n))})

    def site(self, frame: FrameType | None) -> CallSite | None:
        """The innermost call in the user's project at or above ``frame``, None when there is none.

        Example:
            >>> import sys
            >>> SiteFinder(Path("/nowhere")).site(sys._getframe()) is None
            True
        """
        spans: list[tuple[SourceSpan, str]] = []
        seen = 0
        while frame is not None and seen < _MAX_FRAMES and len(spans) <= _MAX_CALLERS:
            if self.is_users(frame):
                span = self.span(frame)
                if span is not None:
                    spans.append((span, function_name(frame.f_code)))
                    frame = _skip_enclosing(frame)
            frame = frame.f_back if frame is not None else None
            seen += 1
        if not spans:
            return None
        return CallSite(spans[0][0], spans[0][1], tuple(span for span, _ in spans[1:]))

    def is_users(self, frame: FrameType) -> bool:
        """Whether the frame runs code of the user's project."""
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in {"dlfix", "keras", "tensorflow"} and frame.f_globals.get("__package__"):
            return False
        filename = frame.f_code.co_filename
        known = self._ours.get(filename)
        if known is None:
            known = self._ours[filename] = self._is_users_file(filename)
        return known

    def _is_users_file(self, filename: str) -> bool:
        if filename.startswith("<ipython-input") or "ipykernel_" in filename:  # the cells of a notebook
            return True
        if filename.startswith("<"):  # executed strings
            return False
        path = Path(os.path.realpath(filename))
        if path == self.script:
            return True
        if not path.is_relative_to(self.project_root):
            return False
        inside = path.relative_to(self.project_root)
        if _FOREIGN_FOLDERS & set(inside.parts):
            return False
        return not str(path).startswith(self._foreign)

    def span(self, frame: FrameType) -> SourceSpan | None:
        """Extent of the expression the frame is executing."""
        return self.span_at(frame.f_code, frame.f_lasti)

    def span_at(self, code: CodeType, offset: int) -> SourceSpan | None:
        """Extent of the expression at a bytecode offset."""
        key = (code, offset)
        if key not in self._positions:
            self._positions[key] = self._find_span(code, offset)
        return self._positions[key]

    def _find_span(self, code: CodeType, offset: int) -> SourceSpan | None:
        found = next(islice(code.co_positions(), offset // 2, None), None)
        if found is None or any(part is None for part in found):
            line = next((ln for start, end, ln in code.co_lines() if start <= offset < end and ln), None)
            if line is None:
                return None
            text = linecache.getline(code.co_filename, line).rstrip("\r\n")
            return SourceSpan(self._name(code.co_filename), line, 1, line, len(text) + 1)
        line, end_line, column, end_column = found
        assert line is not None
        assert end_line is not None
        assert column is not None
        assert end_column is not None
        # The interpreter begins a method call that spans lines at the attribute; the syntax tree knows the whole call.
        call = self._calls_in(code.co_filename).get((end_line, end_column))
        if call is not None and (call.lineno, call.col_offset) <= (line, column):
            line, column = call.lineno, call.col_offset
        return span_of(self._name(code.co_filename), code.co_filename, (line, end_line, column, end_column))

    def _calls_in(self, filename: str) -> dict[tuple[int, int], ast.expr]:
        if filename not in self._calls:
            calls: dict[tuple[int, int], ast.expr] = {}
            try:
                tree = ast.parse("".join(linecache.getlines(filename)))
            except (SyntaxError, ValueError, RecursionError):
                tree = ast.Module([], [])
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and node.end_lineno is not None and node.end_col_offset is not None:
                    calls[node.end_lineno, node.end_col_offset] = node
            self._calls[filename] = calls
        return self._calls[filename]

    def _name(self, filename: str) -> str:
        path = Path(os.path.realpath(filename))
        if path.is_relative_to(self.project_root):
            return path.relative_to(self.project_root).as_posix()
        return path.as_posix()


def span_of(name: str, filename: str, position: Position) -> SourceSpan:
    """Turn UTF-8 byte offsets (from 0) into columns in characters (from 1)."""
    line, end_line, column, end_column = position
    return SourceSpan(
        name,
        line,
        characters(linecache.getline(filename, line), column) + 1,
        end_line,
        characters(linecache.getline(filename, end_line), end_column) + 1,
    )


def characters(text: str, byte_offset: int) -> int:
    """Number of characters in the first ``byte_offset`` UTF-8 bytes of a line.

    Example:
        >>> characters("é = Dense(1)", 5)
        4
    """
    if text.isascii() or not text:
        return byte_offset
    return len(text.encode("utf-8", "surrogatepass")[:byte_offset].decode("utf-8", "replace"))


def function_name(code: CodeType) -> str:
    """Name of the function a code object belongs to; a comprehension belongs to the function around it."""
    if code.co_name not in _COMPREHENSIONS:
        return code.co_name
    for part in reversed(code.co_qualname.split(".")):
        if part not in _COMPREHENSIONS and part != "<locals>":
            return part
    return "<module>"


def _skip_enclosing(frame: FrameType) -> FrameType:
    """The frame itself, or for a comprehension the frame of the function that contains it: no caller of its own."""
    if frame.f_code.co_name in _COMPREHENSIONS - {"<lambda>"}:
        outer = frame.f_back
        if outer is not None and outer.f_code.co_filename == frame.f_code.co_filename:
            return outer
    return frame
