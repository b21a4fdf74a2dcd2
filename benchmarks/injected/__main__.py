"""``python -m benchmarks.injected``: plant faults, record, diagnose, report; each goes on where it was interrupted.

generate    say which variants would be recorded
record      run healthy programs and variants under the probe, and keep the variants whose skill falls
baselines   run the DeepLocalize procedure on what was kept
diagnose    diagnose all recorded traces with the present checks, without training
report      write results.json and results.md from the diagnoses
fit         fit confidences to the families that may be fitted to; ship the line if it does better on families left out
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from . import cache, deeplocalize, fitting, offline, results
from .families import memberships, programs, seconds_of
from .generate import Variant, generate
from .record import Limits, Recorder
from .report import as_markdown

#: What ``fit`` ships: see ``diagnose/confidence.py``.
CONFIDENCE = Path(__file__).resolve().parents[2] / "diagnose" / "confidence.json"
#: Variants to draw: some six in ten are kept.
COUNT = 720


def main() -> None:
    """Parse arguments and do what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.injected", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=("generate", "record", "baselines", "diagnose", "report", "fit"))
    parser.add_argument("--cache", type=Path, default=cache.default_folder(), help="folder of recorded runs")
    parser.add_argument("--count", type=int, default=COUNT, help=f"variants to draw (default: {COUNT})")
    parser.add_argument("--limit", type=int, help="record only so many of them, which are a fair sample, too")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--programs", nargs="*", help="only variants of these")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    parser.add_argument("--seconds", type=float, default=60.0, help="limit per run")
    parser.add_argument("--again", action="store_true", help="record anew what is recorded already")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder of results.json, results.md")
    arguments = parser.parse_args()
    globals()[f"_{arguments.command}"](arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _drawn(arguments: argparse.Namespace) -> list[Variant]:
    chosen = programs()
    drawn = generate(chosen, arguments.count, arguments.seed, seconds_of(chosen))
    if arguments.programs is not None:
        drawn = [variant for variant in drawn if variant.program in arguments.programs]
    return drawn[: arguments.limit]


def _generate(arguments: argparse.Namespace) -> None:
    drawn = _drawn(arguments)
    for variant in drawn:
        print(variant.name, variant.key)
    _say(f"{len(drawn)} variants; " + ", ".join(
        f"{kind} {count}" for kind, count in Counter(t.kind for v in drawn for t in v.planted.truths).most_common()
    ))  # fmt: skip


def _record(arguments: argparse.Namespace) -> None:
    limits = Limits(arguments.seconds, arguments.jobs)
    where, drawn = cache.Cache(arguments.cache), _drawn(arguments)
    where.write_draw([variant.name for variant in drawn])
    Recorder(where, programs(), limits, _say).run(drawn, again=arguments.again)


def _baselines(arguments: argparse.Namespace) -> None:
    where, chosen = cache.Cache(arguments.cache), programs()
    folders = [
        (folder, f"{record['program']}.py", chosen[record["program"]].script.text)
        for folder, record in where.healthy_records(chosen)
    ]
    folders += [
        (folder, f"{record['program']}.py", (folder / "planted.py").read_text(encoding="utf-8"))
        for folder, record in where.variant_records()
        if record["kept"]
    ]
    deeplocalize.run_all(folders, arguments.seconds, arguments.jobs, _say)


def _diagnose(arguments: argparse.Namespace) -> None:
    where = cache.Cache(arguments.cache)
    stamp = results.diagnosing_stamp()
    answers = offline.diagnose_all(where, results.traces(where, memberships()), arguments.jobs, _say)
    cache.write(where.folder / results.DIAGNOSES, {"stamp": stamp, "answers": answers})
    _report(arguments)


def _document(arguments: argparse.Namespace) -> dict[str, Any]:
    where = cache.Cache(arguments.cache)
    diagnoses = json.loads((where.folder / results.DIAGNOSES).read_text(encoding="utf-8"))
    return results.document(where, diagnoses, memberships(), arguments.seed)


def _fit(arguments: argparse.Namespace) -> None:
    found = fitting.fit(_document(arguments))
    cache.write(arguments.output / "fit.json", found)
    if found["ships"]:
        cache.write(CONFIDENCE, found["line"])
    else:
        CONFIDENCE.unlink(missing_ok=True)
    for where in ("left_out", "held_out"):
        shown = {name: (one["number"], one["brier"], one["expected_error"]) for name, one in found[where].items()}
        _say(f"{where}: {shown}")
    _say(f"line {found['line']}: {'shipped' if found['ships'] else 'no better on families left out, not shipped'}")


def _report(arguments: argparse.Namespace) -> None:
    document = _document(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    cache.write(arguments.output / "results.json", document)
    (arguments.output / "results.md").write_text(as_markdown(document), encoding="utf-8")
    for side, found in document["summary"].items():
        shares = {name: f"{one['hits']}/{one['number']}" for name, one in found["dlfix"]["all"].items()}
        _say(f"{side}: {shares}, false alarms {found['false_alarms']['hits']}/{found['false_alarms']['number']}")


if __name__ == "__main__":
    main()
