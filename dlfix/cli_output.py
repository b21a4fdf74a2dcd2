"""Writing results where they belong: the result on stdout or in a file, everything else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ExitCode, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from .result import Result
    from .runs import RunFolder


class Format(StrEnum):
    """Forms of a result."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def exit_code(result: Result, *, exit_zero: bool = False) -> ExitCode:
    """Return what ``suggest`` and ``diagnose`` end with; ``exit_zero`` forgives faults, not failures."""
    if result.interrupted:
        return ExitCode.INTERRUPTED
    if result.verdict == "error":
        return ExitCode.SCRIPT
    if result.verdict == "faulty":
        return ExitCode.HEALTHY if exit_zero else ExitCode.FAULTY
    return ExitCode.HEALTHY


def write_result(
    result: Result, form: Format, output: Path | None, *, verbose: bool = False, report: str | None = None
) -> None:
    """Write the result to a file, or to stdout if there is none.

    Args:
        report: Where the HTML report is, as text shows it.
    """
    if output is not None:
        write_file(output, _text(result, verbose, report) if form is Format.TEXT else _ended(render(result, form)))
        return
    with reader_may_leave():
        if form is Format.TEXT:
            from .views.terminal import render_terminal

            render_terminal(result, stdout_console(), verbose=verbose, report=report)
        else:
            sys.stdout.write(_ended(render(result, form)))
        sys.stdout.flush()


def render(result: Result, form: Format) -> str:
    """Return the result in a form that programs read."""
    if form is Format.SARIF:
        from .views.sarif import render_sarif

        return render_sarif(result)
    if form is Format.GITHUB:
        from .views.github import render_github

        return render_github(result)
    return result.to_json()


def _text(result: Result, verbose: bool, report: str | None) -> str:
    import io

    from rich.console import Console

    from .views.terminal import render_terminal

    buffer = io.StringIO()
    console = Console(file=buffer, width=100, no_color=True, force_terminal=False)
    render_terminal(result, console, verbose=verbose, report=report)
    return buffer.getvalue()


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def stdout_console() -> Console:
    """Return a console on stdout that leaves a closed pipe to ``reader_may_leave`` (rich would end the process)."""
    from rich.console import Console

    class StdoutConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return StdoutConsole(file=sys.stdout)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Whoever reads our output may have seen enough (``| head``); the exit code stays what it would have been."""
    try:
        yield
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_file(path: Path, text: str) -> None:
    """Write a file that the user named, as a whole or not at all.

    Raises:
        UsageError: It cannot be written.
    """
    from .diagnose.whole_files import write_atomically

    if not path.absolute().parent.is_dir():
        raise UsageError("unwritable", f"there is no folder {path.absolute().parent}", "Make it first.")
    try:
        write_atomically(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError("unwritable", f"{path} cannot be written: {error.strerror}", "Name another file.") from None


def open_report(folder: RunFolder) -> None:
    """Show the report in the browser, if there is one."""
    import webbrowser

    if not webbrowser.open(folder.report_file.absolute().as_uri()):
        print(f"dlfix: no browser could be started; the report is {shown(folder.report_file)}", file=sys.stderr)


def shown(path: Path) -> str:
    """Return a path as short as it can be from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.path.join("..", "..")) else relative  # noqa: PTH118 - text, not a path
