"""From what the parts found to the result document: conversion only, nothing is judged here."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from . import result as document
from ._version import __version__
from .diagnose.findings import Diagnosis, Fault, LayerReference
from .diagnose.probe.schedule import share_spent
from .diagnose.source import CallSite, SourceSpan
from .diagnose.trace import ExceptionFacts, FitTrace, LayerFacts, Trace
from .errors import DlfixError, ScriptError
from .repair.patch import Suggestion, Trial
from .thinning import thin

#: A curve in the report has at most this many points; more are not visible and make the file large.
MOST_POINTS = 300


@dataclass
class Findings:
    """What a run has found so far; the pipeline fills it in step by step, so that an interrupted run can report it.

    Attributes:
        error: Set when the script failed or trained nothing; then ``diagnosis`` may be missing.
        baseline: Trials of the unpatched script.
        untested_because: Why no patch was tried although that was asked for.
        notes: For the user, in the order they came up.
    """

    script: str
    project_root: str
    arguments: tuple[str, ...] = ()
    trace: Trace | None = None
    diagnosis: Diagnosis | None = None
    error: ScriptError | None = None
    baseline: tuple[Trial, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    references: dict[str, tuple[str, ...]] = field(default_factory=dict)
    trials: int = 0
    trial_seconds: float = 0.0
    wall_seconds: float = 0.0
    interrupted: bool = False
    untested_because: str = ""
    notes: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    run: str = ""


def to_result(findings: Findings) -> document.Result:
    """Return the result document."""
    trace, diagnosis = findings.trace, findings.diagnosis
    fit_index = shown_fit(trace, diagnosis)
    fit = trace.fits[fit_index] if trace is not None and fit_index is not None else None
    verdict = _verdict(findings)
    values: dict[str, Any] = {}
    if diagnosis is not None:
        values |= _diagnosis_fields(diagnosis)
    if fit is not None and diagnosis is not None:
        values["model"] = _model(fit, diagnosis, fit_index or 0)
    if fit is not None:
        values["metrics"] = {name: _numbers(series) for name, series in fit.epoch_metrics.items()}
        keep = thin(len(fit.statistics.loss_steps), MOST_POINTS)
        values["loss_steps"] = tuple(int(step) for step in fit.statistics.loss_steps[keep])
        values["loss"] = _numbers(fit.statistics.loss[keep])
    return document.Result(
        dlfix=__version__,
        run=findings.run,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        script=findings.script,
        arguments=findings.arguments,
        project_root=findings.project_root,
        verdict=verdict,
        summary=_summary(findings, verdict),
        interrupted=findings.interrupted,
        error=None if findings.error is None else error_text(findings.error),
        exception=_exception(findings),
        baseline=_baseline(findings, fit),
        suggestions=tuple(_suggestion(suggestion, findings) for suggestion in findings.suggestions),
        cost=document.CostResult(
            probe_seconds=trace.seconds if trace is not None else 0.0,
            watching_share=_watching_share(fit),
            trial_seconds=findings.trial_seconds,
            wall_seconds=findings.wall_seconds,
            trials=findings.trials,
        ),
        notes=tuple(dict.fromkeys(_notes(findings))),
        environment=_jsonable({**(trace.environment if trace else {}), **findings.environment}),
        settings=_jsonable(findings.settings),
        **values,
    )


def _watching_share(fit: FitTrace | None) -> float | None:
    """What watching took of the time that the training took without it, None where that is not known."""
    if fit is None or not fit.observation_seconds:
        return None
    share = share_spent(fit.observation_seconds, fit.seconds)
    return round(share, 4) if math.isfinite(share) else None


def shown_fit(trace: Trace | None, diagnosis: Diagnosis | None) -> int | None:
    """Return the index of the ``fit`` that the report pictures: the first fault's, else the last one."""
    if trace is None or not trace.fits:
        return None
    if diagnosis is not None and diagnosis.faults:
        return min(max(diagnosis.faults[0].fit, 0), len(trace.fits) - 1)
    return len(trace.fits) - 1


def run_environment(isolation: str) -> dict[str, Any]:
    """Return where and how this run happened, as far as the reader of a report needs it."""
    return {
        "dlfix": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "executable": sys.executable,
        "working_directory": str(Path.cwd()),
        "isolation": isolation,
    }


def _verdict(findings: Findings) -> Literal["healthy", "faulty", "error"]:
    diagnosis = findings.diagnosis
    if findings.error is not None or diagnosis is None:
        return "error"
    return "healthy" if diagnosis.verdict == "healthy" else "faulty" if diagnosis.verdict == "faulty" else "error"


def _failed_later(findings: Findings) -> str:
    """What became of a script after its healthy training, if it did not end well."""
    trace = findings.trace
    if trace is None or trace.state not in ("raised", "killed", "out of memory"):
        return ""
    error = trace.exception
    if error is None:
        return f"; after the training, the script {'ran out of memory' if trace.state == 'out of memory' else 'died'}"
    kind = error.type_name.rpartition(".")[2]
    if kind == "SystemExit":
        return f"; after the training, the script ended itself with sys.exit({error.message.strip()})"
    place = f" ({error.site.span.file}:{error.site.span.line})" if error.site else ""
    return f"; after the training, the script raised {kind}{place}"


