"""The part of the HTML report on patches: cards, curves before and after, coloured diffs, losers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ..result import Location, Result, SuggestionResult, SymptomResult, TrialResult
from . import charts, wording
from .diffs import DiffLine, FileDiff, parse_diff

_CHARTS_SHOWN = 3

#: Edits after which a metric of the same name measures something else: on another scale, or by another rule.
_NEW_LOSS = frozenset({"set-loss"})
_NEW_TARGETS = frozenset({"scale-targets", "encode-labels"})
_NEW_SHAPE = frozenset({"set-units", "encode-labels", "set-loss"})
_ERROR_METRICS = ("mae", "mse", "mape", "msle", "rmse", "error", "mean_")


@dataclass(frozen=True)
class ShownLine:
    kind: str
    text: str
    number: str = ""
    sign: str = ""


@dataclass(frozen=True)
class ShownFile:
    path: str
    lines: tuple[ShownLine, ...]


@dataclass(frozen=True)
class ShownDiff:
    """A diff to colour. ``raw``: the text of a diff that could not be read. ``cut``: lines left out."""

    files: tuple[ShownFile, ...]
    raw: str
    cut: int
    command: str


@dataclass(frozen=True)
class Card:
    suggestion: SuggestionResult
    before: str
    after: str
    gain: str
    interval: str
    symptoms: tuple[SymptomResult, ...]
    strip: charts.SkillStrip | None
    curves: tuple[charts.CurveChart, ...]
    more_curves: tuple[charts.CurveChart, ...]
    incomparable: tuple[tuple[str, tuple[str, ...]], ...]  # reason, metrics
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    troubles: tuple[str, ...]
    seconds: str
    diff: ShownDiff | None


@dataclass(frozen=True)
class Loser:
    suggestion: SuggestionResult
    before: str
    after: str
    gain: str
    interval: str
    places: tuple[Location, ...]
    troubles: tuple[str, ...]
    diff: ShownDiff | None


@dataclass(frozen=True)
class SkillStrips:
    """Makes all skill strips of one report on one scale."""

    result: Result
    scale: charts.Scale

    def of(self, suggestion: SuggestionResult) -> charts.SkillStrip | None:
        before = suggestion.skill.baseline or self.result.baseline.skill
        rows = {"Before": before, "After": suggestion.skill.patched}
        if not any(wording.finite(value) is not None for value in suggestion.skill.patched):
            return None
        return charts.skill_strip(rows, self.result.reference, self.scale, suggestion)

    def baseline(self) -> charts.SkillStrip | None:
        if not any(wording.finite(value) is not None for value in self.result.baseline.skill):
            return None
        return charts.skill_strip({"This script": self.result.baseline.skill}, self.result.reference, self.scale)


def skill_strips(result: Result) -> SkillStrips:
    """The strips of a report, on a scale that holds everything they show."""
    values = [*result.baseline.skill, result.reference.trivial, result.reference.linear, result.reference.best]
    for suggestion in wording.offers(result):
        values += [*suggestion.skill.baseline, *suggestion.skill.patched]
    return SkillStrips(result, charts.skill_scale(values))


def patch_cards(result: Result, strips: SkillStrips, points: int, diff_lines: int) -> list[Card]:
    """One card per offered patch."""
    return [
        _card(
            result,
            suggestion,
            strips.of(suggestion),
            _curves(result, suggestion, f"patch-{number}", points),
            diff_lines,
        )
        for number, suggestion in enumerate(wording.offers(result), 1)
    ]


def _card(
    result: Result, suggestion: SuggestionResult, strip: charts.SkillStrip | None, curves: _Curves, diff_lines: int
) -> Card:
    return Card(
        suggestion=suggestion,
        **_skill_words(result, suggestion),
        symptoms=wording.symptoms_of(result, wording.faults_behind(result, suggestion)),
        strip=strip,
        curves=curves.drawn[:_CHARTS_SHOWN],
        more_curves=curves.drawn[_CHARTS_SHOWN:],
        incomparable=curves.incomparable,
        only_before=curves.only_before,
        only_after=curves.only_after,
        troubles=wording.bad_trials(suggestion),
        seconds=wording.seconds(sum(trial.seconds for trial in suggestion.trials)),
        diff=shown_diff(suggestion, diff_lines),
    )


def patch_losers(result: Result, diff_lines: int) -> list[Loser]:
    """One row per patch that was tried and did not help."""
    return [
        Loser(
            suggestion=suggestion,
            **_skill_words(result, suggestion),
            places=wording.where(suggestion),
            troubles=wording.bad_trials(suggestion),
            diff=shown_diff(suggestion, diff_lines),
        )
        for suggestion in wording.losers(result)
    ]


def _skill_words(result: Result, suggestion: SuggestionResult) -> dict[str, str]:
    skill = suggestion.skill
    return {
        "before": wording.skill(wording.mean(skill.baseline or result.baseline.skill)),
        "after": wording.skill(wording.mean(skill.patched)),
        "gain": "" if wording.finite(skill.gain) is None else wording.signed(skill.gain),
        "interval": f"90 % interval {wording.interval(skill.interval)}" if skill.interval else "",
    }


def shown_diff(suggestion: SuggestionResult, limit: int) -> ShownDiff | None:
    """A diff as lines with their numbers and signs, cut behind ``limit`` lines."""
    if not suggestion.diff.strip():
        return None
    command = f"dlfix show {suggestion.rank}"
    files = parse_diff(suggestion.diff)
    if not any(file.hunks for file in files):
        lines = suggestion.diff.split("\n")
        return ShownDiff((), "\n".join(lines[:limit]), max(0, len(lines) - limit), command)
    shown, left, total = [], limit, 0
    for file in files:
        if left > 0:
            shown.append(ShownFile(file.path, tuple(islice(_shown_lines(file), left))))
        lines_of_file = sum(len(hunk.lines) + 1 for hunk in file.hunks)
        total += lines_of_file
        left -= lines_of_file
    return ShownDiff(tuple(shown), "", max(0, total - limit), command)


def _shown_lines(file: FileDiff) -> Iterator[ShownLine]:
    for hunk in file.hunks:
        yield ShownLine("hunk", hunk.header)
        yield from map(_shown, hunk.lines)


def _shown(line: DiffLine) -> ShownLine:
    sign = {"added": "+", "removed": "-", "context": " ", "note": "\\"}[line.kind]
    place = line.new if line.new is not None else line.old
    text = line.text.rstrip("\r")
    return ShownLine(line.kind, wording.clean(text[:2000]), "" if place is None else str(place), sign)


@dataclass(frozen=True)
class _Curves:
    drawn: tuple[charts.CurveChart, ...]
    incomparable: tuple[tuple[str, tuple[str, ...]], ...]  # reason, metrics
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def _curves(result: Result, suggestion: SuggestionResult, key: str, points: int) -> _Curves:
    before = _per_metric(result.baseline.trials) or {
        name: [("the run as watched", ys)] for name, ys in result.metrics.items()
    }
    after = _per_metric(suggestion.trials)
    if not after:
        return _Curves((), (), (), ())
    drawn, after_only = [], []
    incomparable: dict[str, list[str]] = {}
    for name in sorted((name for name in before if name in after), key=_metric_order):
        reason = _why_incomparable(name, suggestion)
        if reason:
            incomparable.setdefault(reason, []).append(name)
            after_only.append((f"{name}, only after", name, _seed_curves("after", after[name])))
        else:
            drawn.append((name, name, [*_seed_curves("before", before[name]), *_seed_curves("after", after[name])]))
    charted = (
        charts.curve_chart(
            f"{key}-curve-{number}", title, curves, x_name="epoch", points=points, fraction=is_share(name)
        )
        for number, (title, name, curves) in enumerate((*drawn, *after_only), 1)
    )
    return _Curves(
        tuple(chart for chart in charted if chart is not None),
        tuple((reason, tuple(names)) for reason, names in incomparable.items()),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name not in before),
    )


def _per_metric(trials: Sequence[TrialResult]) -> dict[str, list[tuple[str, charts.Values]]]:
    metrics: dict[str, list[tuple[str, charts.Values]]] = {}
    for trial in trials:
        for name, values in trial.metrics.items():
            if values:
                metrics.setdefault(name, []).append((f"seed {trial.seed}", values))
    return metrics


def _seed_curves(side: str, series: Sequence[tuple[str, charts.Values]]) -> list[charts.Curve]:
    return [
        charts.Curve(side, f"s-{side} seed", range(1, len(values) + 1), values, f"{side}, {name}")
        for name, values in series
    ]


def _metric_order(name: str) -> tuple[bool, bool, str]:
    return (not name.startswith("val_"), name.removeprefix("val_") == "loss", name)


def is_share(name: str) -> bool:
    """Whether a metric usually lies between 0 and 1, and is drawn on that scale."""
    return any(part in name for part in ("acc", "auc", "precision", "recall", "f1"))


def _why_incomparable(name: str, suggestion: SuggestionResult) -> str | None:
    base = name.removeprefix("val_")
    edits = {edit.edit for edit in suggestion.edits}
    if base == "loss" or base.endswith("_loss"):
        if edits & _NEW_LOSS:
            return "the patch changes the loss function, so values before and after are on different scales."
        if edits & _NEW_TARGETS:
            return "the patch changes the targets, so values before and after are on different scales."
    if "acc" in base and edits & _NEW_SHAPE:
        return "Keras may compute it by another rule once loss, labels or output units change."
    if base.startswith(_ERROR_METRICS) and edits & _NEW_TARGETS:
        return "the patch changes the targets, so values before and after are in different units."
    return None


def metric_groups(names: Mapping[str, object]) -> dict[str, list[str]]:
    """Metrics with their validation twin, loss first: ``{"loss": ["loss", "val_loss"], ...}``."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: (name.removeprefix("val_") != "loss", name.startswith("val_"))):
        groups.setdefault(name.removeprefix("val_"), []).append(name)
    return groups
