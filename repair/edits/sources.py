"""The project's source files as the edits see them: exact bytes, decoded text, and a LibCST tree with positions."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import libcst as cst
from libcst.metadata import Assignment, MetadataWrapper, ParentNodeProvider, PositionProvider, Scope, ScopeProvider

from ...diagnose.source import SourceSpan
from .errors import EditNotApplicable

_NEWLINE = re.compile(r"\r\n?|\n")
_BOM = b"\xef\xbb\xbf"


class SourceError(EditNotApplicable):
    """A source file cannot be read, decoded or parsed."""


class SourceFile:
    """One file: its bytes, its text and its syntax tree. Offsets count characters of ``text``.

    Attributes:
        path: POSIX path relative to the project root.
        data: The bytes as they are on disk.
        encoding: As declared by the coding cookie, UTF-8 without one.
        text: The decoded text without a byte order mark, line ends untouched.
        newline: The line end that the file uses most.
    """

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self._bom = _BOM if data.startswith(_BOM) else b""
        try:
            self.encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            self.encoding = self.encoding.removesuffix("-sig")
            self.text = data[len(self._bom) :].decode(self.encoding)
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            raise SourceError(
                f"{path} cannot be decoded: {error}. Save it as UTF-8 or declare its encoding."
            ) from error
        counts = {"\n": 0, "\r\n": 0, "\r": 0}
        self._line_starts = [0]
        for match in _NEWLINE.finditer(self.text):
            counts[match.group()] += 1
            self._line_starts.append(match.end())
        self.newline = max(counts, key=lambda end: counts[end])

    def encode(self, text: str) -> bytes:
        """Encode a changed text the way the file was encoded."""
        try:
            return self._bom + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise EditNotApplicable(
                f"{self.path} is encoded as {self.encoding}, which has no {error.object[error.start]!r}"
            ) from error

    @cached_property
    def _wrapper(self) -> MetadataWrapper:
        try:
            return MetadataWrapper(cst.parse_module(self.text), unsafe_skip_copy=True)
        except (cst.ParserSyntaxError, RecursionError) as error:
            message = error.message if isinstance(error, cst.ParserSyntaxError) else "it is nested too deeply"
            place = f":{error.raw_line}" if isinstance(error, cst.ParserSyntaxError) else ""
            raise SourceError(f"{self.path}{place} cannot be parsed: {message.strip().splitlines()[0]}") from error

    @property
    def module(self) -> cst.Module:
        """The syntax tree. Raises ``SourceError`` when the file cannot be parsed."""
        return self._wrapper.module

    @cached_property
    def _positions(self) -> dict[cst.CSTNode, tuple[int, int]]:
        starts = self._line_starts
        found = {
            node: (starts[p.start.line - 1] + p.start.column, self._clip(p.end.line, p.end.column))
            for node, p in self._wrapper.resolve(PositionProvider).items()
        }
        for node in found:  # the parentheses of a tuple are part of it
            if isinstance(node, (cst.Tuple, cst.GeneratorExp)) and node.lpar:
                found[node] = (found[node.lpar[-1]][0], found[node.rpar[0]][1])
        return found

    def _clip(self, line: int, column: int) -> int:
        if line > len(self._line_starts):  # a module without newline at its end is reported as one line longer
            return len(self.text)
        return min(self._line_starts[line - 1] + column, len(self.text))

    @cached_property
    def _parents(self) -> dict[cst.CSTNode, cst.CSTNode]:
        return dict(self._wrapper.resolve(ParentNodeProvider))

    def start(self, node: cst.CSTNode) -> int:
        """Offset of a node's first character, its own parentheses not counted."""
        return self._positions[node][0]

    def end(self, node: cst.CSTNode) -> int:
        """Offset behind a node's last character, its own parentheses not counted."""
        return self._positions[node][1]

    def outer(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end of an expression together with its own parentheses."""
        left = getattr(node, "lpar", ())
        right = getattr(node, "rpar", ())
        start = self.start(left[0]) if isinstance(left, (list, tuple)) and left else self.start(node)
        end = self.end(right[-1]) if isinstance(right, (list, tuple)) and right else self.end(node)
        return start, end

    def code(self, node: cst.CSTNode) -> str:
        """A node's text as it stands in the file."""
        return self.text[self.start(node) : self.end(node)]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node around this one, None for the module."""
        return self._parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """All nodes around this one, innermost first."""
        current = self._parents.get(node)
        while current is not None:
            yield current
            current = self._parents.get(current)

    @cached_property
    def _scopes(self) -> dict[cst.CSTNode, Scope | None]:
        return dict(self._wrapper.resolve(ScopeProvider))

    def scope(self, node: cst.CSTNode) -> Scope | None:
        """The scope that a node is evaluated in."""
        return self._scopes.get(node)

    def assignments(self, name: str, at: cst.CSTNode) -> list[Assignment]:
        """Everything in this file that binds a name as it is seen from a node, in the order of the text."""
        scope = self.scope(at)
        found = [item for item in (scope[name] if scope is not None else ()) if isinstance(item, Assignment)]
        return sorted(found, key=lambda item: self.start(item.node))

    @cached_property
    def nodes(self) -> tuple[cst.CSTNode, ...]:
        """Every node in the order of the text, outer ones before those inside."""
        found = [
            node for node in self._positions if not isinstance(node, (cst.BaseParenthesizableWhitespace, cst.Module))
        ]
        return tuple(sorted(found, key=lambda node: (self.start(node), -self.end(node))))

    @cached_property
    def calls(self) -> tuple[cst.Call, ...]:
        """Every call expression in the order of the text."""
        return tuple(node for node in self.nodes if isinstance(node, cst.Call))

    @cached_property
    def names(self) -> tuple[cst.Name, ...]:
        """Every identifier in the order of the text."""
        return tuple(node for node in self.nodes if isinstance(node, cst.Name))

    def offset(self, line: int, column: int) -> int:
        """Offset of a place whose line and column are counted from 1."""
        if not 1 <= line <= len(self._line_starts):
            raise EditNotApplicable(f"{self.path} has no line {line}; it changed since it was run")
        return self._line_starts[line - 1] + column - 1

    def span(self, start: int, end: int) -> SourceSpan:
        """The source span of a range of offsets."""
        line, column = self._place(start)
        end_line, end_column = self._place(end)
        return SourceSpan(self.path, line, column, end_line, end_column)

    def _place(self, offset: int) -> tuple[int, int]:
        low, high = 0, len(self._line_starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._line_starts[middle] <= offset else (low, middle)
        return low + 1, offset - self._line_starts[low] + 1

    def line_start(self, offset: int) -> int:
        """Offset of the first character of the line that holds ``offset``."""
        return self._line_starts[self._place(offset)[0] - 1]

    def next_line(self, offset: int) -> int:
        """Offset of the first character of the line after that of ``offset`` (the text's end if it is the last)."""
        line = self._place(offset)[0]
        return self._line_starts[line] if line < len(self._line_starts) else len(self.text)

    def indentation(self, offset: int) -> str:
        """The white space that the line of ``offset`` begins with."""
        start = self.line_start(offset)
        match = re.compile(r"[ \t\f]*").match(self.text, start)
        return match.group() if match else ""

    def place(self, node: cst.CSTNode) -> str:
        """``file:line`` of a node, for messages."""
        return f"{self.path}:{self._place(self.start(node))[0]}"

    def find_call(self, span: SourceSpan) -> cst.Call:
        """Find the call expression at a span.

        The interpreter reports a method call that spreads over lines from the line of its attribute on, so the end
        decides when no call has exactly this extent.
        """
        start, end = self.offset(span.line, span.column), self.offset(span.end_line, span.end_column)
        exact = [call for call in self.calls if (self.start(call), self.end(call)) == (start, end)]
        if exact:
            return exact[0]
        around = [
            call for call in self.calls if self.end(call) == end and self.start(call) <= start <= self.end(call.func)
        ]
        if not around:
            raise EditNotApplicable(f"no call expression stands at {span}; the file changed since it was run")
        return min(around, key=lambda call: self.end(call) - self.start(call))


class SourceFiles:
    """Source files of one project, read at most once. Paths are POSIX paths relative to the project root."""

    def __init__(self, root: Path, files: Iterable[SourceFile] = ()) -> None:
        self.root = root
        self._files = {file.path: file for file in files}

    @classmethod
    def read(cls, project_root: Path, paths: Iterable[str] = ()) -> SourceFiles:
        """Read files of a project; others are read when an edit asks for them.

        Args:
            project_root: Directory that the paths are relative to.
            paths: Project-relative POSIX paths.
        """
        sources = cls(Path(project_root))
        for path in paths:
            sources[path]
        return sources

    @classmethod
    def from_texts(cls, texts: dict[str, str | bytes]) -> SourceFiles:
        """Make a project from texts that are in memory.

        >>> SourceFiles.from_texts({"train.py": "x = 1"})["train.py"].text
        'x = 1'
        """
        data = {path: text if isinstance(text, bytes) else text.encode() for path, text in texts.items()}
        return cls(Path(), (SourceFile(path, content) for path, content in data.items()))

    def __getitem__(self, path: str) -> SourceFile:
        if path not in self._files:
            self._files[path] = SourceFile(path, self._load(path))
        return self._files[path]

    def __iter__(self) -> Iterator[SourceFile]:
        return iter(self._files.values())

    def _load(self, path: str) -> bytes:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise EditNotApplicable(f"{path} is outside of the project, so it is not changed")
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
