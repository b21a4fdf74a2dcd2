"""From a diagnosis to patches, and from patches to suggestions: the calls into ``knowledge_base`` and ``repair``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .diagnose.findings import Diagnosis
from .diagnose.source import CallSite
from .diagnose.trace import FitTrace, LaterCall, Trace
from .errors import ScriptError
from .inputs import Script
from .repair.patch import Patch, Suggestion, Verdict

if TYPE_CHECKING:
    from .diagnose.execution import Executor
    from .knowledge_base import KnowledgeBase
    from .repair.patching import SourceFiles
    from .repair.search import SearchOutcome, SearchProgress, SecondLook
    from .settings import Settings

#: Patches shown without proof (``--no-validate``) when no number is given: what a person can look through.
_MOST_UNTESTED = 10

#: A trial gets this many times the memory that the probe run needed, for patches that make the model larger.
_MEMORY_MARGIN = 3
_LEAST_MEMORY = 2 << 30


@dataclass(frozen=True)
class Proposals:
    """Patches to try, best supported first.

    Attributes:
        advice: Patches that are shown and never tried or applied.
        notes: What could not be proposed, and why.
        sources: The files the patches were made from.
    """

    patches: tuple[Patch, ...]
    advice: tuple[Patch, ...]
    notes: tuple[str, ...]
    sources: SourceFiles


@dataclass(frozen=True)
class Machine:
    """How many trials run at once, and what each may use."""

    jobs: int
    threads: int
    memory_bytes: int


def propose(
    trace: Trace, diagnosis: Diagnosis, knowledge: KnowledgeBase, script: Script, settings: Settings
) -> Proposals:
    """Return the patches that the knowledge base has for this diagnosis."""
    from .repair.candidates import candidates
    from .repair.edits.sources import SourceError
    from .repair.patching import SourceFiles

    root = script.project_root
    paths = sorted({name for name in script.sources if not Path(name).is_absolute()} | _files_in_trace(trace, root))
    try:
        sources = SourceFiles.read(root, paths)
    except SourceError as error:
        raise ScriptError("unreadable", str(error), "dlfix cannot patch what it cannot read.") from None
    name = script.path.relative_to(root).as_posix()
    found = candidates(trace, diagnosis, knowledge, sources, name, select=settings.select, ignore=settings.ignore)
    # The search makes its own combinations, and minimizes them; without it they are offered as the rules combine them.
    patches = found.singles if settings.validate_patches else found.patches
    return Proposals(tuple(patches[: settings.max_patches]), tuple(found.advice), tuple(found.notes), sources)


def untested(patches: Sequence[Patch], begin: int = 1) -> tuple[Suggestion, ...]:
    """Return patches as suggestions that nobody tried, ranked in their order from ``begin`` on."""
    return tuple(
        Suggestion(rank, patch, Verdict.UNTESTED, (), (), None, None, ())
        for rank, patch in enumerate(patches[:_MOST_UNTESTED], start=begin)
    )


def second_look(  # noqa: PLR0917
    trace: Trace,
    diagnosis: Diagnosis,
    knowledge: KnowledgeBase,
    proposals: Proposals,
    script: Script,
    settings: Settings,
    executor: Executor,
    memory_bytes: int,
) -> SecondLook:
    """Return a function that diagnoses a patched script and answers what is still wrong with it."""

    def look(patch: Patch, seconds: float, seed: int) -> Sequence[Patch]:
        from .diagnose.diagnosis import diagnose
        from .diagnose.recording import record_script
        from .repair.candidates import candidates

        with tempfile.TemporaryDirectory(prefix="dlfix-second-look-", ignore_cleanup_errors=True) as folder:
            seen = record_script(
                executor,
                script.path,
                trace.arguments,
                project_root=script.project_root,
                working_directory=Path.cwd(),
                seconds=seconds,
                memory_bytes=memory_bytes,
                seed=seed,
                seeded_as_trial=True,
                output=Path(folder),
                probe_budget=settings.probe_budget,
                overrides={str(script.project_root / change.path): change.after for change in patch.files},
            )
            if not seen.fits:
                return ()
            # Good is not good enough here: whatever might improve it is tried.
            found = diagnose(seen, suspect=True, known=diagnosis)
            name = script.path.relative_to(script.project_root).as_posix()
            answers = candidates(
                seen,
                found,
                knowledge,
                proposals.sources,
                name,
                select=settings.select,
                ignore=settings.ignore,
                unpatched=trace,
            )
            return answers.singles[: settings.max_patches]

    return look


def prove(
    trace: Trace,
    diagnosis: Diagnosis,
    proposals: Proposals,
    script: Script,
    settings: Settings,
    *,
    knowledge: KnowledgeBase,
    executor: Executor,
    machine: Machine,
    seconds: float,
    progress: Callable[[SearchProgress], None],
) -> SearchOutcome:
    """Try the patches, alone and together, within ``seconds``; also after Ctrl-C with what was finished."""
    from .repair.patching import compose
    from .repair.search import SearchSettings, search
    from .repair.trials.pool import Schedule
    from .repair.trials.runner import ScriptRun, TrialRunner

    watched = watched_fit(trace, diagnosis)
    with tempfile.TemporaryDirectory(prefix="dlfix-trials-", ignore_cleanup_errors=True) as folder:
        runner = TrialRunner(
            executor,
            ScriptRun(
                script=script.path,
                project_root=script.project_root,
                working_directory=Path.cwd(),
                arguments=trace.arguments,
                memory_bytes=machine.memory_bytes,
                threads=machine.threads,
                watched_fit=watched.index,
                single_epoch_fits=watched.loop,
                scored_evaluation=scored_evaluation(trace, diagnosis),
                metric=settings.metric,
                direction=settings.direction or "max",
            ),
            Path(folder),
            task=diagnosis.task,
        )
        return search(
            proposals.patches,
            runner=runner,
            compose=lambda patches: compose(patches, proposals.sources),
            settings=SearchSettings(
                seconds=seconds,
                repeats=settings.repeats,
                seed=settings.seed,
                jobs=machine.jobs,
                most_epochs=settings.epochs,
                schedule=Schedule(watched.epochs, watched.seconds, max(trace.seconds - (watched.seconds or 0.0), 0.5)),
            ),
            reference=diagnosis.reference,
            second_look=second_look(
                trace, diagnosis, knowledge, proposals, script, settings, executor, machine.jobs * machine.memory_bytes
            ),
            progress=progress,
        )


@dataclass(frozen=True)
class WatchedFit:
    """The training that trials score.

    Attributes:
        index: Its place among the calls of ``fit``; trials end behind it.
        loop: The fits are the epochs of a loop (``for …: model.fit(epochs=1)``), and all of them are meant.
        epochs: How many the script asks for.
        seconds: What all of them take, None if no epoch was finished.
    """

    index: int
    loop: bool
    epochs: int
    seconds: float | None


def why_no_trials(trace: Trace, diagnosis: Diagnosis) -> str:
    """Return why patches for the first fault cannot be tried, empty if they can."""
    index = diagnosis.faults[0].fit if diagnosis.faults else len(trace.fits) - 1
    origin = trace.fits[index].origin
    if origin == "fit":
        return ""
    loop = "a loop around train_on_batch" if origin == "train_on_batch" else "a loop of its own"
    return f"trials train with fit, and this script trains in {loop}"


def watched_fit(trace: Trace, diagnosis: Diagnosis) -> WatchedFit:
    """Return the training that the first fault is about, and how long it takes."""
    fits = trace.fits
    index = diagnosis.faults[0].fit if diagnosis.faults else len(fits) - 1
    chosen = fits[index]
    same = [fit for fit in fits if fit.fit.site == chosen.fit.site]
    if len(same) > 1 and all(fit.fit.epochs - fit.fit.initial_epoch == 1 for fit in same):
        last = max(place for place, fit in enumerate(fits) if fit.fit.site == chosen.fit.site)
        return WatchedFit(_among_fits(fits, last), True, len(same), sum(fit.seconds for fit in same))
    if len({fit.model.name for fit in same}) == len(same) > 1:
        # Folds of a cross-validation, or restarts: each trains a model of its own, so the first says enough.
        index = next(place for place, fit in enumerate(fits) if fit is same[0])
        chosen = same[0]
    epochs = max(chosen.fit.epochs - chosen.fit.initial_epoch, 1)
    finished = len(chosen.epoch_seconds)
    seconds = sum(chosen.epoch_seconds) / finished * epochs if finished else None
    return WatchedFit(_among_fits(fits, index), False, epochs, seconds)


def scored_evaluation(trace: Trace, diagnosis: Diagnosis) -> int | None:
    """Return which call of ``evaluate`` shows the first fault, counted from 0; None where training itself shows it."""
    first = diagnosis.faults[0] if diagnosis.faults else None
    told = [] if first is None else [diagnosis.symptoms[place] for place in first.symptoms]
    if first is None or not told or told[0].check != "mismatched-test-inputs":
        return None
    calls, number = trace.fits[first.fit].later_calls, int(told[0].details["call"])
    if not _is_scorable(calls[number]):
        return None
    return sum(_is_scorable(call) for call in calls[:number])


def _is_scorable(call: LaterCall) -> bool:
    """Whether it evaluates arrays with labels: nothing tells what ``predict`` should say, and pipelines pass by."""
    return call.method == "evaluate" and bool(call.targets) and call.inputs[0].shape[0] is not None


def _among_fits(fits: Sequence[FitTrace], index: int) -> int:
    """Place of a fit among the calls of ``fit``: loops of the script's own are no fits to a trial."""
    return sum(fit.origin == "fit" for fit in fits[:index])


