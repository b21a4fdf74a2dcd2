"""One suggestion on the terminal: what it changes, why, and what the trials said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.syntax import Syntax
from rich.text import Text

from .durations import format_duration

if TYPE_CHECKING:
    from rich.console import Console

    from .result import Result, SuggestionResult


def render_suggestion(result: Result, suggestion: SuggestionResult, console: Console) -> None:
    """Print one suggestion of a result."""
    console.print(Text(f"{suggestion.rank}  {suggestion.verdict}  {suggestion.title}", style="bold"))
    if suggestion.why:
        console.print(Text(suggestion.why))
    for fault in result.faults:
        if fault.kind in suggestion.fault_kinds:
            place = f"{fault.location.file}:{fault.location.line}: " if fault.location else ""
            console.print(Text(f"  {place}{fault.text or fault.kind}"))
    console.print()
    for line in _evidence(suggestion):
        console.print(Text(line))
    if suggestion.rules:
        console.print(Text(f"Rules: {', '.join(suggestion.rules)}"))
    if suggestion.cases:
        console.print(Text(f"Cases: {', '.join(suggestion.cases)}"))
    if suggestion.applicability != "safe":
        console.print(Text(f"Applicability: {suggestion.applicability}"))
    console.print()
    console.print(Syntax(suggestion.diff, "diff", background_color="default", word_wrap=False))
    if suggestion.applicability != "display-only":
        console.print(Text(f"Apply: dlfix apply {suggestion.rank}"))


def _evidence(suggestion: SuggestionResult) -> Iterator[str]:
    skill = suggestion.skill
    if suggestion.verdict == "untested":
        yield "It was not tried."
        return
    if skill.baseline and skill.patched:
        yield f"Skill before: {_values(skill.baseline)}   after: {_values(skill.patched)}"
    if skill.gain is not None:
        interval = f" ({skill.interval[0]:+.2f} to {skill.interval[1]:+.2f})" if skill.interval else ""
        yield f"Gain: {skill.gain:+.2f}{interval}"
    for trial in suggestion.trials:
        value = "no score" if trial.skill is None else f"skill {trial.skill:.2f}"
        reason = f": {trial.reason}" if trial.reason else ""
        time = format_duration(trial.seconds)
        yield f"  seed {trial.seed}: {trial.state}, {trial.epochs} epochs, {time}, {value}{reason}"


def _values(values: tuple[float | None, ...]) -> str:
    return ", ".join("-" if value is None else f"{value:.2f}" for value in values)
