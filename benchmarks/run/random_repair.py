"""Random repair: dlfix's edits, search and proof, without its diagnosis. What a patch owes to chance and trials.

A candidate is one to three answers drawn at random from all rules of the knowledge base, each aimed at a random layer,
whatever the rules' conditions and the diagnosis say; all that is asked of them is that their edits can be made in this
source. So the space is dlfix's own, with the values that its rules take from facts of the recorded run (number of
classes, present learning rate), but nothing that a check has found or measured, such as a suggested learning rate.

Everything else is dlfix's: the same total of wall-clock time with the probe run in it, the same short trials with
survivors trained for longer, the best by skill with the first seed, proof over the same seeds, the same verdicts. Only
what the diagnosis would add is left out: no order among candidates, no combining of what helped (candidates are
combined from the beginning), no second look, and no reference learners that say when the data allow no more.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlfix.diagnose.diagnosis import task_of
from dlfix.diagnose.execution import Executor
from dlfix.diagnose.facts import facts_for
from dlfix.diagnose.findings import Diagnosis, Fault, LayerReference, ReferenceScores
from dlfix.diagnose.recording import record_script
from dlfix.diagnose.trace import FitTrace, LayerFacts, Trace
from dlfix.knowledge_base import KnowledgeBase, load_knowledge
from dlfix.knowledge_base.matching import RuleMatch, match_with_notes
from dlfix.knowledge_base.schema import Rule
from dlfix.repair.patch import EditContext, EditRequest, Patch, Verdict
from dlfix.repair.patching import EditError, SourceFiles, make_patch
from dlfix.repair.search import SearchOutcome, SearchSettings, search
from dlfix.repair.trials.pool import Runner, Schedule
from dlfix.repair.trials.runner import ScriptRun, TrialRunner

from dlfix.inputs import Script, read_script
from dlfix.pipeline import PROBE_SHARE
from dlfix.proposals import WatchedFit, watched_fit

#: Most answers that make one candidate.
MOST_ANSWERS = 3
#: More candidates than there is time for in the budgets of the benchmark.
CANDIDATES = 60
#: Draws in a row that come to nothing new before the space counts as exhausted.
_FRUITLESS = 200
_MEMORY = 6 << 30
_CLOSING_SECONDS = 2.0
_NOT_OFFERED = (Verdict.WORSE, Verdict.FAILED)


@dataclass(frozen=True)
class RandomRepair:
    """The best that was found.

    Attributes:
        patch: The change as a unified diff, None if there is none worth showing.
        files: Paths relative to the script's folder -> patched text.
        title: What it does; without a patch, why there is none.
        edits: Number of its edits.
        verdict: What its trials prove, in the words of suggestions; ``none`` without a patch.
        tried: Number of candidates that were trained at least once.
        trial_seconds: Sum over all trials.
    """

    patch: str | None
    files: dict[str, str]
    title: str
    edits: int
    verdict: str
    tried: int
    trial_seconds: float


def random_repair(script: Path, seconds: float, seed: int, jobs: int) -> RandomRepair:
    """Search for a patch of a copy of ``script`` at random.

    Args:
        script: It imports no modules of its own.
        seconds: Wall-clock time for everything, as the budget of ``dlfix suggest``.
        seed: Decides what is drawn, and is the first seed of the trials.
        jobs: Trials at the same time.
    """
    deadline = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="dlfix-random-", ignore_cleanup_errors=True) as folder, Executor() as runs:
        home = Path(folder).resolve() / "program"
        home.mkdir()
        copy = read_script(Path(shutil.copy(script, home)))
        trace = record_script(
            runs,
            copy.path,
            (),
            project_root=copy.project_root,
            working_directory=home,
            seconds=PROBE_SHARE * seconds,
            memory_bytes=_MEMORY,
            seed=seed,
            output=Path(folder) / "trace",
        )
        if not trace.fits:
            reason = trace.exception.message if trace.exception else trace.state
            return _nothing(f"The script trained nothing: {reason}")
        watched = watched_fit(trace, _without_diagnosis(trace.fits[-1]))
        sources = SourceFiles.read(copy.project_root, sorted(copy.sources))
        name = copy.path.relative_to(copy.project_root).as_posix()
        hat = Hat(load_knowledge(), trace, watched.index, sources, name)
        outcome = search_among(
            list(hat.draw(random.Random(seed))),
            _trial_runner(runs, copy, trace, watched, jobs, Path(folder) / "trials"),
            SearchSettings(
                seconds=max(deadline - time.monotonic() - _CLOSING_SECONDS, 1.0),
                seed=seed,
                jobs=jobs,
                schedule=Schedule(watched.epochs, watched.seconds, max(trace.seconds - (watched.seconds or 0.0), 0.5)),
            ),
        )
        return best_of(outcome, copy.path.parent.relative_to(copy.project_root))


def _trial_runner(  # noqa: PLR0917
    executor: Executor, script: Script, trace: Trace, watched: WatchedFit, jobs: int, folder: Path
) -> TrialRunner:
    folder.mkdir()
    run = ScriptRun(
        script=script.path,
        project_root=script.project_root,
        working_directory=script.path.parent,
        memory_bytes=_MEMORY,
        threads=max(1, (os.cpu_count() or 1) // jobs),
        watched_fit=watched.index,
        single_epoch_fits=watched.loop,
    )
    return TrialRunner(executor, run, folder, task=task_of(trace.fits[watched.index]))


class Hat:
    """What candidates are drawn from.

    Args:
        fit: Index of the training whose model, data and calls are to be changed.
        sources: The files to change.
        script: Path of the script as in ``sources``.
    """

    def __init__(self, knowledge: KnowledgeBase, trace: Trace, fit: int, sources: SourceFiles, script: str) -> None:
        self.knowledge, self.trace, self.fit, self.sources, self.script = knowledge, trace, fit, sources, script
        self.model = trace.fits[fit].model
        self.rules = [_unconditional(rule) for rule in knowledge.rules if rule.applicability != "display-only"]
        self._facts: dict[int, Mapping[str, Any]] = {}
        self._answers: dict[tuple[str, int], RuleMatch | None] = {}

    def draw(self, generator: random.Random, count: int = CANDIDATES) -> Iterator[Patch]:
        """Up to ``count`` patches, each of other bytes than all before."""
        seen: set[str] = set()
        fruitless = 0
        while len(seen) < count and fruitless < _FRUITLESS:
            fruitless += 1
            rules = generator.sample(self.rules, min(generator.randint(1, MOST_ANSWERS), len(self.rules)))
            answers = [self.answer(rule, generator.choice(self.model.layers)) for rule in rules]
            patch = self.patch([answer for answer in answers if answer is not None]) if all(answers) else None
            if patch is not None and patch.key not in seen:
                seen.add(patch.key)
                fruitless = 0
                yield patch

    def answer(self, rule: Rule, layer: LayerFacts) -> RuleMatch | None:
        """The rule's edits for a fault of its kind in a layer; None if they cannot be made."""
        key = (rule.id, layer.index)
        if key not in self._answers:
            fault = Fault(rule.fault, "", 1.0, layer=LayerReference(layer.index, layer.name), fit=self.fit)
            diagnosis = replace(_without_diagnosis(self.trace.fits[self.fit]), faults=(fault,))
            alone = replace(self.knowledge, rules=(rule,))
            matches = match_with_notes(alone, self.trace, diagnosis, facts=self._facts_about).matches
            self._answers[key] = matches[0] if matches and self.patch(matches) is not None else None
        return self._answers[key]

    def patch(self, answers: Sequence[RuleMatch]) -> Patch | None:
        """One patch of all the answers, None if it cannot be made."""
        fit = self.trace.fits[self.fit]
        requests = [
            EditRequest(edit.edit, edit.parameters, EditContext(fit, edit.layer, self.script))
            for answer in answers
            for edit in answer.edits
        ]
        try:
            return make_patch(
                requests,
                self.sources,
                title="; ".join(answer.title for answer in answers),
                rules=[answer.rule.id for answer in answers],
                fault_kinds=[answer.rule.fault for answer in answers],
            )
        except EditError:
            return None

    def _facts_about(self, trace: Trace, diagnosis: Diagnosis, fault: Fault) -> Mapping[str, Any]:
        """The facts of a fault; those of the run and of each layer are gathered once."""
        layer = fault.layer.index if fault.layer is not None else -1
        if layer not in self._facts:
            self._facts[layer] = facts_for(trace, diagnosis, fault)
        return {**self._facts[layer], "fault.kind": fault.kind}


