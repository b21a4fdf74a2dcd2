"""Words and numbers that all views share, so that a verdict or a place reads the same everywhere."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

from ..result import FaultResult, Location, Result, SuggestionResult, SymptomResult


@dataclass(frozen=True)
class VerdictWord:
    """How a verdict is shown besides its word. ``css`` and ``icon`` are names in the report's styles and icon set."""

    word: str
    glyph: str
    css: str
    icon: str
    style: str
    meaning: str


_VERDICT_WORDS = (
    VerdictWord("fixed", "✔", "fixed", "check", "bold green", "Improved, and now as good as the data allow."),
    VerdictWord(
        "improved",
        "▲",
        "improved",
        "up",
        "bold cyan",
        "Over at least three seeds, the 90 % interval of the gain lies clearly above zero.",
    ),
    VerdictWord("no change", "=", "same", "equal", "default", "The trials cannot tell its effect from none."),
    VerdictWord("worse", "▼", "worse", "down", "yellow", "It costs skill."),
    VerdictWord("failed", "✘", "failed", "cross", "bold red", "Every trial crashed, timed out or diverged."),
    VerdictWord(
        "untested", "?", "untested", "question", "bold", "Not proven: not retrained, or promising on too few seeds."
    ),
)
VERDICTS = {entry.word: entry for entry in _VERDICT_WORDS}

GLOSSARY = (
    (
        "Skill",
        "How much better the model predicts than a trivial predictor: 0 is trivial, 1 is perfect, below 0 is worse "
        "than trivial. dlfix computes it from predictions and labels, on data that was held out where there was enough "
        "of it. It does not depend on the loss, metrics, label encoding or scaling that a patch may change.",
    ),
    (
        "Trial",
        "One short training of the script, patched or not, with one seed. Its state is completed, pruned (stopped "
        "early because others were clearly better), crashed, timed out or diverged.",
    ),
    ("Baseline", "The script as it is, trained under the same seeds, data split and budget as its patches."),
    (
        "Reference",
        "Quick scikit-learn learners fitted on the same data. They show what the data allows: trivial predicts the "
        "most frequent class or the mean, linear is a linear model, best is the best of all of them.",
    ),
    ("Symptom", "Something a check measured in the training run, with its value and the threshold it passed."),
    ("Fault", "A suspected cause: a layer or a hyperparameter, with the place in the source and a confidence."),
    *((f"Verdict “{entry.word}”", entry.meaning) for entry in _VERDICT_WORDS),
)

#: Direction-changing characters can make source read differently from what it says ("Trojan source"): spelt out.
_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{_BIDIRECTIONAL}]")


def clean(text: str) -> str:
    """Make text from a script safe to show: control characters become visible, lone surrogates are replaced."""
    return _UNSAFE.sub(_visible, text.replace("\r\n", "\n"))


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"\\u{code:04x}" if character in _BIDIRECTIONAL else "\ufffd"


