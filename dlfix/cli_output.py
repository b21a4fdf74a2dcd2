"""Writing results where they belong: the result on stdout or in a file, everything else on stderr."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ExitCode, UsageError

if TYPE_CHECKING:
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
    if form is Format.TEXT:
        _write_text(result, output, verbose, report)
        return
    text = render(result, form)
    text = text if text.endswith("\n") or not text else text + "\n"
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_file(output, text)


def render(result: Result, form: Format) -> str:
    """Return the result in a form that programs read."""
    if form is Format.SARIF:
        from .views.sarif import render_sarif

        return render_sarif(result)
    if form is Format.GITHUB:
        from .views.github import render_github

        return render_github(result)
    return result.to_json()


def _write_text(result: Result, output: Path | None, verbose: bool, report: str | None) -> None:
    from rich.console import Console

    from .views.terminal import render_terminal

    if output is None:
        render_terminal(result, Console(file=sys.stdout), verbose=verbose, report=report)
        sys.stdout.flush()
        return
    import io

    buffer = io.StringIO()
    render_terminal(
        result, Console(file=buffer, width=100, no_color=True, force_terminal=False), verbose=verbose, report=report
    )
    write_file(output, buffer.getvalue())


def write_file(path: Path, text: str) -> None:
    """Write a file that the user named, as a whole or not at all.

    Raises:
        UsageError: It cannot be written.
    """
    from .runs import write_atomically

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
