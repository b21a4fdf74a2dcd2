"""The order of events: what is run, on what, and what is taken from earlier runs."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from . import dlfix_tool
from .plain import PlainRuns
from .programs import BENCHMARKS, BETTER, BUGGY, PUBLISHED, Program, case_programs, healthy_programs, script_of, variant
from .records import SOURCES, Records, stamp, text_digest, versions
from .report import as_markdown
from .rows import derive

BASELINES = ("deeplocalize", "terminate_on_nan", "early_stopping_loss", "early_stopping_accuracy")
TOOLS = ("dlfix", *BASELINES, "random")
#: The programs take some seconds; a training that takes this long hangs.
_TRAINING_SECONDS = 300.0
#: Verdicts of dlfix on its own suggestion that speak against applying it.
_NOT_OFFERED = ("worse", "failed")


@dataclass(frozen=True)
class Plan:
    """What to run; ``cases`` None means all, ``seconds`` is the budget as a number."""

    cases: frozenset[str] | None
    tools: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: str
    seconds: float
    healthy: bool
    repair: bool
    jobs: int


class Benchmark:
    """One pass over tools and programs.

    Args:
        plan: What to run.
        output: Folder of ``results.json`` and ``results.md``.
        again: Run again what an earlier pass has a valid record of.
    """

    def __init__(self, plan: Plan, output: Path, *, again: bool = False) -> None:
        self.plan = plan
        self.output = output
        self.records = Records(output / "results.json", again=again)
        self.failures = 0

    def run(self) -> None:
        plan = self.plan
        cases = case_programs(plan.cases)
        programs = [*cases, *(healthy_programs(plan.cases) if plan.healthy else [])]
        for program in cases:
            self._adopt_references(program)
        if "dlfix" in plan.tools:
            with PlainRuns() as plain:
                for program in programs:
                    self._diagnose(program, plain)
        for tool in (tool for tool in BASELINES if tool in plan.tools):
            for program in programs:
                self._baseline(tool, program)
        if not plan.repair:
            return
        for program in cases:
            if not program.healthy and {"dlfix", "random"} & set(plan.tools):
                self._repair(program)

    def write_report(self) -> None:
        """Write what follows from the records to results.json, and results.md."""
        document = self.records.update(self._complete)
        (self.output / "results.md").write_text(as_markdown(document), encoding="utf-8")

    def _complete(self, document: dict[str, Any]) -> None:
        records = document.pop("records")
        document |= {
            "date": datetime.now().astimezone().date().isoformat(),
            "versions": versions("dlfix"),
            "python": platform.python_version(),
            "machine": {"system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count()},
            "budget": self.plan.budget,
            "seeds": list(self.plan.seeds),
        }
        document["stale"] = _stale(records)
        document["rows"] = derive(records, self.plan.budget, self.plan.seeds)
        document["records"] = records

    # -- detection and localization ------------------------------------------------------------------------------

    def _diagnose(self, program: Program, plain: PlainRuns) -> None:
        self._once(
            f"dlfix diagnose {program.name}",
            stamp("diagnose", program.digest()),
            lambda: dlfix_tool.diagnose(program.script),
            _said,
        )
        self._once(
            f"plain {program.name}",
            stamp("plain", program.digest()),
            lambda: plain.run(program.script, _TRAINING_SECONDS),
            lambda found: found["state"],
        )

    def _baseline(self, tool: str, program: Program) -> None:
        def run() -> dict[str, Any]:
            from .baselines import run_baseline

            return asdict(run_baseline(tool, program.script, _TRAINING_SECONDS, 0))

        self._once(
            f"{tool} {program.name}",
            stamp("baseline", program.digest()),
            run,
            lambda found: found["error"] or (found["message"] if found["detected"] else "nothing"),
        )

    # -- repair --------------------------------------------------------------------------------------------------

    def _repair(self, program: Program) -> None:
        plan = self.plan
        assert program.case is not None
        for key, made_from, script in self._references(program):
            self._measure(key, made_from, script, None)
        if "dlfix" in plan.tools:
            order = _order_without(program.case.id)
            found = self._once(
                f"dlfix suggest {plan.budget} {program.name}",
                stamp("suggest", program.digest(), order=text_digest(order or {})),
                lambda: dlfix_tool.suggest(program.script, plan.budget, plan.seconds, order),
                _proposed,
            )
            first = next(iter((found or {}).get("suggestions", ())), None)
            if first is not None and first["verdict"] not in _NOT_OFFERED and first["files"]:
                self._skill(f"skill dlfix {program.name}", program, first["files"])
        if "random" in plan.tools:
            found = self._once(
                f"random {plan.budget} {program.name}",
                stamp("random", program.digest()),
                lambda: self._random(program),
                lambda found: f"{found['title']} ({found['verdict']}, {found['tried']} tried)",
            )
            if found is not None and found["files"]:
                self._skill(f"skill random {program.name}", program, found["files"])

    def _random(self, program: Program) -> dict[str, Any]:
        from .random_repair import random_repair

        return asdict(random_repair(program.script, self.plan.seconds, 0, os.cpu_count() or 1))

    def _references(self, program: Program) -> list[tuple[str, dict[str, str], Path]]:
        """Key, stamp and script of each variant that a suggestion is compared with."""
        assert program.case is not None
        found = []
        for name in (BUGGY, PUBLISHED, BETTER):
            script = variant(program.case.id, name)
            if script is not None:
                digest = hashlib.sha256(script.read_bytes()).hexdigest()
                found.append((f"skill {program.case.id}/{name}", stamp("skill", digest), script))
        return found

    def _adopt_references(self, program: Program) -> None:
        """Take the skills of the variants from the table of the programs, as far as that is of the very same bytes."""
        table = BENCHMARKS / "programs" / "results.json"
        measured = json.loads(table.read_text(encoding="utf-8"))["programs"] if table.exists() else {}
        for key, made_from, script in self._references(program):
            row = measured.get(script.parent.name, {}).get(script.stem, {})
            seeds = [seed for seed in row.get("seeds", ()) if seed["seed"] in self.plan.seeds]
            complete = len(seeds) == len(self.plan.seeds) and row["sha256"] == made_from["program"]
            if complete and self._known_seeds(key, made_from) != set(self.plan.seeds):
                self.records.put(key, made_from, {"seeds": seeds})

    def _known_seeds(self, key: str, made_from: Mapping[str, str]) -> set[int]:
        known = self.records.valid(key, made_from)
        return set() if known is None else {seed["seed"] for seed in known["seeds"]}

    def _skill(self, key: str, program: Program, files: Mapping[str, str]) -> None:
        self._measure(key, stamp("skill", program.digest(), files=text_digest(files)), program.script, files)

    def _measure(self, key: str, made_from: Mapping[str, str], script: Path, files: Mapping[str, str] | None) -> None:
        if set(self.plan.seeds) <= self._known_seeds(key, made_from):
            return

        def run() -> dict[str, Any]:
            from benchmarks.programs.skill import measure

            measured = measure(script, self.plan.seeds, seconds=_TRAINING_SECONDS, jobs=self.plan.jobs, files=files)
            return {"seeds": [asdict(one) for one in measured]}

        self._attempt(key, made_from, run, lambda found: ", ".join(str(seed["skill"]) for seed in found["seeds"]))

    # -- one run -------------------------------------------------------------------------------------------------

    def _once(
        self,
        key: str,
        made_from: Mapping[str, str],
        run: Callable[[], dict[str, Any]],
        say: Callable[[dict[str, Any]], str],
    ) -> dict[str, Any] | None:
        known = self.records.valid(key, made_from)
        return known if known is not None else self._attempt(key, made_from, run, say)

    def _attempt(
        self,
        key: str,
        made_from: Mapping[str, str],
        run: Callable[[], dict[str, Any]],
        say: Callable[[dict[str, Any]], str],
    ) -> dict[str, Any] | None:
        """Run and keep the outcome; a run that breaks down is shown, not kept, and does not end the benchmark."""
        began = datetime.now()
        try:
            outcome = run()
        except Exception:
            self.failures += 1
            print(f"{began:%H:%M:%S} {key}: FAILED\n{traceback.format_exc()}", flush=True)
            return None
        self.records.put(key, made_from, outcome)
        self.write_report()
        seconds = (datetime.now() - began).total_seconds()
        print(f"{began:%H:%M:%S} {key}: {say(outcome)} [{seconds:.1f} s]", flush=True)
        return outcome


def _order_without(case: str) -> dict[str, Any] | None:
    """The order of rules that was fitted without this case, so that no case informs its own ranking."""
    file = BENCHMARKS / "calibration" / "orders.json"
    orders: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return orders.get(case)


def _stale(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Keys of the records whose program, tool or libraries are no longer what they were."""
    now = {kind: stamp(kind, "") for kind in SOURCES}
    found = []
    for key, record in records.items():
        tool, *others, name = key.split(" ")
        kind = others[0] if tool == "dlfix" else "baseline" if tool in BASELINES else tool
        script = script_of(name)
        digest = None if script is None else hashlib.sha256(script.read_bytes()).hexdigest()
        if any(record["stamp"][part] != value for part, value in {**now[kind], "program": digest}.items()):
            found.append(key)
    return found


def _said(found: Mapping[str, Any]) -> str:
    faults = ", ".join(f"{fault['kind']} {fault['confidence']:.2f}" for fault in found["faults"][:3])
    return f"{found['verdict']} {faults or found.get('error') or ''}"


def _proposed(found: Mapping[str, Any]) -> str:
    for one in found.get("suggestions", ())[:1]:
        return f"{one['verdict']}: {one['title']} (gain {one['skill']['gain']}, {found['trials']} trials)"
    return f"{found['verdict']}, no suggestion"