def one_line(text: str, limit: int | None = None) -> str:
    """The text on one line, cut with an ellipsis behind ``limit`` characters."""
    line = " ".join(clean(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


def shortened(text: str, limit: int) -> str:
    """The text on one line, its middle left out behind ``limit`` characters: names often differ at their ends."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    tail = limit * 2 // 3
    return f"{line[: limit - tail - 1]}…{line[-tail:]}"


def finite(value: float | None) -> float | None:
    """The value, or None for what cannot be drawn or compared."""
    return None if value is None or not math.isfinite(value) else float(value)


def number(value: float | None) -> str:
    """Three significant digits, or ``n/a``."""
    if value is None or math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    size = abs(value)
    if size != 0 and (size < 1e-3 or size >= 1e6):
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"


def skill(value: float | None) -> str:
    """A skill with two digits; very poor ones (R² has no floor) without false precision."""
    value = finite(value)
    if value is None:
        return "n/a"
    if value <= -100:
        return number(value)
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def signed(value: float | None) -> str:
    """A gain, always with its sign."""
    text = skill(value)
    return text if text == "n/a" or text.startswith("-") else f"+{text}"


def interval(bounds: tuple[float, float] | None) -> str:
    """The interval of a gain, or nothing."""
    return "" if bounds is None else f"{signed(bounds[0])} to {signed(bounds[1])}"


def seconds(value: float | None) -> str:
    """A duration as people say it: ``0.8 s``, ``14 s``, ``3 min 02 s``, ``1 h 05 min``."""
    value = finite(value)
    if value is None:
        return "n/a"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(amount: int, word: str, plural: str | None = None) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{amount:,} {word if amount == 1 else plural or word + 's'}"


def words(identifier: str) -> str:
    """An id as words: ``output_activation`` -> ``output activation``."""
    return one_line(identifier.replace("_", " ").replace("-", " "))


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of what is there."""
    present = [value for value in map(finite, values) if value is not None]
    return sum(present) / len(present) if present else None


def place(location: Location | None) -> str:
    """``file:line:column``, which editors and terminals open."""
    return "" if location is None else f"{one_line(location.file)}:{location.line}:{location.column}"


def script_name(result: Result) -> str:
    """The script relative to its project where possible, with forward slashes."""
    path = PurePath(result.script)
    if result.project_root:
        try:
            return path.relative_to(result.project_root).as_posix()
        except ValueError:
            pass
    return path.as_posix()


def headline(result: Result) -> str:
    """The verdict as one sentence."""
    if result.summary:
        return one_line(result.summary)
    name = one_line(PurePosixPath(script_name(result)).name)
    if result.verdict == "healthy":
        return f"No fault found in {name}."
    if result.verdict == "error":
        return f"{name} could not be diagnosed."
    if not result.faults:
        return f"{name} trains badly, but no cause could be named."
    return f"{count(len(result.faults), 'fault')} found in {name}."


def is_offer(suggestion: SuggestionResult) -> bool:
    """Whether a patch is offered, rather than listed among those that were tried and did not help."""
    return suggestion.verdict in ("fixed", "improved", "untested")


def offers(result: Result) -> tuple[SuggestionResult, ...]:
    """Patches that are offered, in their order."""
    return tuple(entry for entry in result.suggestions if is_offer(entry))


def losers(result: Result) -> tuple[SuggestionResult, ...]:
    """Patches that were tried and did not help, in their order."""
    return tuple(entry for entry in result.suggestions if not is_offer(entry))


def faults_behind(result: Result, suggestion: SuggestionResult) -> tuple[FaultResult, ...]:
    """The faults that a patch answers."""
    return tuple(fault for fault in result.faults if fault.kind in suggestion.fault_kinds)


def symptoms_of(result: Result, faults: Sequence[FaultResult]) -> tuple[SymptomResult, ...]:
    """The symptoms that speak for these faults, each once."""
    indices = dict.fromkeys(index for fault in faults for index in fault.symptoms)
    return tuple(result.symptoms[index] for index in indices if 0 <= index < len(result.symptoms))


def where(suggestion: SuggestionResult) -> tuple[Location, ...]:
    """The places a patch changes, each line once."""
    found: dict[tuple[str, int], Location] = {}
    for edit in suggestion.edits:
        if edit.location is not None:
            found.setdefault((edit.location.file, edit.location.line), edit.location)
    return tuple(found.values())


def subject(fault: FaultResult) -> str:
    """The layer or hyperparameter that a fault names."""
    parts = []
    if fault.layer is not None:
        parts.append(f"layer {fault.layer.index} “{one_line(fault.layer.name)}”")
    if fault.hyperparameter:
        parts.append(one_line(fault.hyperparameter))
    return ", ".join(parts) or "the script"


def bad_trials(suggestion: SuggestionResult) -> tuple[str, ...]:
    """Why trials did not complete, each reason once with its seeds."""
    reasons: dict[str, list[int]] = {}
    for trial in suggestion.trials:
        if trial.state != "completed":
            text = f"{trial.state}: {trial.reason}" if trial.reason else trial.state
            reasons.setdefault(one_line(text, 300), []).append(trial.seed)
    return tuple(f"{text} ({_seeds(seeds)})" for text, seeds in reasons.items())


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def first_offer(result: Result) -> SuggestionResult | None:
    """The first patch that ``dlfix apply`` would take."""
    return next((entry for entry in offers(result) if entry.applicability != "display-only"), None)


def task_text(result: Result) -> str:
    """What is to be learned, as a phrase."""
    task = result.task
    if task.text:
        return one_line(task.text).rstrip(".")
    return f"{words(task.kind)}, {task.classes} classes" if task.classes else words(task.kind)


def report_path(result: Result) -> str:
    """Where the run keeps its report, relative to the project; empty when nothing was kept."""
    return f".dlfix/runs/{one_line(result.run)}/report.html" if result.run else ""


def rerun_command(result: Result) -> str:
    """The command that makes this run again: as recorded, else put together from the settings."""
    recorded = result.settings.get("command_line")
    if isinstance(recorded, str) and recorded:
        return one_line(recorded)
    if isinstance(recorded, list | tuple) and recorded:
        return clean(shlex.join(map(str, recorded)))
    command = ["dlfix", str(result.settings.get("command", "suggest")), script_name(result)]
    for name in ("budget", "epochs", "repeats", "seed", "jobs", "metric", "direction", "max_patches"):
        value = result.settings.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            text = f"{value:g}s" if name == "budget" and not isinstance(value, str) else str(value)
            command += [f"--{name.replace('_', '-')}", text]
    for name in ("select", "ignore"):
        value = result.settings.get(name)
        if isinstance(value, list | tuple):
            command += [part for entry in value for part in (f"--{name}", str(entry))]
    if result.arguments:
        command += ["--", *result.arguments]
    return clean(shlex.join(command))
