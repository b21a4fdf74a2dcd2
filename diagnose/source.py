"""Places in the user's source: the link between what ran and what can be edited."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class SourceSpan:
    """The extent of one expression in one file.

    Attributes:
        file: POSIX path relative to the project root, or absolute for a file outside of it.
        line: First line, counted from 1.
        column: First character of the expression on that line, counted from 1 (characters, not bytes).
        end_line: Last line, counted from 1.
        end_column: Column just behind the last character, counted from 1.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class CallSite:
    """The call expression in the user's project that made an object or ran a step.

    Attributes:
        span: The innermost call expression inside the user's project.
        function: Name of the function whose body holds the call, ``<module>`` at top level.
        callers: Calls in the user's project that led there, innermost first, without ``span`` itself. They tell a layer
            made once from one made in a loop or a helper function.
    """

    span: SourceSpan
    function: str = "<module>"
    callers: tuple[SourceSpan, ...] = ()
