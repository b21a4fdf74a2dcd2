"""From records to rows: per case and tool what was detected, localized and repaired, and every false alarm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlfix.knowledge_base.case_schema import Case, CaseFault
from dlfix.knowledge_base.loader import load_cases

from . import judge
from .layers import to_case_layers
from .programs import BETTER, BUGGY, PUBLISHED, description
from .records import text_digest

#: The row of the benchmark that its own table declares faultless; the 40 others are the bugs that the paper counts.
UNCOUNTED = "41372874"
BASELINES = ("deeplocalize", "terminate_on_nan", "early_stopping_loss", "early_stopping_accuracy")
#: Groups of programs that the audit or their authors call healthy; those of the last are by measurement not.
FAULTLESS, BETTER_FIX, HEALTHY, UNHEALTHY = ("case without a fault", "better fix", "healthy", "unhealthy as measured")
_SHOWN_FAULTS = 3

Records = Mapping[str, Mapping[str, Any]]


def derive(records: Records, budget: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Everything that results.md shows, as plain data.

    Args:
        records: The records of results.json.
        budget: Of the searches to report.
        seeds: Of the trainings to judge patches by.
    """
    rows = [
        _case_row(case, _Found(records, budget, seeds))
        for case in load_cases().values()
        if _outcome(records, f"dlfix diagnose {case.id}/{BUGGY}") or _any_tool(records, f"{case.id}/{BUGGY}")
    ]
    return {
        "cases": rows,
        "not_rebuilt": {
            case: told.get("remarks", "")
            for case in load_cases()
            if (told := description(case)) and not told.get("rebuilt", True)
        },
        "healthy": _healthy_rows(records, frozenset(seeds)),
    }


class _Found:
    """Access to the records of one benchmark by what they are about."""

    def __init__(self, records: Records, budget: str, seeds: Sequence[int]) -> None:
        self.records = records
        self.budget = budget
        self.seeds = frozenset(seeds)

    def of(self, key: str) -> Mapping[str, Any] | None:
        return _outcome(self.records, key)

    def search(self, tool: str, case: str) -> Mapping[str, Any] | None:
        return self.of(f"{tool} {self.budget} {case}/{BUGGY}")

    def skills(self, key: str, files: Mapping[str, str] | None = None) -> dict[int, float] | None:
        """Skill by seed; None when it was not measured, or for another patch than ``files``."""
        found = self.of(f"skill {key}")
        if found is None or (
            files is not None and self.records[f"skill {key}"]["stamp"]["files"] != text_digest(files)
        ):
            return None
        return judge.skills([seed for seed in found["seeds"] if seed["seed"] in self.seeds]) or None


def _outcome(records: Records, key: str) -> Mapping[str, Any] | None:
    record = records.get(key)
    return record["outcome"] if record is not None else None


def _any_tool(records: Records, program: str) -> bool:
    return any(f"{tool} {program}" in records for tool in BASELINES)


def _case_row(case: Case, found: _Found) -> dict[str, Any]:
    diagnosis = found.of(f"dlfix diagnose {case.id}/{BUGGY}")
    layers = to_case_layers(diagnosis["layers"], case.model) if diagnosis is not None and "layers" in diagnosis else {}
    buggy, published, better = (found.skills(f"{case.id}/{name}") for name in (BUGGY, PUBLISHED, BETTER))
    tools: dict[str, Any] = {}
    if diagnosis is not None:
        tools["dlfix"] = _dlfix(case, diagnosis, layers, found.of(f"plain {case.id}/{BUGGY}"))
    for tool in BASELINES:
        outcome = found.of(f"{tool} {case.id}/{BUGGY}")
        if outcome is not None:
            tools[tool] = {
                "detected": bool(outcome["detected"]),
                "localized": judge.names_faulty_layer(
                    _behind_input(outcome["layer"], diagnosis), judge.faults_by_layer(case), layers
                ),
                "said": outcome["message"] if outcome["detected"] else "",
                "error": outcome["error"],
                "seconds": outcome["seconds"],
            }
    suggested = found.search("dlfix suggest", case.id)
    if suggested is not None and "dlfix" in tools and buggy is not None:
        first = next(iter(suggested.get("suggestions", ())), None)
        tools["dlfix"]["repair"] = {
            **_repair(
                buggy, published, better, found.skills(f"dlfix {case.id}/{BUGGY}", first["files"]) if first else None
            ),
            "title": first["title"] if first else None,
            "verdict": first["verdict"] if first else None,
            "edits": len(first["edits"]) if first else None,
            "seconds": suggested["seconds"],
            "trials": suggested.get("trials"),
        }
    random = found.search("random", case.id)
    if random is not None and buggy is not None:
        tools["random"] = {
            "repair": {
                **_repair(buggy, published, better, found.skills(f"random {case.id}/{BUGGY}", random["files"] or {})),
                "title": random["title"],
                "verdict": random["verdict"],
                "edits": random["edits"],
                "seconds": random["trial_seconds"],
                "trials": random["tried"],
            }
        }
    return {
        "case": case.id,
        "counted": case.id != UNCOUNTED,
        "genuine": case.assessment.genuine_fault,
        "shows_fault": _shows(buggy, published, better),
        "faults": [_expected(fault) for fault in case.faults if fault.real],
        "skill": {"buggy": _mean(buggy), "published": _mean(published), "better": _mean(better)},
        "reference_edits": len(case.patch),
        "tools": tools,
    }


