"""The command line: parse, call one function of the library, render, exit. Commands import what is heavy themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from . import __version__, cli_knowledge, cli_run, cli_saved
from .cli_output import reader_may_leave
from .errors import DlfixError, ExitCode

#: The base of all that Typer raises for wrong usage; which package it comes from differs between versions of Typer.
_ParserError: type[Exception] = typer.BadParameter.__mro__[2]

# No rich help: it would take longer to import than everything else together, and --help is to answer at once.
app = typer.Typer(
    name="dlfix",
    help="Finds why a Keras model trains badly, proposes source patches and proves them by retraining.",
    epilog="Exit codes of suggest and diagnose: 0 no fault found, 1 fault found, 2 wrong usage, 3 the script failed, "
    "4 a bug in dlfix, 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
cli_run.register(app)
cli_saved.register(app)
cli_knowledge.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"dlfix {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(int(_guarded(arguments)))


def _guarded(arguments: Sequence[str]) -> int:
    """Return the exit code; whatever goes wrong becomes a message, never a traceback (unless -v asks for it)."""
    if sys.stdout is None:  # started with stdout closed
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process
    code: object = ExitCode.HEALTHY
    try:
        with reader_may_leave():
            code = app(args=list(arguments), prog_name="dlfix", standalone_mode=False)
            sys.stdout.flush()
    except _ParserError as error:
        error.show(file=sys.stderr)  # type: ignore[attr-defined]
        return ExitCode.USAGE
    except (typer.Abort, KeyboardInterrupt):
        print("dlfix: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except SystemExit:  # Typer ends so when the reader of a list has left; no command of ours does
        return ExitCode.HEALTHY
    except DlfixError as error:
        _print_error(error, _verbose(arguments))
        return error.exit_code
    except Exception as error:
        if _verbose(arguments):
            raise
        print(f"dlfix: a bug in dlfix: {type(error).__name__}: {error}", file=sys.stderr)
        print("  -v shows the traceback, which helps to mend it. Your files were not changed.", file=sys.stderr)
        return ExitCode.BUG
    return code if isinstance(code, int) else ExitCode.HEALTHY


def _verbose(arguments: Sequence[str]) -> bool:
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(argument in ("-v", "--verbose") for argument in own)


def _print_error(error: DlfixError, verbose: bool) -> None:
    if verbose and error.__cause__ is not None:
        import traceback

        traceback.print_exception(error.__cause__)
    print(f"dlfix: {error.what}", file=sys.stderr)
    for line in error.hint.splitlines():
        print(f"  {line}", file=sys.stderr)
    if error.exit_code is not ExitCode.BUG:
        print(f"  More: dlfix explain {error.slug}", file=sys.stderr)
