"""The skill that a script reaches, over seeds, measured as dlfix measures trials but on each script for itself.

Nothing of a diagnosis or of another script goes in: the task is inferred from the labels that reach the script's own
last ``fit``, and the rows that are scored are those of a trial (validation data, else held-out rows, else the training
rows of tiny data). Seeds are the caller's, so that a patch can be judged on seeds that no search has seen.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlfix.diagnose.execution import Executor
from dlfix.repair.trials.runner import ScriptRun, TrialRequest, TrialRunner

_MEMORY = 6 << 30


@dataclass(frozen=True)
class SeedResult:
    """One training with one seed.

    Attributes:
        skill: 0 trivial, 1 perfect; None when it could not be scored (``reason`` says why).
        state: ``completed``, ``diverged``, ``crashed`` or ``timed out``.
        seconds: Wall-clock time of the training process, start of Python not included.
        split: Which rows were scored: ``validation``, ``holdout`` or ``training``.
    """

    seed: int
    skill: float | None
    state: str
    seconds: float
    metric: str | None
    split: str | None
    reason: str | None


def measure(
    script: Path, seeds: Sequence[int], *, seconds: float, jobs: int = 1, files: Mapping[str, str] | None = None
) -> list[SeedResult]:
    """Train a copy of the script's folder once per seed.

    Args:
        script: The script.
        seeds: One training each.
        seconds: Limit of time per training.
        jobs: Trainings at the same time.
        files: Paths relative to the script's folder -> text that stands there instead.
    """
    with tempfile.TemporaryDirectory(prefix="dlfix-skill-") as folder, Executor() as executor:
        home = Path(shutil.copytree(script.parent, Path(folder) / "program"))
        for name, text in (files or {}).items():
            (home / name).write_text(text, encoding="utf-8")
        trials = Path(folder) / "trials"
        trials.mkdir()
        run = ScriptRun(home / script.name, home, home, memory_bytes=_MEMORY)
        runner = TrialRunner(executor, run, trials)
        results: list[SeedResult] = []
        for start in range(0, len(seeds), jobs):
            group = [runner.submit(TrialRequest(None, seed), seconds) for seed in seeds[start : start + jobs]]
            results.extend(
                SeedResult(
                    seed=trial.seed,
                    skill=trial.skill,
                    state=trial.state.value,
                    seconds=round(trial.seconds, 2),
                    metric=trial.metric,
                    split=trial.split,
                    reason=trial.reason,
                )
                for trial in (future.result() for future in group)
            )
        return results
