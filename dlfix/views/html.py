"""The HTML report: one file that is complete in itself, from a result.

Everything shown stands in the result; what is computed here is geometry (see ``charts`` and ``graph``) and selection.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ..result import CheckResult, Result, TrialResult
from . import wording
from .html_model import model_section
from .html_patches import Card, Loser, patch_cards, patch_losers, skill_strips
from .html_training import training_charts

#: A report stays below this, so that it opens anywhere and passes mail filters.
BYTES_AT_MOST = 1_000_000


@dataclass(frozen=True)
class Detail:
    """How much of the long things a report holds.

    Attributes:
        layer_rows: Rows in each table of layers.
        island: Whether the result document itself is embedded.
    """

    curve_points: int
    spark_points: int
    diff_lines: int
    layer_rows: int
    island: bool


_DETAILS = (
    Detail(curve_points=150, spark_points=40, diff_lines=400, layer_rows=1000, island=True),
    Detail(curve_points=150, spark_points=30, diff_lines=400, layer_rows=500, island=False),
    Detail(curve_points=60, spark_points=16, diff_lines=120, layer_rows=60, island=False),
    Detail(curve_points=30, spark_points=8, diff_lines=24, layer_rows=12, island=False),
)

_WORDS_FOR = {"None": "not set", "True": "yes", "False": "no"}

_CHECK_GROUPS = (
    # status, title, icon, open at first, without reasons
    ("fired", "Fired", "fault", True, False),
    ("failed", "Could not run, a bug in dlfix", "cross", True, False),
    ("passed", "Passed", "check", False, True),
    ("not applicable", "Not applicable", "none", False, False),
)


@dataclass(frozen=True)
class CheckGroup:
    status: str
    title: str
    icon: str
    open: bool
    terse: bool
    entries: tuple[CheckResult, ...]


def render_html(result: Result) -> str:
    """Render a result as a self-contained HTML page of at most one megabyte.

    Example:
        >>> from dlfix.result import Result
        >>> page = render_html(Result(dlfix="0.1.0", script="train.py", verdict="healthy"))
        >>> page.startswith("<!doctype html>")
        True
    """
    page = ""
    for detail in _details_for(result):
        page = _render(result, detail)
        if len(page.encode()) <= BYTES_AT_MOST:
            break
    return page


def _details_for(result: Result) -> tuple[Detail, ...]:
    """The levels worth trying: a model with very many layers cannot fit with all its rows."""
    layers = len(result.model.layers) if result.model is not None else 0
    return _DETAILS if layers <= _DETAILS[1].layer_rows else _DETAILS[2:]


def _render(result: Result, detail: Detail) -> str:
    template = _environment().get_template("report.html.jinja")
    return template.render(result=result, page=_page(result, detail))


def _page(result: Result, detail: Detail) -> dict[str, Any]:
    strips = skill_strips(result)
    cards = patch_cards(result, strips, detail.curve_points, detail.diff_lines)
    losers = patch_losers(result, detail.diff_lines)
    script = _asset("copy.js")
    page: dict[str, Any] = {
        "created": _created(result.created),
        "headline": wording.headline(result),
        "script_name": wording.script_name(result),
        "task": wording.task_text(result),
        "facts": _key_facts(result),
        "first": wording.first_offer(result),
        "cards": cards,
        "any_tested": any(card.suggestion.verdict != "untested" for card in cards),
        "losers": losers,
        "shows_patches": bool(cards or losers),
        "error": result.error or result.exception,
        "traceback": _tail(result.exception.traceback if result.exception else ""),
        "baseline_strip": strips.baseline(),
        "model": model_section(result, detail.spark_points, detail.layer_rows),
        "training": training_charts(result, detail.curve_points),
        "faults": [{"fault": fault, "subject": wording.subject(fault)} for fault in result.faults],
        "checks": _check_groups(result),
        "tables": _tables(result),
        "rerun": wording.rerun_command(result),
        "glossary": wording.GLOSSARY,
        "styles": Markup(_asset("report.css")),
        "script": Markup(script),
        "script_hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "island": _island(result) if detail.island else None,
    }
    page["sections"] = _sections(result, page, cards, losers)
    return page


def _key_facts(result: Result) -> list[tuple[str, str, str]]:
    facts = []
    if any(wording.finite(value) is not None for value in result.baseline.skill):
        scored = sum(wording.finite(value) is not None for value in result.baseline.skill)
        basis = [wording.count(scored, "seed")]
        basis += [f"by {wording.words(result.baseline.metric)}"] if result.baseline.metric else []
        basis += [f"on {wording.words(result.baseline.split)} data"] if result.baseline.split else []
        facts.append(("Skill as it is", wording.skill(wording.mean(result.baseline.skill)), ", ".join(basis)))
    if wording.finite(result.reference.best) is not None:
        linear = f"linear model {wording.skill(result.reference.linear)}"
        name = f"{wording.words(result.reference.best_name)}; {linear}" if result.reference.best_name else linear
        facts.append(("Best reference", wording.skill(result.reference.best), name))
    if result.faults:
        fault = result.faults[0]
        facts.append(
            ("Most likely cause", wording.words(fault.kind), wording.place(fault.location) or wording.subject(fault))
        )
    if result.cost.wall_seconds:
        trials = wording.count(result.cost.trials, "trial") if result.cost.trials else ""
        facts.append(("Time", wording.seconds(result.cost.wall_seconds), trials))
    return facts


def _check_groups(result: Result) -> list[CheckGroup]:
    known = {(check.check, check.status) for check in result.checks}
    checks = [*result.checks, *(check for check in result.checks_failed if (check.check, check.status) not in known)]
    named = {check.check for check in checks}
    fired = {symptom.check for symptom in result.symptoms}
    for name in result.checks_run:
        if name not in named:
            checks.append(CheckResult(check=name, status="fired" if name in fired else "passed"))
    groups = []
    for status, title, icon, opened, terse in _CHECK_GROUPS:
        entries = tuple(check for check in checks if check.status == status)
        if entries:
            is_open = opened or (status == "passed" and result.verdict == "healthy")
            groups.append(
                CheckGroup(status, title, icon, is_open, terse and not any(e.reason for e in entries), entries)
            )
    return groups


def _tables(result: Result) -> list[tuple[str, list[tuple[str, str]]]]:
    tables = (("Settings", result.settings), ("Environment", result.environment))
    return [(title, list(_flat(values))) for title, values in tables if values]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{name}", ", ".join(map(str, value)) or "none"
        else:
            yield f"{prefix}{name}", _WORDS_FOR.get(str(value), str(value))


def _sections(result: Result, page: Mapping[str, Any], cards: list[Card], losers: list[Loser]) -> list[tuple[str, str]]:
    sections = (
        ("error", "What happened", page["error"]),
        ("patches", "Patches", cards or losers),
        ("model", "Model", page["model"]),
        ("training", "Training", page["training"]),
        ("faults", "Faults", result.faults),
        ("symptoms", "Symptoms", result.symptoms),
        ("checks", "Checks", True),
        ("tried", "Did not help", losers),
        ("notes", "Notes", result.notes),
        ("run", "Cost and settings", True),
        ("glossary", "Glossary", True),
    )
    return [(key, title) for key, title, present in sections if present]


def _created(text: str) -> tuple[str, str]:
    """When the run was made, to read and to parse; what is no time is shown as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return wording.one_line(text, 40), ""
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".strip(), moment.isoformat()


