"""The results as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from .judge import NOTHING_TO_GAIN
from .rows import BETTER_FIX, FAULTLESS, HEALTHY, UNHEALTHY

#: What the paper says of its own tool and of the best callback that Keras ships, of 40 bugs.
PUBLISHED = (
    ("DeepLocalize, as published", "34/40", "21/40"),
    ("best callback of Keras, as published", "32/40", "0/40"),
)
TITLES = {
    "dlfix": "dlfix",
    "deeplocalize": "DeepLocalize procedure",
    "terminate_on_nan": "TerminateOnNaN",
    "early_stopping_loss": "EarlyStopping on loss",
    "early_stopping_accuracy": "EarlyStopping on accuracy",
    "random": "random search",
}
_DETECTORS = tuple(tool for tool in TITLES if tool != "random")

Row = Mapping[str, Any]


def as_markdown(document: Mapping[str, Any]) -> str:
    """Render results.json."""
    found = document["rows"]
    cases: Sequence[Row] = found["cases"]
    lines = [
        "# Benchmark: the bugs of DeepLocalize, rebuilt",
        "",
        *_circumstances(document),
        "",
        "## Summary",
        "",
        *_summary(cases),
        "",
        *_false_alarms(found["healthy"]),
        "",
        "## Goals",
        "",
        *_goals(cases, found["healthy"]),
        "",
        "## Detection and localization",
        "",
        "Seconds are those of the whole command `dlfix diagnose`, its start included. With / without probe: one watched"
        " run of the script against one plain run, all included that the probe does before and after training; the"
        " cost per step is in [overhead](../overhead/results.md).",
        "",
        *_detection(cases),
        "",
        "## Repair",
        "",
        *_repairs(cases, document),
        "",
        "## Healthy programs",
        "",
        *_healthy(found["healthy"]),
        "",
        "## Misses",
        "",
        *_misses(cases, found["healthy"]),
        "",
    ]
    if found["not_rebuilt"]:
        lines += ["## Not rebuilt", "", *(f"- {case}: {_text(why)}" for case, why in found["not_rebuilt"].items()), ""]
    return "\n".join(lines)


def _circumstances(document: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    machine, seeds = document["machine"], document["seeds"]
    loads = sorted(record["load"] for record in document["records"].values()) or [0.0]
    lines = [
        f"{document['date']}, Python {document['python']}, {versions}; {machine['system']}, {machine['cores']} cores;"
        f" load average while it ran {loads[0]} to {loads[-1]}, median {loads[len(loads) // 2]}."
        f" Searches have a budget of {document['budget']}; patches are judged by {len(seeds)} trainings with seeds"
        f" {seeds[0]} to {seeds[-1]}, which no search uses. `python -m benchmarks.run --healthy` measures all of it"
        " again, and goes on where it was interrupted.",
    ]
    if document["stale"]:
        lines += ["", f"**{len(document['stale'])} of {len(document['records'])} runs are of an earlier state of their"
                  " program or tool; run it again.**"]  # fmt: skip
    return lines


# -- summary -------------------------------------------------------------------------------------------------------


def _groups(cases: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    counted = [row for row in cases if row["counted"]]
    genuine = [row for row in counted if row["genuine"] is not False]
    return [
        ("all rebuilt, as the paper counts", counted),
        ("rebuilt, with a fault by our audit", genuine),
        ("rebuilt, fault by our audit, and it shows in the stand-in", [row for row in genuine if row["shows_fault"]]),
    ]


def _summary(cases: Sequence[Row]) -> list[str]:
    lines = [
        "Localized: kind and place of a root cause or contributing fault are named first (top 1) or among the first"
        " three; in brackets with root causes only. DeepLocalize's procedure counts as localizing when it names a"
        " faulty layer. Repaired: the first suggestion reaches 0.95 of the better of the two reference gains,"
        " significantly over the seeds; cases where no reference gains anything are left out unless the suggestion"
        " does.",
        "",
        "| programs | tool | detected | localized, top 1 | top 3 | kind alone, top 3 | repaired |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, detected, localized in PUBLISHED:
        lines.append(f"| the 40 bugs, original data | {name} | {detected} | {localized} | | | |")
    for group, rows in _groups(cases):
        for tool, title in TITLES.items():
            own = [row["tools"][tool] for row in rows if tool in row["tools"]]
            if own:
                lines.append(f"| {group} | {title} | " + " | ".join(_counts(tool, own)) + " |")
    return lines


def _counts(tool: str, own: Sequence[Row]) -> list[str]:
    judged = [one["repair"]["state"] for one in own if "repair" in one]
    of_use = [state for state in judged if state != "nothing to gain"]
    repaired = _share(state == "repaired" for state in of_use) if judged else ""
    if tool == "random":
        return ["", "", "", "", repaired]
    detected = _share(one["detected"] for one in own)
    if tool != "dlfix":
        return [detected, _share(one["localized"] for one in own), "", "", ""]
    return [
        detected,
        f"{_share(one['top1'] for one in own)} ({sum(one['strict1'] for one in own)})",
        f"{_share(one['top3'] for one in own)} ({sum(one['strict3'] for one in own)})",
        _share(one["kind3"] for one in own),
        repaired,
    ]


def _false_alarms(healthy: Sequence[Row]) -> list[str]:
    lines = [
        "False alarms on programs in which nothing is wrong. What measurement shows to be unhealthy does not count:"
        " cases without a fault by our audit that a fix improves clearly, and better fixes that gain nothing over the"
        " buggy program or fall short of the published patch.",
        "",
        "| tool | cases without a fault | better fixes | other healthy programs | all | (unhealthy as measured) |",
        "|---|---|---|---|---|---|",
    ]
    for tool in _DETECTORS:
        own = [(row["group"], row["tools"][tool]["alarm"]) for row in healthy if tool in row["tools"]]
        if own:
            cells = [
                *(_share(alarm for group, alarm in own if group == one) for one in (FAULTLESS, BETTER_FIX, HEALTHY)),
                _share(alarm for group, alarm in own if group != UNHEALTHY),
                _share(alarm for group, alarm in own if group == UNHEALTHY),
            ]
            lines.append(_line([TITLES[tool], *cells]))
    return lines


def _goals(cases: Sequence[Row], healthy: Sequence[Row]) -> list[str]:
    """What the project set out to reach, next to what it reaches."""
    rows = [row for row in cases if row["counted"] and row["genuine"] is not False]
    own = [row["tools"]["dlfix"] for row in rows if "dlfix" in row["tools"]]
    judged = [(row, row["tools"]["dlfix"]["repair"]) for row in rows if "repair" in row["tools"].get("dlfix", {})]
    of_use = [(row, repair) for row, repair in judged if repair["state"] != "nothing to gain"]
    repaired = [repair["state"] == "repaired" for _, repair in of_use]
    both = [
        (repair["state"] == "repaired", row["tools"]["random"]["repair"]["state"] == "repaired")
        for row, repair in of_use
        if "random" in row["tools"]
    ]
    below = [row["case"] for row, repair in judged if _is_below_published(row, repair)]
    edits = [(repair["edits"], row["reference_edits"]) for row, repair in of_use if repair["state"] == "repaired"]
    silent = [
        not row["tools"]["dlfix"]["alarm"] for row in healthy if "dlfix" in row["tools"] and row["group"] != UNHEALTHY
    ]
    lines = [
        "Of the rebuilt programs with a fault by our audit, whether it shows in the stand-in or not; repairs, of those"
        " where there is anything to gain.",
        "",
        _line(["", "goal", "reached", "met"]),
        "|---|---|---|---|",
    ]
    for name, goal, values, least in (
        ("detected", "all but one", [one["detected"] for one in own], 1 - 1 / max(1, len(own))),
        ("localized, top 1", "85 %", [one["top1"] for one in own], 0.85),
        ("localized, top 3", "95 %", [one["top3"] for one in own], 0.95),
        ("repaired", "90 %", repaired, 0.9),
        ("silent on healthy programs", "97 %", silent, 0.97),
    ):
        if values:
            reached = sum(values) / len(values)
            lines.append(_line([name, goal, f"{_share(values)}, {reached:.0%}", _yes(reached >= least - 1e-9)]))
    if judged:
        lines.append(_line(["below the published patch", "none", ", ".join(below) or "none", _yes(not below)]))
    if both:
        reached, other = _share(mine for mine, _ in both), _share(its for _, its in both)
        fewer = sum(its for _, its in both) < sum(mine for mine, _ in both)
        lines.append(
            _line(["repaired by random search", "fewer", f"{other}; dlfix, of the same, {reached}", _yes(fewer)])
        )
    if edits:
        mine, published = median(one for one, _ in edits), median(its for _, its in edits)
        cell = f"{mine:g} against {published:g} of the published patches"
        lines.append(_line(["median edits of what repairs", "no more", cell, _yes(mine <= published)]))
    return lines


def _is_below_published(row: Row, own: Row) -> bool:
    """A missing suggestion is below a published patch that gains something."""
    if own["skill"] is not None:
        return own["not_below_published"] is False
    published, buggy = row["skill"]["published"], row["skill"]["buggy"]
    return published is not None and published - buggy > NOTHING_TO_GAIN


# -- one row per case ----------------------------------------------------------------------------------------------


def _detection(cases: Sequence[Row]) -> list[str]:
    baselines = [tool for tool in _DETECTORS[1:] if any(tool in row["tools"] for row in cases)]
    head = ["case", "genuine", "shows", "faults by our audit", "dlfix names", "detected", "top 1", "top 3", "seconds",
            "with / without probe", *(TITLES[tool] for tool in baselines)]  # fmt: skip
    lines = [_line(head), "|" + "---|" * len(head)]
    for row in cases:
        own = row["tools"].get("dlfix")
        cells = [
            row["case"],
            _genuine(row["genuine"]),
            _yes(row["shows_fault"]),
            "; ".join(row["faults"]),
            "" if own is None else "; ".join(own["said"]) or own["error"] or "–",
            *(["", "", ""] if own is None else [_yes(own[name]) for name in ("detected", "top1", "top3")]),
            "" if own is None else f"{own['seconds']:.0f}",
            "" if own is None or own["overhead"] is None else f"{own['overhead']:.2f}",
            *(_baseline(row["tools"].get(tool)) for tool in baselines),
        ]
        lines.append(_line(cells))
    return lines


def _baseline(own: Row | None) -> str:
    if own is None:
        return ""
    if own["error"]:
        return f"failed: {own['error'].splitlines()[-1]}"
    return f"yes{', localized' if own['localized'] else ''}: {own['said']}" if own["detected"] else "no"


def _repairs(cases: Sequence[Row], document: Mapping[str, Any]) -> list[str]:
    rows = [row for row in cases if any("repair" in one for one in row["tools"].values())]
    if not rows:
        return ["Not measured in this run."]
    head = ["case", "shows", "buggy", "published patch", "better fix", "dlfix' first suggestion", "its verdict",
            "skill", "repaired", "gain (interval)", "not below published", "edits / in the reference", "seconds",
            "random search: skill", "repaired", "edits"]  # fmt: skip
    lines = [f"Mean skill over {len(document['seeds'])} seeds: 0 trivial, 1 perfect.", "", _line(head),
             "|" + "---|" * len(head)]  # fmt: skip
    for row in rows:
        own = row["tools"].get("dlfix", {}).get("repair")
        other = row["tools"].get("random", {}).get("repair")
        cells = [row["case"], _yes(row["shows_fault"]), *(_number(value) for value in row["skill"].values())]
        cells += [""] * 8 if own is None else [
            own["title"] or "none", own["verdict"] or "", _number(own["skill"]), own["state"], _gain(own),
            _yes(own["not_below_published"]), f"{_whole(own['edits'])} / {row['reference_edits']}",
            f"{own['seconds']:.0f}",
        ]  # fmt: skip
        cells += [""] * 3 if other is None else [_number(other["skill"]), other["state"], _whole(other["edits"])]
        lines.append(_line(cells))
    return lines


def _healthy(healthy: Sequence[Row]) -> list[str]:
    if not healthy:
        return ["Not measured in this run."]
    tools = [tool for tool in _DETECTORS if any(tool in row["tools"] for row in healthy)]
    lines = [_line(["program", "", *(TITLES[tool] for tool in tools)]), "|" + "---|" * (2 + len(tools))]
    for row in healthy:
        cells = []
        for tool in tools:
            own = row["tools"].get(tool)
            if own is None:
                cells.append("")
            elif own["error"]:
                cells.append(f"failed: {own['error'].splitlines()[-1]}")
            else:
                cells.append(f"ALARM: {own['said']}" if own["alarm"] else "silent")
        lines.append(_line([row["program"], row["group"], *cells]))
    return lines


def _misses(cases: Sequence[Row], healthy: Sequence[Row]) -> list[str]:
    """Everything that dlfix gets wrong, case by case."""
    own = [(row, row["tools"]["dlfix"]) for row in cases if "dlfix" in row["tools"] and row["genuine"] is not False]
    kinds: list[tuple[str, Callable[[Row, Row], bool], Callable[[Row, Row], str]]] = [
        ("Not detected", lambda row, one: not one["detected"], lambda row, one: one["error"] or one["verdict"]),
        ("Detected, but not localized among the first three", lambda row, one: one["detected"] and not one["top3"],
         lambda row, one: f"says {'; '.join(one['said'])}, is {'; '.join(row['faults'])}"),
        ("Among the first three, but not first", lambda row, one: one["top3"] and not one["top1"],
         lambda row, one: f"says {'; '.join(one['said'])}, is {'; '.join(row['faults'])}"),
        ("Not repaired", lambda row, one: one.get("repair", {}).get("state") == "not repaired",
         lambda row, one: _unrepaired(row, one["repair"])),
    ]  # fmt: skip
    lines: list[str] = []
    for title, wrong, why in kinds:
        found = [f"- {row['case']}{_remark(row)}: {_text(why(row, one))}" for row, one in own if wrong(row, one)]
        lines += [f"**{title}** ({len(found)})", "", *(found or ["- none"]), ""]
    alarms = [row for row in healthy if row["tools"].get("dlfix", {}).get("alarm") and row["group"] != UNHEALTHY]
    named = [f"- {row['program']}: {_text(row['tools']['dlfix']['said'])}" for row in alarms]
    lines += [f"**False alarms** ({len(named)})", "", *(named or ["- none"]), ""]
    broken = [row for row in healthy if row["tools"].get("dlfix", {}).get("error")]
    if broken:
        named = [f"- {row['program']}: {_text(row['tools']['dlfix']['error'])}" for row in broken]
        lines += [f"**Healthy, but not diagnosed** ({len(named)})", "", *named, ""]
    return lines[:-1]


def _unrepaired(row: Row, own: Row) -> str:
    reference = max(value for name, value in row["skill"].items() if name != "buggy" and value is not None)
    if own["skill"] is None:
        return f"no suggestion that could be measured; the references reach {reference:.2f}"
    return (
        f"{own['title']} reaches {own['skill']:.2f}; buggy {_number(row['skill']['buggy'])}, references {reference:.2f}"
    )


def _remark(row: Row) -> str:
    return " (fault does not show in the stand-in)" if row["shows_fault"] is False else ""


# -- cells ---------------------------------------------------------------------------------------------------------


def _share(values: Iterable[bool]) -> str:
    found = list(values)
    return f"{sum(found)}/{len(found)}" if found else "–"


def _gain(own: Row) -> str:
    if own["gain"] is None:
        return ""
    bounds = "" if own["interval"] is None else f" ({own['interval'][0]:+.2f} to {own['interval'][1]:+.2f})"
    return f"{own['gain']:+.2f}{bounds}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _whole(value: int | None) -> str:
    return "–" if value is None else str(value)


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[value]


def _genuine(value: bool | str) -> str:
    return value if isinstance(value, str) else _yes(value)


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _text(cell: Any) -> str:
    return " ".join(str(cell).replace("|", "/").split())
