"""From a trace to a diagnosis: which fits to judge, what each shows, and what is reported of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .checks.registry import run_checks
from .checks.subject import Subject
from .findings import CheckOutcome, Diagnosis, Fault, ReferenceScores, Symptom, Task
from .gate import Judgement, judge
from .localize import localize
from .losses import BINARY, canonical_name, loss_family
from .measures import columns, inputs_are_tokens
from .reference import reference_scores
from .structure import code_width, has_bottleneck, output_heads
from .task import infer_task
from .trace import STEP_SERIES, ArrayFacts, FitTrace, RangeTest, Statistics, Trace

#: Fits of one place in the source that are judged (the last ones): a search over settings may make hundreds.
PER_PLACE = 3
#: Wall-clock seconds for all reference learners together.
REFERENCE_SECONDS = 5.0

#: From this confidence on the first fault needs no further test.
SURE = 0.9
_OF_THE_RATE = frozenset({"learning_rate", "epochs", "optimizer", "batch_size"})

_UNKNOWN = Task("unknown", None, "real", 0.0, "No labels were seen.")
_MEANT_OTHERWISE = Task(
    "unknown",
    None,
    "real",
    0.0,
    "What the training step makes of the second array is its own affair; it fits no output.",
)
_NO_REFERENCE = ReferenceScores(None, None, None)
_ORDER = {"fired": 3, "failed": 2, "passed": 1, "not applicable": 0}
#: Errors of Keras and TensorFlow that arise where model and labels meet.
_SHAPE_ERROR = re.compile(
    r"shape|rank|logits|label value|out of (the valid )?range|incompatible|broadcast|dimension|ndim|axis", re.IGNORECASE
)


@dataclass(frozen=True)
class _Judged:
    subject: Subject
    symptoms: tuple[Symptom, ...]
    outcomes: tuple[CheckOutcome, ...]
    judgement: Judgement
    faults: tuple[Fault, ...]


def diagnose(trace: Trace, *, suspect: bool = False, known: Diagnosis | None = None) -> Diagnosis:
    """Say whether a run is healthy, and if not, what is most likely at fault.

    Args:
        trace: What was recorded.
        suspect: Take every training for a poor one, to learn what could be improved about it. What is then said is for
            trials to confirm, not for people to read.
        known: Diagnosis of an earlier run of the same script. What reference learners reach is taken from it, as long
            as the task is the same: it takes seconds to find out, and they see all inputs on one scale anyway.

    Example:
        >>> diagnose(load_trace(folder)).verdict  # doctest: +SKIP
        'healthy'
    """
    chosen = chosen_fits(trace.fits)
    if not chosen or not any(trained(fit) for fit in trace.fits):
        return Diagnosis("error", _UNKNOWN, (), (), _NO_REFERENCE, (), _notes(trace))
    judged: list[_Judged] = []
    offset = 0
    for index, fit in chosen:
        task = task_of(fit)
        reference = known.reference if known is not None and (known.task, len(chosen)) == (task, 1) else None
        item = _judge(fit, task, reference or _reference(fit, task, len(chosen)), index, offset, suspect)
        judged.append(item)
        offset += len(item.symptoms)
    faults = _merged_faults(judged)
    worst = _worst(judged)
    verdict = "faulty" if faults else "healthy"
    failed_in_fit = trace.fits[-1].state == "raised"
    notes = list(_notes(trace))
    if failed_in_fit and not faults:
        verdict = "error"
    if not faults and verdict == "healthy":
        notes.extend(_doubts(judged))
    return Diagnosis(
        verdict=verdict,
        task=worst.subject.task,
        symptoms=tuple(symptom for item in judged for symptom in item.symptoms),
        faults=faults,
        reference=worst.subject.reference,
        checks=_merged_outcomes(judged),
        notes=tuple(notes),
        skill=worst.subject.skill,
    )


def doubtful_fit(trace: Trace, diagnosis: Diagnosis) -> int | None:
    """The training whose learning rate should be put to a range test: its index among the calls of ``fit``.

    In doubt is who suspects the learning rate, or the length of the training, and has nothing surer to say. Of several
    trainings at one place in the source the first is meant, since the others are like it.
    """
    if diagnosis.verdict != "faulty" or diagnosis.faults[0].confidence >= SURE:
        return None
    suspected = next((fault for fault in diagnosis.faults if fault.kind in _OF_THE_RATE), None)
    if suspected is None or trace.fits[suspected.fit].state == "raised" or trace.fits[suspected.fit].origin != "fit":
        return None
    place = trace.fits[suspected.fit].fit.site
    calls = [fit for fit in trace.fits if fit.origin == "fit"]
    return next(index for index, fit in enumerate(calls) if fit.fit.site == place)


def with_range_test(trace: Trace, call: int, test: RangeTest) -> Trace:
    """The trace with a range test of one call of ``fit``, which stands for all fits at its place in the source."""
    place = [fit for fit in trace.fits if fit.origin == "fit"][call].fit.site
    fits = tuple(replace(one, range_test=test) if one.fit.site == place else one for one in trace.fits)
    return replace(trace, fits=fits)


def _reference(fit: FitTrace, task: Task, fits: int) -> ReferenceScores:
    seconds = REFERENCE_SECONDS / fits
    return reference_scores(
        fit.sample,
        task,
        seconds=seconds,
        tokens=inputs_are_tokens(fit),
        bottleneck=has_bottleneck(fit.model),
        code=0 if any(loss.is_custom for loss in fit.compile.losses) else code_width(fit.model),
    )


def _judge(  # noqa: PLR0917
    fit: FitTrace, task: Task, reference: ReferenceScores, index: int, offset: int, suspect: bool
) -> _Judged:
    subject = Subject(fit, task, reference, index)
    symptoms, outcomes = run_checks(subject)
    judgement = judge(subject, symptoms)
    if suspect:
        judgement = Judgement(True, (*judgement.reasons, "suspected"))
    if fit.state == "raised":
        message = f"{fit.exception.type_name}: {fit.exception.message}" if fit.exception else ""
        judgement = Judgement(judgement.poor or bool(_SHAPE_ERROR.search(message)), (*judgement.reasons, "raised"))
    seen = [(offset + position, symptom) for position, symptom in enumerate(symptoms)]
    return _Judged(subject, symptoms, outcomes, judgement, localize(subject, seen, judgement))


def trained(fit: FitTrace) -> bool:
    """Whether a training made a step; one over no rows ends well and changes nothing."""
    return fit.updates != 0 or fit.state == "raised" or fit.statistics.loss.size > 0


def task_of(fit: FitTrace) -> Task:
    """The task of the first target, with loss and output size to break ties."""
    if not fit.data.targets:
        return _UNKNOWN
    loss = canonical_name(fit.compile.losses[0].name) if fit.compile.losses else None
    heads = output_heads(fit.model)
    task = infer_task(fit.data.targets[0], loss=loss, output_units=heads[0].units if heads else None)
    own_loss = fit.origin == "fit" and loss is None and bool(heads)
    if own_loss and task.kind == "regression" and heads[0].units not in (None, columns(fit.data.targets[0])):
        return _MEANT_OTHERWISE
    if task.kind == "regression" and fit.compile.losses and loss_family(fit.compile.losses[0]) == BINARY:
        return _read_as_labels(task, fit.data.targets[0])
    return task


def _read_as_labels(task: Task, target: ArrayFacts) -> Task:
    """Rows of two whole numbers under a binary crossentropy are labels, whichever numbers stand for no and yes."""
    if not target.integers or len(target.unique or ()) != 2:
        return task
    encoding = "one_based" if target.unique == (1.0, 2.0) else "other_integer"
    return Task("multilabel", columns(target), encoding, 0.7, f"{task.text} Read as labels because of the loss.")


def chosen_fits(fits: Sequence[FitTrace]) -> list[tuple[int, FitTrace]]:
    """The fits to judge, with their positions.

    Consecutive fits of one model at one place (``for …: model.fit(epochs=1)``) are one training in parts and are put
    together. Of trainings at the same place (folds, searches) the last few are judged.
    """
    chains: list[list[int]] = []
    for index, fit in enumerate(fits):
        if chains and _continues(fits[chains[-1][-1]], fit):
            chains[-1].append(index)
        else:
            chains.append([index])
    places: dict[object, list[list[int]]] = {}
    for chain in chains:
        site = fits[chain[-1]].fit.site
        places.setdefault(site.span if site else None, []).append(chain)
    chosen = [chain for found in places.values() for chain in found[-PER_PLACE:]]
    chosen = [chain for chain in chosen if trained(fits[chain[-1]])] or chosen
    return [(chain[-1], _joined([fits[index] for index in chain])) for chain in sorted(chosen)]


def _continues(before: FitTrace, after: FitTrace) -> bool:
    same_place = before.fit.site == after.fit.site and before.model.site == after.model.site
    same_model = before.model.name == after.model.name and before.model.parameters == after.model.parameters
    return same_place and same_model and before.state == "completed"


def _joined(parts: Sequence[FitTrace]) -> FitTrace:
    if len(parts) == 1:
        return parts[0]
    last = parts[-1]
    names = set.intersection(*(set(part.epoch_metrics) for part in parts))
    metrics = {name: tuple(value for part in parts for value in part.epoch_metrics[name]) for name in sorted(names)}
    return replace(
        last,
        epoch_metrics=metrics,
        epoch_seconds=tuple(value for part in parts for value in part.epoch_seconds),
        seconds=sum(part.seconds for part in parts),
        learning_rates=tuple(value for part in parts for value in part.learning_rates),
        updates=_sum_known([part.updates for part in parts]),
        fit=replace(last.fit, epochs=sum(part.fit.epochs for part in parts)),
        model=replace(last.model, layers=parts[0].model.layers)
        if len(parts[0].model.layers) == len(last.model.layers)
        else last.model,
        statistics=_joined_statistics([part.statistics for part in parts]),
    )


def _sum_known(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _joined_statistics(parts: Sequence[Statistics]) -> Statistics:
    step_offsets, epoch_offsets, step, epoch = [], [], 0, 0
    for part in parts:
        step_offsets.append(step)
        epoch_offsets.append(epoch)
        step += int(max([*part.steps, *part.loss_steps], default=-1)) + 1
        epoch += int(max(part.epochs, default=-1)) + 1
    names = set.intersection(*(set(part.layers) for part in parts))
    return Statistics(
        steps=np.concatenate([part.steps + offset for part, offset in zip(parts, step_offsets, strict=True)]),
        epochs=np.concatenate([part.epochs + offset for part, offset in zip(parts, epoch_offsets, strict=True)]),
        layers={name: np.concatenate([part.layers[name] for part in parts]) for name in sorted(names)},
        gradient_norm=np.concatenate([part.gradient_norm for part in parts]),
        loss_steps=np.concatenate([part.loss_steps + offset for part, offset in zip(parts, step_offsets, strict=True)]),
        loss=np.concatenate([part.loss for part in parts]),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in STEP_SERIES},
    )


def _merged_faults(judged: Sequence[_Judged]) -> tuple[Fault, ...]:
    """Faults of all judged fits; at one place only if at least half of the fits there show some fault."""
    places: dict[object, list[_Judged]] = {}
    for item in judged:
        site = item.subject.fit.fit.site
        places.setdefault(site.span if site else None, []).append(item)
    found: dict[tuple[object, ...], Fault] = {}
    for items in places.values():
        if 2 * sum(1 for item in items if item.faults) < len(items):
            continue
        for item in items:
            for fault in item.faults:
                key = (fault.kind, fault.span, fault.layer.index if fault.layer else None)
                known = found.get(key)
                if known is None or known.confidence < fault.confidence:
                    found[key] = fault
    return tuple(sorted(found.values(), key=lambda fault: -fault.confidence))


def _worst(judged: Sequence[_Judged]) -> _Judged:
    """The fit that the report shows: one with the surest fault, else the last."""
    return max(
        judged, key=lambda item: (max((fault.confidence for fault in item.faults), default=0.0), item.subject.index)
    )


def _merged_outcomes(judged: Sequence[_Judged]) -> tuple[CheckOutcome, ...]:
    best: dict[str, CheckOutcome] = {}
    for item in judged:
        for outcome in item.outcomes:
            known = best.get(outcome.check)
            if known is None or _ORDER[known.status] < _ORDER[outcome.status]:
                best[outcome.check] = outcome
    return tuple(best[name] for name in sorted(best))


def _notes(trace: Trace) -> tuple[str, ...]:
    notes = list(trace.notes)
    if not trace.fits:
        built = f" ({trace.models_built} model(s) were built)" if trace.models_built else ""
        notes.append(f"No training was seen{built}.")
    return tuple(notes)


def _doubts(judged: Sequence[_Judged]) -> list[str]:
    """What keeps a healthy verdict from being a sure one."""
    notes = []
    for item in judged:
        if item.subject.skill is None:
            notes.append("The model could not be scored, so only loss curves and structure were judged.")
        elif item.subject.reference.best is None:
            notes.append("No reference learner could be fitted, so the score has nothing to be compared with.")
        if item.subject.fit.state == "stopped":
            notes.append("Training was stopped at the limit of the recording run.")
    return list(dict.fromkeys(notes))
