"""``python -m benchmarks.calibration collect|fit``: measure outcomes on the programs, then fit what dlfix ships.

``collect`` trains; it writes ``outcomes.json`` after each program and skips what it knows of the same bytes. ``fit``
takes seconds; it writes the coefficients to ship, as far as they do better on cases left out than the authors' own
judgement, ``orders.json`` (for each case the order of rules that was fitted without it, which ``benchmarks.run`` uses
for that case) and ``results.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dlfix.knowledge_base.loader import load_cases

from .collect import Effort, collect
from .fit import Line, Order, fit_line, fit_order, leave_one_out, measures, with_confidence

HERE = Path(__file__).parent
PROGRAMS = HERE.parent / "programs"
ROOT = HERE.parents[1]


def main() -> None:
    """Parse arguments and do the one or the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("step", choices=("collect", "fit"))
    parser.add_argument("cases", nargs="*", help="collect: ids of cases (default: all with a genuine fault)")
    parser.add_argument("--again", action="store_true", help="collect: also what is known already")
    arguments = parser.parse_args()
    if arguments.step == "collect":
        _collect(arguments.cases, arguments.again)
    else:
        _fit()


def _collect(wanted: list[str], again: bool) -> None:
    effort = Effort()
    for name, case in load_cases().items():
        script = PROGRAMS / name / "buggy.py"
        if (wanted and name not in wanted) or not script.exists() or case.assessment.genuine_fault is False:
            continue
        digest = hashlib.sha256(script.read_bytes()).hexdigest()
        known = _outcomes()["programs"].get(name, {})
        if known.get("sha256") == digest and not again:
            continue
        found = collect(script, case, effort)
        outcomes = _outcomes()
        outcomes["programs"][name] = {"sha256": digest, **found}
        outcomes |= {
            "date": datetime.now(UTC).date().isoformat(),
            "effort": asdict(effort),
            "versions": {name: version(name) for name in ("dlfix", "tensorflow", "keras")},
        }
        (HERE / "outcomes.json").write_text(json.dumps(outcomes, indent=1) + "\n", encoding="utf-8")
        helped = len({row["patch"] for row in found["answers"] if row["helped"]})
        tried = len({row["patch"] for row in found["answers"]})
        right = sum(fault["right"] for fault in found["faults"])
        print(f"{name}: {right} of {len(found['faults'])} faults right, {helped} of {tried} patches help", flush=True)


def _outcomes() -> dict[str, Any]:
    path = HERE / "outcomes.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"programs": {}}


def _fit() -> None:
    outcomes = _outcomes()
    faults = [{**row, "case": case} for case, found in outcomes["programs"].items() for row in found["faults"]]
    answers = [{**row, "case": case} for case, found in outcomes["programs"].items() for row in found["answers"]]
    held, orders = leave_one_out(faults, answers)
    line = fit_line(faults)
    order = fit_order(with_confidence(answers))
    measured = measures(held)
    before, after = measured["before"], measured["after"]
    # What does no better on cases left out than the authors' judgement does not take its place.
    order_ships = (
        after["better_of_two_first"] > before["better_of_two_first"]
        and after["mean_place_of_first_patch_that_helps"] <= before["mean_place_of_first_patch_that_helps"]
    )
    _ship(ROOT / "knowledge_base" / "rule_order.json", _as_data(order) if order_ships else None)
    _ship(HERE / "orders.json", {case: _as_data(one) for case, one in orders.items()} if order_ships else None)
    shipped = [_told_line(line), _told_order(order, order_ships)]
    (HERE / "results.md").write_text(_report(outcomes, faults, answers, measured, shipped), encoding="utf-8")


def _told_line(line: Line) -> str:
    told = f"Log-odds of a fault = {line.intercept:.2f} + {line.slope:.2f} × raw log-odds"
    return (
        f"{told}. The line that ships is fitted to injected faults (`benchmarks.injected fit`); this one is to compare."
    )


def _told_order(order: Order, ships: bool) -> str:
    furthest = sorted(order.offsets.items(), key=lambda item: -abs(item[1]))[:6]
    named = ", ".join(f"{rule} {offset:+.2f}" for rule, offset in furthest)
    told = f"Offsets of {len(order.offsets)} rules, the largest: {named}"
    return (
        f"{told}. Shipped." if ships else f"{told}. Not clearly better on cases left out, so the order stays as judged."
    )


def _as_data(model: Line | Order) -> dict[str, Any]:
    return asdict(model)


def _ship(path: Path, data: Any) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _report(
    outcomes: dict[str, Any],
    faults: list[dict[str, Any]],
    answers: list[dict[str, Any]],
    measured: dict[str, dict[str, float]],
    shipped: list[str],
) -> str:
    before, after = measured["before"], measured["after"]
    names = {
        "fault_brier": "confidence in a fault: Brier score",
        "fault_calibration_error": "confidence in a fault: expected calibration error",
        "fault_auc": "confidence in a fault: area under the ROC curve",
        "better_of_two_first": "of two patches of which one gains more, that one is tried first",
        "first_patch_helps": "share of programs whose first patch helps",
        "mean_place_of_first_patch_that_helps": "mean place of the first patch that helps",
        "mean_place_of_best_patch": "mean place of the best patch",
    }
    lines = [
        "# Calibration of confidences and of the order of rules",
        "",
        f"{len(outcomes['programs'])} programs, {len(faults)} named faults"
        f" ({sum(row['right'] for row in faults)} right), {len(answers)} answers of rules"
        f" ({sum(row['helped'] for row in answers)} helped).",
        "Both columns are of cases left out: what is said of a case comes from models fitted on all others.",
        "",
        "| measure | as judged by the authors | fitted, on cases left out |",
        "|---|---|---|",
        *(f"| {text} | {before[name]:g} | {after[name]:g} |" for name, text in names.items()),
        "",
        f"The order is measured on the {before['programs']:g} programs in which a single patch helps.",
        "",
        *(f"- {told}" for told in shipped),
        "",
        f"Outcomes of {outcomes['date']}: one seed, at most {outcomes['effort']['patches']} patches per program,"
        f" schedules cut to about {outcomes['effort']['seconds']:g} s. Collect them again with"
        " `python -m benchmarks.calibration collect --again`, fit with `python -m benchmarks.calibration fit`.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