def _tail(traceback: str, characters: int = 20_000) -> str:
    return traceback if len(traceback) <= characters else "[…]\n" + traceback[-characters:]


def _island(result: Result) -> Markup | None:
    """The result for programs, without the long series, so escaped that it cannot end its script element."""
    try:
        text = _without_series(result).model_dump_json(by_alias=True)
    except ValueError:  # text that is no valid Unicode, such as a lone surrogate in a file name
        return None
    compact = json.dumps(json.loads(text), ensure_ascii=True, separators=(",", ":"))
    return Markup(compact.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _without_series(result: Result) -> Result:
    def bare(trials: tuple[TrialResult, ...]) -> tuple[TrialResult, ...]:
        return tuple(trial.model_copy(update={"metrics": {}}) for trial in trials)

    changes: dict[str, object] = {
        "baseline": result.baseline.model_copy(update={"trials": bare(result.baseline.trials)}),
        "suggestions": tuple(s.model_copy(update={"trials": bare(s.trials)}) for s in result.suggestions),
    }
    if result.model is not None:
        layers = tuple(layer.model_copy(update={"series": {}}) for layer in result.model.layers)
        changes["model"] = result.model.model_copy(update={"layers": layers, "steps": ()})
    return result.model_copy(update=changes)


def _asset(name: str) -> str:
    return resources.files("dlfix.templates").joinpath(name).read_text("utf-8")


def _finalize(value: Any) -> Any:
    return wording.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _is_web_address(text: str) -> bool:
    return text.startswith(("https://", "http://")) and not any(character.isspace() for character in text)


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=_finalize,
        loader=FunctionLoader(_asset),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        line=lambda text, limit=None: wording.one_line(str(text), limit),
        words=wording.words,
        place=wording.place,
        skill=wording.skill,
        number=wording.number,
        seconds=wording.seconds,
        count=wording.count,
        percent=lambda share: "n/a" if wording.finite(share) is None else f"{share * 100:.0f} %",
        thousands=lambda amount: f"{amount:,}",
    )
    environment.tests["web_address"] = _is_web_address
    environment.globals["verdicts"] = wording.VERDICTS
    return environment