def _summary(findings: Findings, verdict: str) -> str:
    if verdict == "error":
        if findings.error is not None:
            return findings.error.what
        return (
            "Interrupted before there was a diagnosis."
            if findings.interrupted
            else "The script could not be diagnosed."
        )
    assert findings.diagnosis is not None
    if verdict == "healthy":
        checks = sum(outcome.status in ("fired", "passed") for outcome in findings.diagnosis.checks)
        return f"No fault found ({checks} checks){_failed_later(findings)}."
    text = _count(findings.diagnosis)
    helpful = [s for s in findings.suggestions if s.verdict in ("fixed", "improved")]
    if helpful:
        best = helpful[0]
        before, after = _mean(best.baseline_skill), _mean(best.patched_skill)
        if findings.baseline and all(trial.state == "crashed" for trial in findings.baseline):
            return f"{text}; the training fails, with patch {best.rank} it reaches a skill of {after:.2f}."
        return f"{text}; patch {best.rank} takes the skill from {before:.2f} to {after:.2f}."
    promising = next((s for s in findings.suggestions if s.verdict == "untested" and s.patched_skill), None)
    if promising is not None:
        before, after = _mean(promising.baseline_skill), _mean(promising.patched_skill)
        return (
            f"{text}; patch {promising.rank} looks better (skill {before:.2f} to {after:.2f}), "
            "but there was no time to prove it."
        )
    untested = sum(s.verdict == "untested" for s in findings.suggestions)
    if untested and not findings.trials:
        why = f": {findings.untested_because}" if findings.untested_because else ""
        return f"{text}; {untested} patch{'es' if untested != 1 else ''} proposed, not tested{why}."
    return f"{text}; no patch was proven to help." if findings.trials else f"{text}."


def _count(diagnosis: Diagnosis) -> str:
    """How many faults are more likely than not (the first one always counts), and how many are merely suspected."""
    likely = max(1, sum(fault.confidence >= 0.5 for fault in diagnosis.faults))
    suspected = len(diagnosis.faults) - likely
    return f"{likely} fault{'s' if likely != 1 else ''} found" + (
        f", {suspected} more suspected" if suspected > 0 else ""
    )


def _diagnosis_fields(diagnosis: Diagnosis) -> dict[str, Any]:
    task, reference = diagnosis.task, diagnosis.reference
    checks = tuple(
        document.CheckResult(check=outcome.check, status=outcome.status, reason=outcome.reason)  # type: ignore[arg-type]
        for outcome in diagnosis.checks
    )
    return {
        "task": document.TaskResult(
            kind=task.kind, classes=task.classes, encoding=task.encoding, confidence=task.confidence, text=task.text
        ),
        "reference": document.ReferenceResult(
            trivial=_number(reference.trivial),
            linear=_number(reference.linear),
            best=_number(reference.best),
            best_name=reference.best_name,
        ),
        "symptoms": tuple(
            document.SymptomResult(
                check=symptom.check,
                layer=_layer_name(symptom.layer),
                epoch=symptom.epoch,
                value=_number(symptom.value),
                threshold=_number(symptom.threshold),
                text=symptom.text,
            )
            for symptom in diagnosis.symptoms
        ),
        "faults": tuple(_fault(rank, fault) for rank, fault in enumerate(diagnosis.faults, start=1)),
        "checks": checks,
        "checks_run": tuple(check.check for check in checks if check.status in ("fired", "passed")),
        "checks_failed": tuple(check for check in checks if check.status == "failed"),
    }


def _fault(rank: int, fault: Fault) -> document.FaultResult:
    return document.FaultResult(
        rank=rank,
        kind=fault.kind,
        layer=_layer_name(fault.layer),
        hyperparameter=fault.hyperparameter,
        confidence=fault.confidence,
        location=_location(fault.span),
        symptoms=fault.symptoms,
        text=fault.text,
    )


def _model(fit: FitTrace, diagnosis: Diagnosis, fit_index: int) -> document.ModelResult:
    keep = thin(len(fit.statistics.steps), MOST_POINTS)
    return document.ModelResult(
        name=fit.model.name,
        kind=fit.model.kind,
        parameters=fit.model.parameters,
        steps=tuple(int(step) for step in fit.statistics.steps[keep]),
        layers=tuple(
            _layer(layer, _series(fit, column, keep), _fault_ranks(diagnosis, fit_index, layer.index))
            for column, layer in enumerate(fit.model.layers)
        ),
    )


def _series(fit: FitTrace, column: int, keep: Sequence[int]) -> dict[str, tuple[float | None, ...]]:
    """Return the statistics that this layer has, thinned."""
    series = {}
    for name, values in fit.statistics.layers.items():
        if values.ndim == 2 and column < values.shape[1]:
            thinned = _numbers(values[list(keep), column])
            if any(value is not None for value in thinned):
                series[name] = thinned
    return series


