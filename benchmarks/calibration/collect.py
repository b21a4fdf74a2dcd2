"""What is learned from: for each program, every fault that was named, and what every single patch gained.

All answers are tried, whatever their rank, with one seed and equally long, so that the order they are tried in today
has no say in which outcomes are known.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlfix.diagnose.diagnosis import diagnose
from dlfix.diagnose.execution import Executor
from dlfix.diagnose.findings import Diagnosis
from dlfix.diagnose.recording import record_script
from dlfix.diagnose.trace import Trace
from dlfix.knowledge_base import KnowledgeBase, load_knowledge, match
from dlfix.knowledge_base.case_schema import Case
from dlfix.knowledge_base.matching import RuleMatch
from dlfix.repair.patch import Applicability, EditContext, EditRequest, Patch, Trial
from dlfix.repair.patching import EditConflict, EditNotApplicable, SourceFiles, make_patch
from dlfix.repair.rank import MEANINGFUL_GAIN, sampling_error, skill_or_floor
from dlfix.repair.trials.runner import ScriptRun, TrialRequest, TrialRunner

from dlfix.proposals import watched_fit

from ..run.judge import faults_by_layer, localized
from ..run.layers import to_case_layers

_SEED = 0
_MEMORY = 6 << 30
_PROBE_SECONDS = 120.0
#: No trial runs less of its schedule than this; below, patches of the learning rate look better than they are.
_SHORTEST = 1 / 8


@dataclass(frozen=True)
class Effort:
    """How much is tried.

    Attributes:
        patches: At most so many different patches per program, best supported first.
        seconds: Schedules that take longer are cut to about this, for all patches of a program alike.
        jobs: Trials at the same time.
    """

    patches: int = 20
    seconds: float = 8.0
    jobs: int = 2


def collect(script: Path, case: Case, effort: Effort) -> dict[str, Any]:
    """Diagnose one program, try all its answers, and say which were right.

    Returns:
        ``faults``: kind, raw confidence, whether the case has it in this place. ``answers``: rule, both confidences,
        gain of skill and whether that is a gain worth having; ``note`` if there is nothing to learn from.
    """
    with tempfile.TemporaryDirectory(prefix="dlfix-calibration-") as folder, Executor() as executor:
        home = Path(shutil.copytree(script.parent, Path(folder) / "program"))
        path = home / script.name
        trace = record_script(
            executor,
            path,
            (),
            project_root=home,
            working_directory=home,
            seconds=_PROBE_SECONDS,
            memory_bytes=_MEMORY,
            seed=_SEED,
            output=Path(folder) / "trace",
        )
        if not trace.fits:
            return {"faults": [], "answers": [], "note": f"no training was seen ({trace.state})"}
        diagnosis = diagnose(trace)
        knowledge = load_knowledge()
        answers, patches = _answers(trace, diagnosis, knowledge, SourceFiles.read(home, [script.name]), script.name)
        kept = dict(list(patches.items())[: effort.patches])
        trials = _try(kept, trace, diagnosis, executor, path, Path(folder), effort)
        baseline = skill_or_floor(trials[None])
        rows = [
            {**answer, **_outcome(trials[answer["patch"]], baseline)} for answer in answers if answer["patch"] in trials
        ]
        return {"faults": _faults(trace, diagnosis, case), "answers": rows, "baseline": baseline, "note": ""}


def _faults(trace: Trace, diagnosis: Diagnosis, case: Case) -> list[dict[str, Any]]:
    rows = []
    for fault in diagnosis.faults:
        layers = [
            {"index": layer.index, "class_name": layer.class_name, "units": layer.units}
            for layer in trace.fits[fault.fit].model.layers
        ]
        named = {"kind": fault.kind, "layer": {"index": fault.layer.index} if fault.layer is not None else None}
        right = localized([named], faults_by_layer(case), to_case_layers(layers, case.model)).top1
        rows.append({"kind": fault.kind, "raw": round(fault.raw_confidence, 4), "right": right})
    return rows


def _answers(
    trace: Trace, diagnosis: Diagnosis, knowledge: KnowledgeBase, sources: SourceFiles, script: str
) -> tuple[list[dict[str, Any]], dict[str, Patch]]:
    """Every rule that answers a fault, with the patch it comes to; different rules may come to the same one."""
    answers: list[dict[str, Any]] = []
    patches: dict[str, Patch] = {}
    for found in match(knowledge, trace, diagnosis):
        if Applicability(found.rule.applicability) is Applicability.DISPLAY_ONLY:
            continue
        fault = diagnosis.faults[found.fault]
        try:
            patch = make_patch(_requests(found, trace, fault.fit, script), sources, title=found.title)
        except (EditNotApplicable, EditConflict):
            continue
        if patch.applicability is Applicability.DISPLAY_ONLY:
            continue
        patches.setdefault(patch.key, patch)
        answers.append(
            {
                "rule": found.rule.id,
                "fault": fault.kind,
                "fault_raw": round(fault.raw_confidence, 4),
                "rule_confidence": found.rule.confidence,
                "patch": patch.key,
            }
        )
    return answers, patches


def _requests(found: RuleMatch, trace: Trace, fit: int, script: str) -> list[EditRequest]:
    return [
        EditRequest(edit.edit, edit.parameters, EditContext(trace.fits[fit], edit.layer, script))
        for edit in found.edits
    ]


def _try(  # noqa: PLR0917
    patches: dict[str, Patch],
    trace: Trace,
    diagnosis: Diagnosis,
    executor: Executor,
    path: Path,
    folder: Path,
    effort: Effort,
) -> dict[str | None, Trial]:
    watched = watched_fit(trace, diagnosis)
    fraction = 1.0
    if watched.seconds:
        fraction = min(1.0, max(effort.seconds / watched.seconds, _SHORTEST))
    run = ScriptRun(
        path, path.parent, path.parent, memory_bytes=_MEMORY, watched_fit=watched.index, single_epoch_fits=watched.loop
    )
    (folder / "trials").mkdir()
    runner = TrialRunner(executor, run, folder / "trials", task=diagnosis.task)
    trials: dict[str | None, Trial] = {}
    waiting: list[Patch | None] = [None, *patches.values()]
    limit = 30.0 + 6 * effort.seconds
    while waiting:
        group, waiting = waiting[: effort.jobs], waiting[effort.jobs :]
        started = [(patch, runner.submit(TrialRequest(patch, _SEED, fraction), limit)) for patch in group]
        for patch, future in started:
            trials[patch.key if patch is not None else None] = future.result()
    return trials


def _outcome(trial: Trial, baseline: float | None) -> dict[str, Any]:
    """The gain over the baseline; a patch that crashed, or whose baseline did, gains what its own skill says."""
    skill = skill_or_floor(trial)
    before = max(baseline or 0.0, 0.0)
    gain = max(skill or 0.0, 0.0) - before
    noise = sampling_error(trial) if trial.skill is not None else 0.0
    return {"gain": round(gain, 4), "helped": gain > max(MEANINGFUL_GAIN, noise)}
