"""The page: what was measured, in tables, from ``results.json`` alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .measures import BASELINES, Share

_TOOLS = {
    "deeplocalize": "DeepLocalize procedure",
    "early_stopping_loss": "EarlyStopping, loss",
    "early_stopping_accuracy": "EarlyStopping, accuracy",
    "terminate_on_nan": "TerminateOnNaN",
}
#: Goals on families that nothing was fitted to: measure, least share (of false alarms the largest).
GOALS = (("detected", 0.95), ("top1", 0.75), ("top3", 0.92))
LARGEST_FALSE_ALARM = 0.02
_SHOWN_MISSES = 60


def as_markdown(document: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [
        "# Injected faults\n",
        _head(document),
        _goals(document["summary"]["held-out"]),
        _tools(document["summary"]),
        _groups(document["summary"]),
        _kinds(document["summary"], "held-out"),
        _kinds(document["summary"], "fit"),
        _calibration(document["summary"]),
        _alarms(document["healthy"]),
        _selection(document["selection"]),
        _misses(document["variants"]),
    ]
    return "\n".join(parts)


def _head(document: Mapping[str, Any]) -> str:
    selection = document["selection"]
    stale = document["stale"]
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    lines = [
        f"Made by `python -m benchmarks.injected report` on {document['date']}; {versions}; "
        f"Python {document['python']}, {document['machine']['system']}, {document['machine']['cores']} cores.\n",
        f"{selection['recorded']} variants of {selection['programs']} healthy programs were recorded, drawn with seed "
        f"{document['seed']}; the skill of {selection['kept']} falls, and these are counted. How is said in "
        "`filtering.py`, what counts as localized in `judge.py`, which other names count in `equivalents.py`.\n",
    ]
    if stale["recorded"]:
        lines.append(f"**Stale: {stale['recorded']} runs were recorded with another state of probe or libraries.**\n")
    if stale["diagnosed"]:
        lines.append("**Stale: the diagnoses were made with another state of `diagnose/`.**\n")
    if stale["deeplocalize"]:
        lines.append(f"**DeepLocalize has not run on, or is stale for, {stale['deeplocalize']} runs.**\n")
    return "\n".join(lines)


def _goals(held_out: Mapping[str, Any]) -> str:
    rows = []
    for name, least in GOALS:
        found = _share(held_out["dlfix"]["all"][name])
        met = found.value is not None and found.value >= least
        rows.append([name, str(found), f"≥ {100 * least:.0f} %", "yes" if met else "no"])
    alarms = _share(held_out["false_alarms"])
    met = alarms.value is not None and alarms.value <= LARGEST_FALSE_ALARM
    rows.append(["false alarms", str(alarms), f"≤ {100 * LARGEST_FALSE_ALARM:.0f} %", "yes" if met else "no"])
    return "## Goals, on held-out families\n\n" + table(["measure", "reached", "goal", "met"], rows)


def _tools(summary: Mapping[str, Any]) -> str:
    text = (
        "## Beside other tools\n\nDetected, and false alarms on the healthy programs (each run with several seeds).\n\n"
    )
    rows = []
    for side in ("held-out", "fit"):
        found = summary[side]
        rows.append(
            [side, "dlfix", str(_share(found["dlfix"]["all"]["detected"])), str(_share(found["dlfix"]["all"]["top1"])),
             str(_share(found["false_alarms"]))]
        )  # fmt: skip
        for tool in BASELINES:
            place = str(_share(found["deeplocalize_layer"])) if tool == "deeplocalize" else "cannot"
            one = found["baselines"][tool]
            rows.append([side, _TOOLS[tool], str(_share(one["detected"])), place, str(_share(one["false_alarms"]))])
    note = (
        "\nDeepLocalize localizes if it names a layer that holds the fault, counted on faults in layers only. "
        "Runs that a tool cannot watch are left out of its shares.\n"
    )
    return text + table(["families", "tool", "detected", "localized, first", "false alarms"], rows) + note


def _groups(summary: Mapping[str, Any]) -> str:
    names = {
        "detected": "detected",
        "top1": "first named",
        "top3": "among three",
        "all3": "both among three",
        "kind1": "first, kind only",
        "kind3": "three, kind only",
        "wide1": "first, with alternatives",
        "wide3": "three, with alternatives",
    }
    rows = []
    for side in ("held-out", "fit", "all"):
        for group, shares in summary[side]["dlfix"].items():
            rows.append([side, group, *(str(_share(shares.get(name))) for name in names)])
    text = "## Localization\n\nKind and place unless said otherwise. Of double faults, either of the two.\n\n"
    return text + table(["families", "faults", *names.values()], rows)


def _kinds(summary: Mapping[str, Any], side: str) -> str:
    """What was named instead is told of families that may be looked at only."""
    rows = []
    for kind, found in summary[side]["by_kind"].items():
        instead = ", ".join(f"{name} {count}" for name, count in found["instead"].items())
        shares = [str(_share(found[name])) for name in ("detected", "top1", "top3", "wide1", "wide3")]
        rows.append([kind, str(found["number"]), *shares, *([instead] if side == "fit" else [])])
    heads = ["kind", "n", "detected", "first", "among three", "first, alternatives", "three, alternatives"]
    heads += ["instead"] if side == "fit" else []
    return f"## By kind, single faults, {side} families\n\n" + table(heads, rows)


def _calibration(summary: Mapping[str, Any]) -> str:
    parts = ["## Calibration\n"]
    for side in ("held-out", "fit"):
        for group, what in (("first", "the first fault named"), ("all", "all faults named")):
            found = summary[side]["calibration"][group]
            if not found["number"]:
                continue
            parts.append(
                f"{side} families, {what}: {found['number']} statements, Brier {found['brier']:.3f}, "
                f"expected calibration error {found['expected_error']:.3f}.\n"
            )
            rows = [
                [f"{low:.1f} to {low + 0.1:.1f}", str(count), f"{stated:.2f}", f"{right:.2f}"]
                for low, count, stated, right in found["bins"]
            ]
            parts.append(table(["confidence", "n", "stated", "right"], rows))
    return "\n".join(parts)


def _alarms(healthy: Sequence[Mapping[str, Any]]) -> str:
    rows = [[row["program"], str(row["seed"]), row["side"], _named(row["named"])] for row in healthy if row["alarm"]]
    text = f"## False alarms\n\n{len(healthy)} runs of {len({row['program'] for row in healthy})} healthy programs.\n\n"
    return text + (table(["program", "seed", "side", "named"], rows) if rows else "None.\n")


def _selection(selection: Mapping[str, Any]) -> str:
    rows = [[kind, str(found["recorded"]), str(found["kept"])] for kind, found in selection["by_kind"].items()]
    why = ", ".join(f"{count} × {reason}" for reason, count in selection["dropped"].items())
    return f"## What was kept\n\nNot kept: {why or 'none'}.\n\n" + table(["kind", "recorded", "kept"], rows)


def _misses(variants: Sequence[Mapping[str, Any]]) -> str:
    """Of families that may be looked at only."""
    missed = [row for row in variants if row["side"] == "fit" and not row["top3"]]
    rows = [[row["key"], ", ".join(row["kinds"]), _named(row["named"])] for row in missed[:_SHOWN_MISSES]]
    rest = f"\n… and {len(missed) - _SHOWN_MISSES} more.\n" if len(missed) > _SHOWN_MISSES else ""
    return "## Missed, fit families\n\n" + (table(["variant", "planted", "named"], rows) if rows else "None.\n") + rest


def _named(faults: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['kind']} {one['confidence']:.2f}" for one in list(faults)[:3]) or "nothing"


def _share(found: Mapping[str, int] | None) -> Share:
    return Share(0, 0) if found is None else Share(found["hits"], found["number"])


def selection_of(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was recorded and what was kept, by kind."""
    recorded = Counter(truth["kind"] for record in records for truth in record["truths"])
    kept = Counter(truth["kind"] for record in records if record["kept"] for truth in record["truths"])
    return {
        "recorded": len(records),
        "kept": sum(record["kept"] for record in records),
        "programs": len({record["program"] for record in records}),
        "by_kind": {kind: {"recorded": recorded[kind], "kept": kept[kind]} for kind in sorted(recorded)},
        "dropped": dict(Counter(record["why"] for record in records if not record["kept"]).most_common()),
    }


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