def _unconditional(rule: Rule) -> Rule:
    return rule.model_copy(update={"needs": {}})


def _without_diagnosis(fit: FitTrace) -> Diagnosis:
    """What is known without looking for faults: the task, from the labels."""
    return Diagnosis("faulty", task_of(fit), (), (), ReferenceScores(None, None, None), ())


def search_among(
    candidates: Sequence[Patch],
    runner: Runner,
    settings: SearchSettings,
    clock: Callable[[], float] = time.monotonic,
) -> SearchOutcome:
    """Search candidates as dlfix does, without combining them any further."""
    return search(candidates, runner=runner, compose=lambda patches: None, settings=settings, clock=clock)


def best_of(outcome: SearchOutcome, folder: Path) -> RandomRepair:
    """The first suggestion, unless its trials speak against it.

    Args:
        folder: The script's folder, relative to the project's root.
    """
    tried = len({trial.patch for trial in outcome.trials} - {None})
    seconds = round(outcome.trial_seconds, 2)
    best = next((one for one in outcome.suggestions if one.verdict not in _NOT_OFFERED), None)
    if best is None:
        reason = "No candidate does any good." if tried else "There was no candidate, or no time to try one."
        return replace(_nothing(reason), tried=tried, trial_seconds=seconds)
    return RandomRepair(
        patch=best.patch.diff,
        files={os.path.relpath(change.path, folder): change.after.decode() for change in best.patch.files},
        title=best.patch.title,
        edits=len(best.patch.edits),
        verdict=best.verdict.value,
        tried=tried,
        trial_seconds=seconds,
    )


def _nothing(reason: str) -> RandomRepair:
    return RandomRepair(None, {}, reason, 0, "none", 0, 0.0)
