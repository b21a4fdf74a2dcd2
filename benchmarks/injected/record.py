"""Runs healthy programs and variants, and keeps what was seen; goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlfix.diagnose.execution import Executor
from dlfix.diagnose.recording import record_script
from dlfix.diagnose.trace import Trace
from dlfix.repair.patch import FileChange, Patch, Trial
from dlfix.repair.trials.runner import ScriptRun, TrialRequest, TrialRunner

from . import cache, filtering
from .anatomy import Program
from .families import HEALTHY
from .generate import Variant

#: Seeds of the healthy runs: two under the probe (also the runs in which any fault is a false alarm), two as trials.
PROBE_SEEDS, TRIAL_SEEDS = (0, 1), (0, 2)
_MEMORY = 4 << 30


@dataclass(frozen=True)
class Limits:
    """``seconds`` per run, ``jobs`` runs at the same time."""

    seconds: float = 60.0
    jobs: int = 2


class Recorder:
    """Records into a cache.

    Args:
        programs: The healthy programs.
        say: Told one line per finished run.
    """

    def __init__(
        self,
        where: cache.Cache,
        programs: Mapping[str, Program],
        limits: Limits,
        say: Callable[[str], None],
        folder: Path = HEALTHY,
    ) -> None:
        self.cache, self.programs, self.limits, self.say, self.folder = where, programs, limits, say, folder
        self.stamp = cache.recording_stamp()
        self._trials: dict[str, TrialRunner] = {}
        self._with_labels: set[str] = set()
        self._lock = threading.Lock()

    def run(self, variants: Iterable[Variant], *, again: bool = False) -> None:
        """Record what is not recorded yet: the healthy programs first, then the variants in their order."""
        with (
            Executor() as executor,
            tempfile.TemporaryDirectory(prefix="dlfix-injected-") as scratch,
            ThreadPoolExecutor(self.limits.jobs) as pool,
        ):
            self.executor, self.scratch = executor, Path(scratch)
            wanted = list(variants)
            names = sorted({variant.program for variant in wanted})
            self._all(pool, [lambda name=name: self._healthy(name, again) for name in names])  # type: ignore[misc]
            self._all(pool, [lambda one=one: self._variant(one, again) for one in wanted])  # type: ignore[misc]

    def _all(self, pool: ThreadPoolExecutor, tasks: Sequence[Callable[[], None]]) -> None:
        """One that fails for a reason of ours costs itself and is told; an interruption ends all."""
        futures = [pool.submit(task) for task in tasks]
        try:
            for future in futures:
                error = future.exception()
                if error is not None:
                    self.say(f"failed: {type(error).__name__}: {error}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self.executor.cancel_all()
            raise

    def _valid(self, folder: Path, source: str, again: bool) -> bool:
        known = cache.read(folder)
        return not again and known is not None and known["stamp"] == {**self.stamp, "source": _digest(source)}

    def _healthy(self, name: str, again: bool) -> None:
        folder, source = self.cache.healthy(name), self.programs[name].script.text
        if self._valid(folder, source, again):
            return
        shutil.rmtree(folder, ignore_errors=True)
        began = time.monotonic()
        probes = [self._probe(name, source, seed, folder) for seed in PROBE_SEEDS]
        runner = self._runner(name)
        self._with_labels.add(name)
        trials = [
            _trial_facts(runner.submit(TrialRequest(None, seed), self.limits.seconds).result()) for seed in TRIAL_SEEDS
        ]
        record = {
            "stamp": {**self.stamp, "source": _digest(source)},
            "program": name,
            "probe": probes,
            "trial": trials,
            "seconds": round(time.monotonic() - began, 2),
        }
        cache.write(folder / cache.RECORD, record)
        shown = [round(filtering.usable(run["skill"]), 2) for run in [*probes, *trials]]
        self.say(f"healthy {name}: {shown}, {record['seconds']:.0f} s")

    def _variant(self, variant: Variant, again: bool) -> None:
        folder = self.cache.variant(variant.name)
        if self._valid(folder, variant.planted.source, again):
            return
        shutil.rmtree(folder, ignore_errors=True)
        began = time.monotonic()
        healthy = cache.read(self.cache.healthy(variant.program))
        unfit = filtering.unfit(healthy) if healthy is not None else "there is no run of the healthy program"
        if unfit or healthy is None:
            self.say(f"left out {variant.key}: {unfit}")
            return
        first = self._probe(variant.program, variant.planted.source, PROBE_SEEDS[0], folder)
        decision, second = filtering.decide(healthy, first, None), None
        if decision.why == "there is no second run":
            second = self._second(variant, folder)
            decision = filtering.decide(healthy, first, second)
        if not decision.kept:
            shutil.rmtree(folder / "trace-0", ignore_errors=True)
        shutil.rmtree(folder / "trace-1", ignore_errors=True)
        (folder / "planted.py").write_text(variant.planted.source, encoding="utf-8")
        record = {
            "stamp": {**self.stamp, "source": _digest(variant.planted.source)},
            "program": variant.program,
            "key": variant.key,
            "truths": [asdict(truth) for truth in variant.planted.truths],
            "kept": decision.kept,
            "why": decision.why,
            "first": first,
            "second": second,
            "seconds": round(time.monotonic() - began, 2),
        }
        cache.write(folder / cache.RECORD, record)
        skills = [None if run is None else round(filtering.usable(run["skill"]), 2) for run in (first, second)]
        self.say(f"{'kept   ' if decision.kept else 'dropped'} {variant.key}: {skills} {decision.why}")

    def _second(self, variant: Variant, folder: Path) -> dict[str, Any]:
        """A trial; a run under the probe where its rows cannot be matched with those of the healthy program."""
        trial = self._trial(variant)
        facts = _trial_facts(trial)
        # A crash of the fault itself comes in the first epoch; one behind training is a scorer that matches no rows.
        if trial.skill is None and trial.epochs:
            return {**self._probe(variant.program, variant.planted.source, PROBE_SEEDS[1], folder), "kind": "probe"}
        return {**facts, "kind": "trial"}

    def _probe(self, program: str, source: str, seed: int, folder: Path) -> dict[str, Any]:
        script = self.folder / f"{program}.py"
        trace = record_script(
            self.executor,
            script,
            (),
            project_root=self.folder,
            working_directory=self.folder,
            seconds=self.limits.seconds,
            memory_bytes=_MEMORY,
            seed=seed,
            output=folder / f"trace-{seed}",
            overrides={str(script): source.encode()},
            seeded_as_trial=seed != PROBE_SEEDS[0],
        )
        return {"seed": seed, **run_facts(trace)}

    def _trial(self, variant: Variant) -> Trial:
        runner = self._runner(variant.program)
        with self._lock:  # labels of the healthy program must be on their way before a variant is scored against them
            if variant.program not in self._with_labels:
                self._with_labels.add(variant.program)
                runner.submit(TrialRequest(None, TRIAL_SEEDS[0]), self.limits.seconds)
        patch = _as_patch(variant, self.programs[variant.program].script.text)
        return runner.submit(TrialRequest(patch, TRIAL_SEEDS[0]), self.limits.seconds).result()

    def _runner(self, program: str) -> TrialRunner:
        with self._lock:
            if program not in self._trials:
                run = ScriptRun(self.folder / f"{program}.py", self.folder, self.folder, memory_bytes=_MEMORY)
                folder = self.scratch / program
                folder.mkdir()
                self._trials[program] = TrialRunner(self.executor, run, folder)
            return self._trials[program]


def run_facts(trace: Trace) -> dict[str, Any]:
    """What filtering asks about a run under the probe; of several fits, the last is judged."""
    last = trace.fits[-1] if trace.fits else None
    return {
        "state": trace.state,
        "fits": len(trace.fits),
        "fit_state": None if last is None else last.state,
        "skill": None if last is None else last.evaluation.get("skill"),
        "diverged": bool(last is not None and last.evaluation.get("diverged")),
        "split": None if last is None else last.evaluation.get("split"),
        "metric": None if last is None else last.evaluation.get("metric"),
        "seconds": round(trace.seconds, 2),
    }


def _trial_facts(trial: Trial) -> dict[str, Any]:
    return {
        "seed": trial.seed,
        "state": trial.state.value,
        "skill": trial.skill,
        "split": trial.split,
        "metric": trial.metric,
        "reason": trial.reason,
        "seconds": round(trial.seconds, 2),
    }


def _as_patch(variant: Variant, healthy: str) -> Patch:
    """The planted fault as a patch of the healthy program, so that trials score it against the healthy labels."""
    before, after = healthy.encode(), variant.planted.source.encode()
    change = FileChange(
        path=f"{variant.program}.py",
        before=before,
        after=after,
        sha256_before=hashlib.sha256(before).hexdigest(),
        sha256_after=hashlib.sha256(after).hexdigest(),
    )
    kinds = tuple(truth.kind for truth in variant.planted.truths)
    return Patch(variant.digest, variant.key, (), (change,), "", (), (), kinds)


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:16]
