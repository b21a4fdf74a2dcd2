"""``dlfix suggest`` and ``dlfix diagnose``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .cli_output import Format, exit_code, open_report, shown, write_file, write_result

_Duration = typer.Option(metavar="DURATION", help="Wall-clock time for everything: 90s, 5m, 1h. Default 5m.")
_ProbeTime = typer.Option(metavar="DURATION", help="Of that, at most this for the probe run. Default 40 %.")
_ProbeBudget = typer.Option(metavar="SHARE", help="Share of the training time that watching may cost. Default 3%.")
_Seed = typer.Option(metavar="N", help="First seed; trials use it and those that follow. Default 0.")
_Arguments = typer.Argument(metavar="ARGS", show_default=False, help="The script's own arguments, after --.")
_Resume = typer.Option(
    "--resume/--fresh", show_default=False, help="Answer from an identical earlier run? Default: no (--fresh)."
)
_Format = typer.Option("--format", help="Form of the result on stdout. Default text.", show_default=False)
_Output = typer.Option("--output", "-o", metavar="FILE", help="Write the result to FILE instead of stdout.")
_Html = typer.Option(metavar="FILE", help="Write the HTML report to FILE as well.")
_Open = typer.Option("--open", help="Show the HTML report in the browser.")
_ExitZero = typer.Option("--exit-zero", help="Exit 0 even if faults were found.")
_Quiet = typer.Option("--quiet", "-q", help="No progress on stderr.")
_Verbose = typer.Option("--verbose", "-v", help="More detail on stderr, and tracebacks of bugs in dlfix.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(short_help="Find what is wrong and prove patches for it.")(suggest)
    app.command(short_help="Find what is wrong, without patches and trials.")(diagnose)


def suggest(  # noqa: PLR0917 - a command line has as many options as it has
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="The script that trains the model.")],
    arguments: Annotated[list[str] | None, _Arguments] = None,
    budget: Annotated[str | None, _Duration] = None,
    probe_time: Annotated[str | None, _ProbeTime] = None,
    probe_budget: Annotated[str | None, _ProbeBudget] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="At most this many epochs per trial.")] = None,
    repeats: Annotated[int | None, typer.Option(metavar="N", help="Seeds per proven patch. Default 3.")] = None,
    seed: Annotated[int | None, _Seed] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Trials at the same time. Default: by cores.")] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rank by this metric of the script instead of by skill.")
    ] = None,
    direction: Annotated[
        str | None, typer.Option(metavar="max|min", help="Whether more of --metric is better.")
    ] = None,
    select: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Use this rule only (repeatable).")] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Leave this rule out (repeatable).")] = None,
    max_patches: Annotated[int | None, typer.Option(metavar="N", help="Try at most this many patches.")] = None,
    no_validate: Annotated[bool, typer.Option("--no-validate", help="Propose patches without trying them.")] = False,
    rules: Annotated[list[Path] | None, typer.Option(metavar="FOLDER", help="Rules of your own (repeatable).")] = None,
    rule_order: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another order of the rules, fitted to outcomes of your own.")
    ] = None,
    resume: Annotated[bool, _Resume] = False,
    form: Annotated[Format | None, _Format] = None,
    output: Annotated[Path | None, _Output] = None,
    html: Annotated[Path | None, _Html] = None,
    open_: Annotated[bool, _Open] = False,
    exit_zero: Annotated[bool, _ExitZero] = False,
    quiet: Annotated[bool, _Quiet] = False,
    verbose: Annotated[bool, _Verbose] = False,
) -> int:
    """Find what is wrong with a training script and prove patches for it.

    Runs SCRIPT under probes, localizes the faulty layer or hyperparameter, retrains patched copies for a short while
    and prints the patches that are proven to help. Your files are not changed; `dlfix apply N` writes a patch.
    """
    options: dict[str, Any] = {
        "budget": budget,
        "probe_time": probe_time,
        "probe_budget": probe_budget,
        "epochs": epochs,
        "repeats": repeats,
        "seed": seed,
        "jobs": jobs,
        "metric": metric,
        "direction": direction,
        "select": _split(select),
        "ignore": _split(ignore),
        "max_patches": max_patches,
        "validate": False if no_validate else None,
        "rules": tuple(rules or ()),
        "rule_order": rule_order,
        "format": form.value if form else None,
        "exit_zero": exit_zero or None,
    }
    return _run(
        script, arguments, options, trials=True, resume=resume, output=output, html=html, open_=open_, quiet=quiet,
        verbose=verbose,
    )  # fmt: skip


def diagnose(  # noqa: PLR0917
    script: Annotated[
        Path, typer.Argument(metavar="SCRIPT", help="The script that trains the model, or a saved trace or run.")
    ],
    arguments: Annotated[list[str] | None, _Arguments] = None,
    budget: Annotated[str | None, _Duration] = None,
    probe_time: Annotated[str | None, _ProbeTime] = None,
    probe_budget: Annotated[str | None, _ProbeBudget] = None,
    seed: Annotated[int | None, _Seed] = None,
    resume: Annotated[bool, _Resume] = False,
    form: Annotated[Format | None, _Format] = None,
    output: Annotated[Path | None, _Output] = None,
    html: Annotated[Path | None, _Html] = None,
    open_: Annotated[bool, _Open] = False,
    exit_zero: Annotated[bool, _ExitZero] = False,
    quiet: Annotated[bool, _Quiet] = False,
    verbose: Annotated[bool, _Verbose] = False,
) -> int:
    """Find what is wrong with a training script, without patches and trials.

    SCRIPT may also be the folder of a saved trace or run, which is diagnosed again without training.
    """
    options: dict[str, Any] = {
        "budget": budget,
        "probe_time": probe_time,
        "probe_budget": probe_budget,
        "seed": seed,
        "format": form.value if form else None,
        "exit_zero": exit_zero or None,
    }
    return _run(
        script, arguments, options, trials=False, resume=resume, output=output, html=html, open_=open_, quiet=quiet,
        verbose=verbose,
    )  # fmt: skip


def _run(
    script: Path,
    arguments: list[str] | None,
    options: dict[str, Any],
    *,
    trials: bool,
    resume: bool,
    output: Path | None,
    html: Path | None,
    open_: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    from . import pipeline
    from .progress import progress_view
    from .settings import resolve_settings

    resolved = resolve_settings(options, near=script)
    with progress_view(sys.stderr, quiet=quiet, color="NO_COLOR" not in os.environ) as progress:
        completed = pipeline.run(
            pipeline.Request(
                source=script,
                resolved=resolved,
                arguments=tuple(arguments or ()),
                trials=trials,
                resume=resume,
                command=("dlfix", *sys.argv[1:]),
                progress=progress,
            )
        )
    result, folder = completed.result, completed.folder
    if html is not None and folder.report_file.is_file():
        write_file(html, folder.report_file.read_text(encoding="utf-8"))
    write_result(result, Format(resolved.settings.format), output, verbose=verbose, report=shown(folder.report_file))
    if verbose:
        print(f"dlfix: everything of this run is in {shown(folder.path)}", file=sys.stderr)
    if open_:
        open_report(folder)
    return exit_code(result, exit_zero=resolved.settings.exit_zero)


def _split(words: list[str] | None) -> tuple[str, ...]:
    """``--select a,b`` and ``--select a --select b`` mean the same."""
    return tuple(part.strip() for word in words or () for part in word.split(",") if part.strip())