def _fault_ranks(diagnosis: Diagnosis, fit_index: int, layer: int) -> tuple[int, ...]:
    """Return the ranks of the faults that name this layer."""
    return tuple(
        rank
        for rank, fault in enumerate(diagnosis.faults, start=1)
        if fault.fit == fit_index and fault.layer is not None and fault.layer.index == layer
    )


def _layer(
    layer: LayerFacts, series: dict[str, tuple[float | None, ...]], faults: tuple[int, ...]
) -> document.LayerResult:
    return document.LayerResult(
        index=layer.index,
        name=layer.name,
        class_name=layer.class_name,
        activation=layer.activation,
        units=layer.units,
        output_shape=layer.output_shape,
        parameters=layer.parameters,
        inbound=layer.inbound,
        location=_location(layer.site.span if isinstance(layer.site, CallSite) else None),
        faults=faults,
        series=series,
    )


def _baseline(findings: Findings, fit: FitTrace | None) -> document.BaselineResult:
    """Trials of the unpatched script; where there are none, what the probe run itself reached."""
    trials = findings.baseline
    if not trials and fit is not None and fit.evaluation:
        return document.BaselineResult(
            skill=(_number(findings.diagnosis.skill if findings.diagnosis is not None else None),),
            epochs=len(fit.epoch_seconds),
            seconds=fit.seconds,
            metric=fit.evaluation.get("metric"),
            split=fit.evaluation.get("split"),
        )
    if not trials:
        return document.BaselineResult()
    last = trials[-1]
    return document.BaselineResult(
        skill=tuple(_number(trial.skill) for trial in trials),
        epochs=max(trial.epochs for trial in trials),
        seconds=sum(trial.seconds for trial in trials) / len(trials),
        metric=last.metric,
        split=last.split,
        trials=tuple(_trial(trial) for trial in trials),
    )


def _suggestion(suggestion: Suggestion, findings: Findings) -> document.SuggestionResult:
    patch = suggestion.patch
    references = dict.fromkeys(reference for rule in patch.rules for reference in findings.references.get(rule, ()))
    return document.SuggestionResult(
        rank=suggestion.rank,
        patch=f"{suggestion.rank:02d}.patch",
        title=patch.title,
        why=patch.why,
        verdict=suggestion.verdict.value,
        applicability=patch.applicability.value,
        rules=patch.rules,
        cases=patch.cases,
        references=tuple(references),
        fault_kinds=patch.fault_kinds,
        edits=tuple(
            document.EditResult(
                edit=edit.edit,
                before=edit.before,  # type: ignore[call-arg] # the alias is "from", a keyword
                after=edit.after,
                location=_location(edit.span),
            )
            for edit in patch.edits
        ),
        files=tuple(
            document.FileResult(path=change.path, sha256_before=change.sha256_before, sha256_after=change.sha256_after)
            for change in patch.files
        ),
        diff=patch.diff,
        skill=document.SkillResult(
            baseline=_numbers(suggestion.baseline_skill),
            patched=_numbers(suggestion.patched_skill),
            gain=_number(suggestion.gain),
            interval=suggestion.interval,
        ),
        trials=tuple(_trial(trial) for trial in suggestion.trials),
    )


def _trial(trial: Trial) -> document.TrialResult:
    return document.TrialResult(
        seed=trial.seed,
        state=trial.state.value,
        epochs=trial.epochs,
        seconds=trial.seconds,
        skill=_number(trial.skill),
        reason=trial.reason,
        fraction=trial.fraction,
        metrics={name: _thinned(series) for name, series in trial.metrics.items()},
    )


def _exception(findings: Findings) -> document.ExceptionResult | None:
    facts: ExceptionFacts | None = findings.trace.exception if findings.trace is not None else None
    error = findings.error
    if error is not None and error.traceback:
        message = facts.message if facts is not None else error.what
        return document.ExceptionResult(type_name=error.type_name, message=message, traceback=error.traceback)
    if facts is not None:
        return document.ExceptionResult(type_name=facts.type_name, message=facts.message, traceback=facts.traceback)
    return None


def _notes(findings: Findings) -> Iterable[str]:
    yield from findings.trace.notes if findings.trace is not None else ()
    yield from findings.diagnosis.notes if findings.diagnosis is not None else ()
    yield from findings.notes


def _layer_name(layer: LayerReference | None) -> document.LayerName | None:
    return None if layer is None else document.LayerName(index=layer.index, name=layer.name)


def _location(span: SourceSpan | None) -> document.Location | None:
    if span is None:
        return None
    return document.Location(
        file=span.file, line=span.line, column=span.column, end_line=span.end_line, end_column=span.end_column
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _number(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity; a report shows what is missing as missing."""
    if value is None:
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def _numbers(values: Iterable[float | None]) -> tuple[float | None, ...]:
    return tuple(_number(value) for value in values)


def _thinned(series: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(_number(series[index]) for index in thin(len(series), MOST_POINTS))


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _jsonable(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(entry) for entry in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return _number(float(value))
    return str(value)


def error_text(error: DlfixError) -> str:
    """Return the message as it is shown: what happened, what to do, where there is more."""
    return "\n".join(filter(None, (error.what, error.hint, f"More: dlfix explain {error.slug}")))
