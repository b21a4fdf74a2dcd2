"""The public functions. They return results, raise ``DlfixError``, and never print or end the process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .progress import ProgressCallback
    from .result import Result

_ORIGIN = "the call"


def suggest(
    path: str | os.PathLike[str],
    *,
    arguments: Sequence[str] = (),
    budget: str | float | None = None,
    probe_time: str | float | None = None,
    epochs: int | None = None,
    repeats: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    metric: str | None = None,
    direction: Literal["max", "min"] | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    max_patches: int | None = None,
    validate: bool | None = None,
    rules: Sequence[str | os.PathLike[str]] = (),
    rule_order: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: ProgressCallback | None = None,
    run_folder: str | os.PathLike[str] | None = None,
) -> Result:
    """Run a script that trains a Keras model, find what is wrong, and prove patches by retraining.

    The user's files are not changed. What is not given comes from ``DLFIX_*``, then from ``[tool.dlfix]`` of the
    nearest ``pyproject.toml``, then from the defaults (budget 5 minutes, 3 repeats, seed 0).

    Args:
        path: The script.
        arguments: The script's own arguments.
        budget: Wall-clock time for everything, ``"5m"`` or seconds.
        probe_time: Of that, at most this for the probe run.
        epochs: Train at most this many epochs per trial.
        repeats: Seeds per patch for what is shown as proven.
        seed: The first seed.
        jobs: Trials at the same time.
        metric: Rank by this metric of the script's instead of by skill; needs ``direction``.
        direction: ``"max"`` if more of the metric is better, else ``"min"``.
        select: Ids of the rules to use; all if empty.
        ignore: Ids of rules to leave out.
        max_patches: Try at most this many patches.
        validate: Prove patches by trials (the default), or only propose them.
        rules: Folders with rules of your own.
        rule_order: A file with an order of rules other than the shipped one, as ``benchmarks.calibration`` fits it.
        resume: Return the result of an identical earlier run, if there is one, instead of running again.
        progress: Called with a ``ProgressEvent`` whenever something moves on, in the calling thread or another.
        run_folder: Folder in which ``.dlfix`` is made; the current one by default.

    Returns:
        The result. A script that fails or trains nothing gives the verdict ``"error"`` with the reason in ``error``.

    Raises:
        UsageError: The path or a setting cannot be used.
        DlfixError: A bug in dlfix.

    Example:
        >>> result = suggest("train.py", budget="5m")  # doctest: +SKIP
        >>> print(result.suggestions[0].diff)  # doctest: +SKIP
    """
    from .pipeline import Request, run
    from .settings import resolve_settings

    options = {
        "budget": budget,
        "probe_time": probe_time,
        "epochs": epochs,
        "repeats": repeats,
        "seed": seed,
        "jobs": jobs,
        "metric": metric,
        "direction": direction,
        "select": tuple(select),
        "ignore": tuple(ignore),
        "max_patches": max_patches,
        "validate": validate,
        "rules": tuple(Path(folder) for folder in rules),
        "rule_order": None if rule_order is None else Path(rule_order),
    }
    source = Path(path)
    return run(
        Request(
            source=source,
            resolved=resolve_settings(options, near=source, origin=_ORIGIN),
            arguments=tuple(arguments),
            resume=resume,
            run_base=None if run_folder is None else Path(run_folder),
            progress=progress or _ignore,
        )
    ).result


def diagnose(
    path: str | os.PathLike[str],
    *,
    arguments: Sequence[str] = (),
    budget: str | float | None = None,
    probe_time: str | float | None = None,
    seed: int | None = None,
    resume: bool = False,
    progress: ProgressCallback | None = None,
    run_folder: str | os.PathLike[str] | None = None,
) -> Result:
    """Run a script once and say what is wrong, without patches and trials; or diagnose a saved trace again.

    Args:
        path: The script, or the folder of a saved trace (``.dlfix/runs/<id>/trace``).
        arguments: The script's own arguments.
        budget: Wall-clock time for everything.
        probe_time: Of that, at most this for the probe run.
        seed: Seed of the run.
        resume: Return the result of an identical earlier run, if there is one, instead of running again.
        progress: As for ``suggest``.
        run_folder: As for ``suggest``.

    Returns:
        The result, without suggestions.

    Raises:
        UsageError: The path or a setting cannot be used.
        DlfixError: A bug in dlfix.

    Example:
        >>> for fault in diagnose("train.py").faults:  # doctest: +SKIP
        ...     print(fault.location, fault.text)
    """
    from .pipeline import Request, run
    from .settings import resolve_settings

    options = {"budget": budget, "probe_time": probe_time, "seed": seed}
    source = Path(path)
    return run(
        Request(
            source=source,
            resolved=resolve_settings(options, near=source, origin=_ORIGIN),
            arguments=tuple(arguments),
            trials=False,
            resume=resume,
            run_base=None if run_folder is None else Path(run_folder),
            progress=progress or _ignore,
        )
    ).result


def _ignore(event: object) -> None:
    """Nobody asked for progress."""
