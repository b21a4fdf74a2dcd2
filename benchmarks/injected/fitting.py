"""Fits the line from raw to shipped confidences to families of programs, and says how it does on the others.

The decision whether a fitted line ships is made within the families that it may be fitted to, leaving out one of them
at a time; the held-out families are looked at only to report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..calibration.fit import Line, fit_line
from .judge import calibration

Row = Mapping[str, Any]


def named_faults(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every fault that was named, with its family, raw confidence and whether it is right."""
    return [{"family": row["family"], "raw": one["raw"], "right": one["right"]} for row in rows for one in row["named"]]


def fit(document: Mapping[str, Any]) -> dict[str, Any]:
    """Fit on the one side and measure on both.

    Args:
        document: As ``results.document`` has it.

    Returns:
        ``line``, ``ships`` and calibrations of raw and of fitted confidences: ``left_out`` on fit families that were
        left out one at a time, ``held_out`` on the others.
    """
    rows = [*document["variants"], *document["healthy"]]
    own = named_faults([row for row in rows if row["side"] == "fit"])
    others = named_faults([row for row in rows if row["side"] == "held-out"])
    line = fit_line(own)
    raw, fitted = _left_out(own)
    ships = _brier(fitted) < _brier(raw)
    return {
        "line": asdict(line),
        "ships": ships,
        "named": len(own),
        "left_out": {"raw": asdict(calibration(raw)), "fitted": asdict(calibration(fitted))},
        "held_out": {
            "raw": asdict(calibration((one["raw"], one["right"]) for one in others)),
            "fitted": asdict(calibration((line(one["raw"]), one["right"]) for one in others)),
        },
    }


def _left_out(own: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[float, bool]], list[tuple[float, bool]]]:
    raw: list[tuple[float, bool]] = []
    fitted: list[tuple[float, bool]] = []
    for family in sorted({one["family"] for one in own}):
        line: Line = fit_line([one for one in own if one["family"] != family])
        of = [one for one in own if one["family"] == family]
        raw += [(one["raw"], one["right"]) for one in of]
        fitted += [(line(one["raw"]), one["right"]) for one in of]
    return raw, fitted


def _brier(pairs: Sequence[tuple[float, bool]]) -> float:
    return sum((said - right) ** 2 for said, right in pairs) / max(1, len(pairs))
