"""Exceptions of the user's script as facts, their traceback trimmed to the user's frames."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from types import TracebackType

from ..source import CallSite, SourceSpan
from ..trace import ExceptionFacts
from .sites import SiteFinder, function_name

_MAX_MESSAGE_LINES = 30
_MAX_MESSAGE = 4000
#: Keras and TensorFlow wrap what went wrong: where they were stands before it, and the stack behind it.
_BEFORE_THE_MESSAGE = (
    re.compile(r"\AGraph execution error:\s*"),
    re.compile(r"\AException encountered when calling [^\n]*\n\s*"),
)
_BEHIND_THE_MESSAGE = (
    "\n\nDetected at node",
    "\n\nStack trace for op definition",
    "\n\nOriginal stack trace",
    "\n\nArguments received by ",
)
_NODE = re.compile(r"\s*\[\[\{\{node .*")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def exception_facts(error: BaseException, finder: SiteFinder) -> ExceptionFacts:
    """Type, message and the user's part of the traceback."""
    frames = list(_user_frames(error.__traceback__, finder))
    lines = ["Traceback (most recent call last):"] if frames else []
    for span, function, filename, line in frames:
        lines.append(f'  File "{span.file}", line {line}, in {function}')
        text = linecache.getline(filename, line).strip()
        if text:
            lines.append(f"    {text}")
    message = short_message(error)
    lines.append(f"{type(error).__name__}: {message}" if message else type(error).__name__)
    site = None
    if frames:
        spans = [span for span, *_ in reversed(frames)]
        site = CallSite(spans[0], frames[-1][1], tuple(spans[1:]))
    elif isinstance(error, SyntaxError) and error.lineno:
        site = _syntax_site(error)
    return ExceptionFacts(type(error).__name__, message, "\n".join(lines), site)


def short_message(error: BaseException) -> str:
    """The message without TensorFlow's and Keras's internal stacks, what happened first."""
    text = _COLOURS.sub("", str(error)).strip()
    in_graph = text.startswith("Graph execution error:")
    for pattern in _BEFORE_THE_MESSAGE:
        text = pattern.sub("", text, count=1).strip() or text
    for marker in _BEHIND_THE_MESSAGE:
        text = text.partition(marker)[0]
    if in_graph:
        parts = [_NODE.sub("", line).rstrip() for line in text.splitlines() if not _is_stack_line(line)]
        text = "\n".join(part for part in parts if part) or text
    lines = [line for line in text.splitlines() if not line.strip().startswith("[Op:")]
    if len(lines) > _MAX_MESSAGE_LINES:
        lines = [*lines[:_MAX_MESSAGE_LINES], "…"]
    return "\n".join(lines)[:_MAX_MESSAGE]


def _is_stack_line(line: str) -> bool:
    text = line.strip()
    return text.startswith(('File "', "Detected at node", "defined at (most recent", "<stack traces unavailable>"))


def _user_frames(traceback: TracebackType | None, finder: SiteFinder) -> Iterator[tuple[SourceSpan, str, str, int]]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if finder.is_users(traceback.tb_frame):
            span = finder.span_at(code, traceback.tb_lasti)
            if span is not None:
                yield span, function_name(code), code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _syntax_site(error: SyntaxError) -> CallSite | None:
    if error.lineno is None or error.filename is None:
        return None
    column = error.offset or 1
    end_line, end_column = error.end_lineno or error.lineno, error.end_offset or column
    return CallSite(SourceSpan(error.filename, error.lineno, column, end_line, max(end_column, 1)))