def _behind_input(layer: int | None, diagnosis: Mapping[str, Any] | None) -> int | None:
    """A position in ``model.layers`` as one without inputs, which Keras counts in functional models only."""
    functional = diagnosis is not None and diagnosis.get("model_kind") == "functional"
    return layer - 1 if layer is not None and functional else layer


def _dlfix(
    case: Case, diagnosis: Mapping[str, Any], layers: Mapping[int, int], plain: Mapping[str, Any] | None
) -> dict[str, Any]:
    place = judge.localized(diagnosis["faults"], judge.faults_by_layer(case), layers)
    watched = diagnosis.get("probe_seconds")
    alone = plain["seconds"] if plain is not None and plain["state"] == "completed" else None
    return {
        "detected": diagnosis["verdict"] == "faulty",
        "verdict": diagnosis["verdict"],
        "error": diagnosis.get("error"),
        "said": [_named(fault, layers) for fault in diagnosis["faults"][:_SHOWN_FAULTS]],
        "top1": place.top1,
        "top3": place.top3,
        "strict1": place.strict1,
        "strict3": place.strict3,
        "kind3": place.kind3,
        "seconds": diagnosis["seconds"],
        "overhead": round(watched / alone, 2) if watched and alone else None,
    }


def _repair(
    buggy: judge.Skills, published: judge.Skills | None, better: judge.Skills | None, own: judge.Skills | None
) -> dict[str, Any]:
    judged = judge.repair(buggy, published, better, own)
    return {
        "state": judged.state,
        "skill": _mean(own),
        "gain": judged.gain,
        "interval": judged.interval,
        "reference_gain": judged.reference_gain,
        "not_below_published": judged.not_below_published,
    }


def _shows(buggy: judge.Skills | None, published: judge.Skills | None, better: judge.Skills | None) -> bool | None:
    """Whether the rebuilt program is clearly worse than a reference; None where that was not measured."""
    return None if buggy is None else judge.shows_fault(buggy, (published, better))


def _expected(fault: CaseFault) -> str:
    place = "" if fault.layer is None else f" of layer {fault.layer}"
    return f"{fault.kind}{place}{'' if fault.role == 'root_cause' else ' (contributing)'}"


def _named(fault: Mapping[str, Any], layers: Mapping[int, int]) -> str:
    if fault["layer"] is None:
        return str(fault["kind"])
    return f"{fault['kind']} of layer {layers.get(fault['layer']['index'], fault['layer']['name'])}"


def _healthy_rows(records: Records, seeds: frozenset[int]) -> list[dict[str, Any]]:
    """One row per healthy program that any tool was run on."""
    others = sorted({key.split(" ")[-1] for key in records if key.split(" ")[-1].startswith("healthy/")})
    programs = []
    for case in load_cases().values():
        skill = _skills(records, case.id, seeds)
        if case.assessment.genuine_fault is False:
            programs.append((UNHEALTHY if _is_improved(skill) else FAULTLESS, f"{case.id}/{BUGGY}"))
        programs.append((BETTER_FIX if _fix_trains(case, skill) else UNHEALTHY, f"{case.id}/{BETTER}"))
    programs += [(HEALTHY, program) for program in others]
    rows = []
    for group, program in programs:
        tools = dict(_alarms(records, program))
        if tools:
            rows.append({"program": program, "group": group, "tools": tools})
    return rows


def _skills(records: Records, case: str, seeds: frozenset[int]) -> dict[str, judge.Skills]:
    """By variant, of those that were measured."""
    found = {}
    for name in (BUGGY, PUBLISHED, BETTER):
        outcome = _outcome(records, f"skill {case}/{name}")
        if outcome is not None:
            found[name] = judge.skills([seed for seed in outcome["seeds"] if seed["seed"] in seeds])
    return found


def _is_improved(skill: Mapping[str, judge.Skills]) -> bool:
    """Whether a fix makes clearly more of the program, so that it cannot be called healthy whatever the audit says."""
    return BUGGY in skill and judge.shows_fault(skill[BUGGY], (skill.get(PUBLISHED), skill.get(BETTER)))


def _fix_trains(case: Case, skill: Mapping[str, judge.Skills]) -> bool:
    """Whether the fix that the audit proposes leaves a program that trains.

    One that gains nothing over a faulty program, or falls short of the published patch, is not healthy, whatever its
    authors expected. Unmeasured ones get the benefit of the doubt.
    """
    if BUGGY not in skill or BETTER not in skill:
        return True
    gains = case.assessment.genuine_fault is False or judge.is_gain(skill[BUGGY], skill[BETTER])
    return gains and not (PUBLISHED in skill and judge.is_gain(skill[BETTER], skill[PUBLISHED]))


def _alarms(records: Records, program: str) -> Iterable[tuple[str, dict[str, Any]]]:
    diagnosis = _outcome(records, f"dlfix diagnose {program}")
    if diagnosis is not None:
        said = ", ".join(_named(fault, {}) for fault in diagnosis["faults"][:_SHOWN_FAULTS])
        yield (
            "dlfix",
            {
                "alarm": diagnosis["verdict"] == "faulty",
                "error": diagnosis.get("error") if diagnosis["verdict"] == "error" else None,
                "said": said,
            },
        )
    for tool in BASELINES:
        outcome = _outcome(records, f"{tool} {program}")
        if outcome is not None:
            alarm = bool(outcome["detected"])
            yield tool, {"alarm": alarm, "error": outcome["error"], "said": outcome["message"] if alarm else ""}


def _mean(skills: judge.Skills | None) -> float | None:
    return round(judge.mean(list(skills.values())), 4) if skills else None