def plan_machine(jobs: int | None, peak_bytes: int) -> Machine:
    """Return how many trials this machine carries at once.

    Args:
        jobs: What the user asked for.
        peak_bytes: What the probe run needed, 0 if unknown.
    """
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    available = int(psutil.virtual_memory().available * 0.8)
    if jobs is None:
        # One trial per core: small models gain little from threads, and trials that share no thread disturb least.
        jobs = max(1, min(cores, available // max(int(peak_bytes * 1.5), 1)))
    memory = max(min(available // jobs, max(peak_bytes * _MEMORY_MARGIN, _LEAST_MEMORY)), 1 << 30)
    return Machine(jobs, max(1, cores // jobs), memory)


def _files_in_trace(trace: Trace, root: Path) -> set[str]:
    """Files of the project where something seen at run time was made; reading imports may have missed some."""
    sites = [site for fit in trace.fits for site in _sites(fit)]
    names = {span.file for site in sites if site for span in (site.span, *site.callers)}
    return {name for name in names if not Path(name).is_absolute() and (root / name).is_file()}


def _sites(fit: FitTrace) -> list[CallSite | None]:
    compiled = fit.compile
    return [
        fit.fit.site,
        fit.model.site,
        compiled.site,
        compiled.optimizer.site,
        *(loss.site for loss in compiled.losses),
        *(layer.site for layer in fit.model.layers),
    ]
