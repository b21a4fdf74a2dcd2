"""From records and diagnoses to numbers: one row per variant, then shares by side, by kind and by tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .families import SIDES, Membership
from .judge import Calibration, calibration, localized, matches, names_layer

Row = dict[str, Any]
BASELINES = ("deeplocalize", "terminate_on_nan", "early_stopping_loss", "early_stopping_accuracy")


@dataclass(frozen=True)
class Share:
    """``hits`` of ``number``; runs in which a tool cannot say anything are in neither."""

    hits: int
    number: int

    @property
    def value(self) -> float | None:
        return self.hits / self.number if self.number else None

    def __str__(self) -> str:
        return "–" if not self.number else f"{100 * self.hits / self.number:.0f} % ({self.hits}/{self.number})"


def share(answers: Iterable[bool | None]) -> Share:
    """Of those that are no None."""
    known = [answer for answer in answers if answer is not None]
    return Share(sum(known), len(known))


def variant_row(
    record: Mapping[str, Any], answer: Mapping[str, Any], tool: Mapping[str, Any] | None, member: Membership
) -> Row:
    """Everything that is counted of one kept variant."""
    truths = record["truths"]
    file = f"{record['program']}.py"
    faults = answer["faults"]
    row: Row = {
        "program": record["program"],
        "key": record["key"],
        "family": member.family,
        "side": member.side,
        "kinds": [truth["kind"] for truth in truths],
        "operators": [truth["operator"] for truth in truths],
        "skill": [record["first"]["skill"], record["second"]["skill"]],
        "raised": record["first"]["fit_state"] == "raised",
        "detected": bool(faults),
        "verdict": answer["verdict"],
        **asdict(localized(faults, truths, file)),
        "named": [
            {
                "kind": fault["kind"],
                "line": None if fault["place"] is None else fault["place"][0],
                "confidence": fault["confidence"],
                "raw": fault["raw"],
                "right": any(matches(fault, truth, file) for truth in truths),
            }
            for fault in faults
        ],
        "seconds": answer["seconds"],
        "baselines": {**answer["callbacks"], "deeplocalize": None if tool is None else tool["detected"]},
    }
    row["deeplocalize_layer"] = _layer(answer, tool, truths)
    return row


def _layer(
    answer: Mapping[str, Any], tool: Mapping[str, Any] | None, truths: Sequence[Mapping[str, Any]]
) -> bool | None:
    """Whether DeepLocalize names the layer; None for faults that are in no layer, which it cannot name."""
    if tool is None or tool["detected"] is None or not any(truth["at_layer"] for truth in truths):
        return None
    return names_layer(tool["layer"], answer["layers"], truths)


def healthy_row(
    program: str,
    run: Mapping[str, Any],
    answer: Mapping[str, Any],
    tool: Mapping[str, Any] | None,
    member: Membership,
) -> Row:
    """One run of a healthy program, in which any fault is a false alarm; silence about no training is no merit."""
    named = [
        {**{name: fault[name] for name in ("kind", "confidence", "raw")}, "right": False} for fault in answer["faults"]
    ]
    return {
        "program": program,
        "seed": run["seed"],
        "family": member.family,
        "side": member.side,
        "alarm": bool(answer["faults"]) if run["fits"] else None,
        "named": named,
        "baselines": {**answer["callbacks"], "deeplocalize": None if tool is None else tool["detected"]},
    }


def summary(variants: Sequence[Row], healthy: Sequence[Row]) -> dict[str, Any]:
    """Shares of all, and by side."""
    sides: dict[str, Callable[[Row], bool]] = {
        "all": lambda row: True,
        **{side: (lambda row, side=side: row["side"] == side) for side in SIDES},  # type: ignore[misc]
    }
    return {
        name: _side([row for row in variants if of(row)], [row for row in healthy if of(row)])
        for name, of in sides.items()
    }


def _side(variants: Sequence[Row], healthy: Sequence[Row]) -> dict[str, Any]:
    single = [row for row in variants if len(row["kinds"]) == 1]
    double = [row for row in variants if len(row["kinds"]) == 2]
    return {
        "variants": len(variants),
        "programs": len({row["program"] for row in variants}),
        "dlfix": {group: _shares(rows) for group, rows in (("all", variants), ("single", single), ("double", double))},
        "false_alarms": asdict(share(row["alarm"] for row in healthy)),
        "baselines": {
            tool: {
                "detected": asdict(share(row["baselines"][tool] for row in variants)),
                "false_alarms": asdict(share(row["baselines"][tool] for row in healthy)),
            }
            for tool in BASELINES
        },
        "deeplocalize_layer": asdict(share(row["deeplocalize_layer"] for row in variants)),
        "by_kind": by_kind(single),
        "calibration": {
            "all": asdict(calibrated([*variants, *healthy], 10)),
            "first": asdict(calibrated([*variants, *healthy], 1)),
        },
    }


_COUNTED = ("detected", "top1", "top3", "kind1", "kind3", "wide1", "wide3")


def _shares(rows: Sequence[Row]) -> dict[str, Any]:
    both = share(row["all3"] for row in rows if len(row["kinds"]) > 1)
    return {**{name: asdict(share(row[name] for row in rows)) for name in _COUNTED}, "all3": asdict(both)}


def by_kind(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Single faults by their kind, with what is named instead where the first is wrong."""
    found = {}
    for kind in sorted({row["kinds"][0] for row in rows}):
        of_kind = [row for row in rows if row["kinds"] == [kind]]
        instead = Counter(row["named"][0]["kind"] if row["named"] else "nothing" for row in of_kind if not row["top1"])
        found[kind] = {"number": len(of_kind), **_shares(of_kind), "instead": dict(instead.most_common(4))}
    return found


def calibrated(rows: Sequence[Row], first: int) -> Calibration:
    """Confidences of the first so many named faults of each run."""
    return calibration((one["confidence"], one["right"]) for row in rows for one in row["named"][:first])
