"""Commands on saved runs: ``show``, ``apply``, ``report``, ``clean``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_output import Format, open_report, reader_may_leave, shown, stdout_console, write_file, write_result
from .errors import ExitCode, UsageError

if TYPE_CHECKING:
    from .result import Result, SuggestionResult
    from .runs import RunFolder

_Run = typer.Option("--run", metavar="ID", help="A run, or the beginning of its id. Default: the newest.")
_Number = typer.Argument(metavar="N", help="Rank of the suggestion.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(short_help="Show a suggestion, a whole result, or the settings.")(show)
    app.command(short_help="Write a suggestion into your files, or take it back.")(apply)
    app.command(short_help="Render a saved run again.")(report)
    app.command(short_help="Delete old runs.")(clean)


def show(
    number: Annotated[int | None, typer.Argument(metavar="[N]", help="Rank of the suggestion.")] = None,
    run: Annotated[str | None, _Run] = None,
    settings: Annotated[bool, typer.Option("--settings", help="Print the settings in force and their origin.")] = False,
    form: Annotated[Format, typer.Option("--format", help="Form of a whole result.")] = Format.TEXT,
) -> int:
    """Show suggestion N of a saved run: what it changes, why, what the trials said. Without N, the whole result."""
    if settings:
        return _show_settings()
    from .runs import find_run

    folder = find_run(run)
    result = folder.load_result()
    if number is None:
        write_result(result, form, None, report=shown(folder.report_file))
        return ExitCode.HEALTHY
    from .views.terminal import render_suggestion

    suggestion = find_suggestion(result, number, folder)
    with reader_may_leave():
        render_suggestion(suggestion, result, stdout_console())
        sys.stdout.flush()
    return ExitCode.HEALTHY


def _show_settings() -> int:
    from .settings import resolve_settings

    resolved = resolve_settings()
    values = resolved.as_dict()
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:<{width}} = {json.dumps(value)}  # {resolved.origins[name]}")
    return ExitCode.HEALTHY


def apply(
    number: Annotated[int | None, _Number] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Print the diff and write nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last applied suggestion (or N) back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    run: Annotated[str | None, _Run] = None,
) -> int:
    """Write suggestion N into your files, exactly as it was tried. Refused if a file has changed since."""
    from .applying import apply_suggestion, undo_last
    from .runs import find_run

    if undo:
        for line in undo_last(run, number):
            print(line)
        return ExitCode.HEALTHY
    if number is None:
        raise UsageError("no-number", "apply needs the rank of a suggestion", "For example: dlfix apply 1")
    folder = find_run(run)
    result = folder.load_result()
    suggestion = find_suggestion(result, number, folder)
    if diff:
        sys.stdout.write(suggestion.diff)
        return ExitCode.HEALTHY
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        sys.stdout.write(suggestion.diff)
        if not typer.confirm(f"Apply “{suggestion.title}”?", default=True):
            print("Nothing was written.")
            return ExitCode.FAULTY
    for line in apply_suggestion(folder, result, suggestion):
        print(line)
    return ExitCode.HEALTHY


def report(
    run: Annotated[str | None, _Run] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the HTML report to FILE.")] = None,
    form: Annotated[Format | None, typer.Option("--format", help="Print the result in this form instead.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Print to FILE.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show the HTML report in the browser.")] = False,
) -> int:
    """Render a saved run again, without running anything."""
    from .runs import find_run

    folder = find_run(run)
    result = folder.load_result()
    if form is not None or output is not None:
        write_result(result, form or Format.TEXT, output, report=shown(folder.report_file))
        return ExitCode.HEALTHY
    from .views.html import render_html

    target = html or folder.report_file
    write_file(target, render_html(result))
    print(shown(target))
    if open_:
        open_report(folder)
    return ExitCode.HEALTHY


def clean(
    keep: Annotated[int, typer.Option(metavar="N", min=0, help="Keep the newest N runs.")] = 5,
) -> int:
    """Delete old runs from the nearest .dlfix folder, except those that apply --undo needs; say what that freed."""
    from .applying import applied_runs
    from .runs import existing_runs, folder_bytes, remove_runs

    removed, freed = remove_runs(keep, spare=applied_runs())
    left = existing_runs()
    size = sum(folder_bytes(run.path) for run in left)
    print(f"{_count(len(removed))} removed ({_size(freed)}), {_count(len(left))} kept ({_size(size)}).")
    return ExitCode.HEALTHY


def find_suggestion(result: Result, number: int, folder: RunFolder) -> SuggestionResult:
    """Return the suggestion with that rank.

    Raises:
        UsageError: There is none.
    """
    for suggestion in result.suggestions:
        if suggestion.rank == number:
            return suggestion
    ranks = [suggestion.rank for suggestion in result.suggestions]
    hint = f"It has suggestions {ranks[0]} to {ranks[-1]}." if ranks else "It has no suggestions."
    raise UsageError("no-such-suggestion", f"the run {folder.id} has no suggestion {number}", hint)


def _count(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
