"""For every case: what its published patch and its better fix change can be produced by rules from faults and facts.

A change is produced when a rule that matches one of the case's faults asks for an edit of the same setting, at the
same layer, to the same or an equivalent value, and the edit engine can make it in a program with the case's model.
Values are equivalent when the audit's better fix names them, when they are two spellings of one thing (sparse
cross-entropy on ids, categorical on one-hot rows), or, for sizes and rates, when they lie on the same side and within a
factor of 10.

Nothing needs to be produced of what the audit judges needless or harmful; the case file itself says what that is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from better_fixes import BETTER, NOTHING_TO_FIX, Wanted
from case_runs import CaseRun, case_run, number
from dlfix.diagnose.structure import DROPOUT_LAYERS
from dlfix.knowledge_base import KnowledgeBase, RuleMatch, match
from dlfix.knowledge_base.case_schema import Case, CaseEdit, CaseFault
from dlfix.knowledge_base.loader import load_cases
from dlfix.repair.edits.errors import EditError
from dlfix.repair.patch import EditContext, EditRequest
from dlfix.repair.patching import make_patch

CASES = load_cases()
NONLINEAR = ("relu", "sigmoid", "tanh", "elu", "leaky_relu")

#: Which faults of a case an edit of its published patch may answer.
ANSWERS: dict[str, tuple[str, ...]] = {
    "set_activation": ("output_activation", "hidden_activation"),
    "set_loss": ("loss",),
    "set_optimizer": ("optimizer",),
    "set_learning_rate": ("learning_rate",),
    "set_units": ("output_units", "units"),
    "set_epochs": ("epochs",),
    "set_batch_size": ("batch_size",),
    "set_kernel_size": ("kernel_size",),
    "set_filters": ("filters",),
    "set_strides": ("strides",),
    "set_dropout": ("dropout",),
    "set_initializer": ("initializer",),
    "set_validation": (),
    "add_layer": ("missing_batchnorm", "layers", "dropout"),
    "remove_layer": ("layers",),
    "parametrise_layers": ("none",),
    "add_option": ("none",),
    "scale_inputs": ("input_scaling",),
    "scale_targets": ("target_scaling",),
    "encode_labels": ("label_encoding",),
    "change_targets": ("training_data",),
    "rescale_generator": ("training_data",),
    "resize_data": ("training_data",),
    "augment_data": ("training_data",),
    "resize_inputs": ("input_size",),
    "reshape_inputs": ("api_misuse",),
}

#: What no edit of the source can produce, or none that would be right in other programs too.
NOT_BY_EDIT: dict[tuple[str, str], str] = {
    ("39217567", "change_targets"): "other targets are another task; no change of the program makes them right",
    ("45337371", "reshape_inputs"): "the shape of a gradient's input, after training and outside of the model",
    ("41372874", "training_data"): "rows of the other class have to be collected",
    ("34673164", "training_data"): "more than nine rows have to be collected",
    ("45337371", "training_data"): "targets that follow from the inputs have to be found",
    ("31627380", "evaluation"): "which output column means survival is known to the author only",
    ("58609115", "feature_encoding"): "that the leading digit decides is knowledge of this one task",
    ("keras-super-resolution", "layers"): "to learn the residual is another design of the network",
}

#: Changes of published patches that the audit's better fix leaves out or contradicts.
SUPERSEDED: dict[tuple[str, str], str] = {
    ("FacialKeypointsDetection", "set_optimizer"): "the better fix keeps Adam and lowers its rate",
    ("hotdog-sandwich", "set_kernel_size"): "the better fix keeps the kernels, which only grew to suit wide strides",
}

#: Real faults that no rule answers under the facts of the case.
UNANSWERED: dict[tuple[str, str], str] = {
    ("45337371", "api_misuse"): "a gradient that is taken after training, of which a run shows nothing",
    ("DDOS-ML-Detection", "label_encoding"): "labels that a loop rewrites by mistake look like any others",
    ("kerasma", "training_data"): "which zeros stand for missing values is known to the author only",
}


# ------------------------------------------------------------------------------------------------ what must be produced


def needless(case: Case) -> Iterator[tuple[CaseEdit, str]]:
    """Edits of the published patch that need not be produced, with the reason that the case file gives."""
    for edit in case.patch:
        faults = _faults_of(case, edit)
        if _stands_already(case, edit):
            yield edit, "listed only: the program already has it"
        elif not faults:
            yield edit, "no fault: the case lists none that it would answer"
        elif not any(fault.real for fault in faults):
            yield edit, "; ".join(f"{f.kind}: {f.role}{f', {f.why}' if f.why else ''}" for f in faults)


def _faults_of(case: Case, edit: CaseEdit) -> list[CaseFault]:
    kinds = ANSWERS[edit.edit]
    if edit.edit == "scale_inputs" and edit.target.startswith("test "):
        kinds = ("evaluation",)
    layers = _layers(case, edit) if edit.edit != "add_layer" else []  # which counts from the layer before
    found = [f for f in case.faults if f.kind in kinds and f.listed != "not_in_patch"]
    found = [f for f in found if f.layer is None or not layers or f.layer in layers]
    return [f for f in found if f.before == edit.before] or found


def _layers(case: Case, edit: CaseEdit) -> list[int]:
    if edit.target == "output layer":
        return [case.model[-1].index]
    return [int(index) for index in re.findall(r"\d+", edit.target)] if "layer" in edit.target else []


def _stands_already(case: Case, edit: CaseEdit) -> bool:
    """The list has the change, but the program that is called faulty has the new value."""
    return edit.listed == "xlsx_only" and edit.edit == "set_batch_size" and case.fit.batch_size == edit.after


def published(case: Case) -> Iterator[tuple[CaseEdit, Wanted]]:
    """The changes of the published patch that answer a real fault, one per layer."""
    skip = [edit for edit, _ in needless(case)]
    for edit in case.patch:
        if edit in skip:
            continue
        fault = next(fault for fault in _faults_of(case, edit) if fault.real)
        for layer, before, after in _by_layer(case, edit, fault):
            values = () if edit.edit in _ONLY_SETTING else (after, *_better_values(case, fault.kind, layer))
            if before != after:
                yield edit, Wanted(fault.kind, layer, tuple(dict.fromkeys(values)), before)


#: Edits of which any form will do: standardized or min-max, ids or one-hot rows with the loss that suits.
_ONLY_SETTING = {"scale_inputs", "scale_targets", "encode_labels"}

#: Edits of the published patches that come to a layer put in or taken out.
_LAYER_EDITS = {"augment_data": "inserted RandomRotation", "resize_inputs": "inserted Resizing"}


def _by_layer(case: Case, edit: CaseEdit, fault: CaseFault) -> Iterator[tuple[int | None, Any, Any]]:
    if isinstance(edit.before, list) and edit.target == "convolutions":
        convolutions = [item.index for item in case.model if "Conv" in item.type]
        yield from zip(convolutions, edit.before, edit.after, strict=True)
    elif edit.edit == "set_dropout":
        for item in case.model:
            if item.type in DROPOUT_LAYERS:
                yield item.index, number((item.model_extra or {})["rate"]), 0.2
    elif edit.edit in ("add_layer", "remove_layer"):
        action, layer = ("inserted", edit.after) if edit.edit == "add_layer" else ("removed", edit.before)
        yield fault.layer, None, f"{action} {str(layer).split()[0]}"
    elif edit.edit in _LAYER_EDITS:
        yield None, edit.before, _LAYER_EDITS[edit.edit]
    else:
        for layer in _layers(case, edit) or [fault.layer]:
            yield layer, edit.before, edit.after


def _better_values(case: Case, kind: str, layer: int | None) -> tuple[Any, ...]:
    found = [item for item in BETTER.get(case.id, ()) if item.kind == kind and layer in (item.layer, None)]
    return tuple(value for item in found for value in item.values)


# ----------------------------------------------------------------------------------------------------- what is produced


@dataclass(frozen=True)
class Change:
    """One setting that a rule changes: its name, the trace's layer, the new value."""

    setting: str
    layer: int | None
    value: Any


def changes(found: RuleMatch, run: CaseRun) -> Iterator[Change]:
    """What a match changes, in words that edits of different names share."""
    for edit in found.edits:
        given, layer = edit.parameters, edit.layer
        facts = None if layer is None else run.fit.model.layers[layer]
        if edit.edit in ("set-argument", "remove-argument"):
            yield Change(_SETTINGS.get(given["name"], given["name"]), layer, given.get("value", "default"))
        elif edit.edit == "remove-layer":
            assert facts is not None
            dropout = facts.class_name in DROPOUT_LAYERS
            yield Change("dropout", layer, 0.0) if dropout else Change("removed", None, facts.class_name)
        elif edit.edit == "insert-layer":
            yield Change("inserted", None, given["layer"])
        elif edit.edit == "set-optimizer":
            yield Change("optimizer", None, given["optimizer"])
            yield Change("learning_rate", None, given.get("learning_rate"))
        elif edit.edit == "set-optimizer-argument":
            yield Change(given["name"], None, given["value"])
        elif edit.edit == "encode-inputs":
            yield Change("columns", None, None)
            yield Change("inputs", None, "standardize")
        else:
            yield Change(edit.edit.removeprefix("set-"), layer, next(iter(given.values()), None))


_SETTINGS = {"rate": "dropout", "kernel_initializer": "initializer"}

#: Kind of fault -> what changes, where that is one and the same for all of its kind.
_CHANGED = {
    "output_activation": "activation",
    "hidden_activation": "activation",
    "loss": "loss",
    "optimizer": "optimizer",
    "learning_rate": "learning-rate",
    "output_units": "units",
    "target_scaling": "scale-targets",
    "evaluation": "match-scaling",
    "feature_encoding": "columns",
    "label_encoding": "encode-labels",
}


def produces(wanted: Wanted, change: Change, run: CaseRun) -> bool:
    """Whether a change is the wanted one or equivalent."""
    layer = None if wanted.layer is None else run.layers[wanted.layer]
    setting, value = change.setting.replace("learning_rate", "learning-rate"), change.value
    if wanted.kind == "input_scaling":
        ways = ("scale-inputs", "inputs")
        return setting in ways and (not wanted.values or value in wanted.values)
    if setting in ("removed", "inserted"):
        return f"{setting} {value}" in wanted.values
    if wanted.kind == "evaluation" and wanted.values:
        return change.setting in wanted.values
    if setting != _CHANGED.get(wanted.kind, wanted.kind) or change.layer != layer:
        return wanted.kind == "label_encoding" and _is_sparse_on_ids(change, run)
    return _suits(wanted, value, run)


def _suits(wanted: Wanted, value: Any, run: CaseRun) -> bool:
    if not wanted.values or value in wanted.values:
        return True
    if wanted.kind == "hidden_activation" and wanted.before == "linear":
        return value in NONLINEAR
    if wanted.kind == "loss":
        return "categorical_crossentropy" in wanted.values and _is_sparse_on_ids(Change("loss", None, value), run)
    if wanted.kind == "optimizer":
        return any(str(name).startswith(str(value)) for name in wanted.values)
    now, goal = _present(wanted, run), [known for item in wanted.values if (known := number(item)) is not None]
    if now is None or not isinstance(value, int | float):
        return False
    if wanted.kind == "dropout":
        return value < now
    return any((value > now) == (size > now) and abs(math.log10(value / size)) < 1 + 1e-9 for size in goal if size)


def _is_sparse_on_ids(change: Change, run: CaseRun) -> bool:
    """Sparse cross-entropy on class ids says the same as categorical on one-hot rows."""
    ids = run.fit.data.targets[0].integers and run.case.data.labels.shape == [1]
    return bool(ids) and (change.setting, change.value) == ("loss", "sparse_categorical_crossentropy")


def _present(wanted: Wanted, run: CaseRun) -> float | None:
    """The setting's value in the program."""
    if wanted.layer is not None:
        facts = run.fit.model.layers[run.layers[wanted.layer]]
        value = facts.units if wanted.kind in ("units", "filters") else facts.config.get(_CONFIG.get(wanted.kind, ""))
        return number(max(value) if isinstance(value, list) else value)
    present = {
        "learning_rate": run.fit.compile.optimizer.learning_rate,
        "epochs": run.fit.fit.epochs,
        "batch_size": run.fit.fit.batch_size,
    }
    return present.get(wanted.kind)


_CONFIG = {"dropout": "rate", "kernel_size": "kernel_size", "strides": "strides"}


def matches(knowledge: KnowledgeBase, run: CaseRun, extra: tuple[Wanted, ...]) -> tuple[RuleMatch, ...]:
    """The rules that answer the real faults of a case, and the settings that its better fix changes beyond them."""
    faults = {}
    for fault in run.case.faults:
        if fault.real:
            for layer, before, after in _spread(run.case, fault):
                faults[fault.kind, layer] = run.fault(fault.kind, layer, before, after)
    for item in extra:
        same_place = any(kind == item.kind and layer in (item.layer, None) for kind, layer in faults)
        if not same_place:
            before = item.before if item.layer is None else run.case.model[item.layer].activation
            if item.kind == "learning_rate":
                before = run.fit.compile.optimizer.learning_rate
            value = item.values[0] if item.values else None
            faults[item.kind, item.layer] = run.fault(item.kind, item.layer, before, value)
    return match(knowledge, run.trace, run.diagnosis(tuple(faults.values())))


def _spread(case: Case, fault: CaseFault) -> Iterator[tuple[int | None, Any, Any]]:
    """A fault that is listed once for several layers, once for each."""
    convolutions = [item.index for item in case.model if "Conv" in item.type]
    if isinstance(fault.before, list) and len(fault.before) == len(convolutions):
        yield from zip(convolutions, fault.before, fault.after, strict=True)
    elif fault.kind == "dropout":
        for item in case.model:
            if item.type in DROPOUT_LAYERS:
                yield item.index, float((item.model_extra or {})["rate"]), fault.after
    else:
        yield fault.layer, fault.before, fault.after


def renders(found: RuleMatch, run: CaseRun) -> bool:
    """Whether the edits can be made in the case's program."""
    requests = [EditRequest(e.edit, e.parameters, EditContext(run.fit, e.layer, "train.py")) for e in found.edits]
    try:
        return bool(make_patch(requests, run.sources, title=found.title).diff)
    except EditError:
        return False


def missing(wanted: list[tuple[str, Wanted]], found: tuple[RuleMatch, ...], run: CaseRun) -> set[str]:
    """Names of the changes that no rule produces."""
    lacking = set()
    for name, item in wanted:
        producing = [match for match in found if any(produces(item, change, run) for change in changes(match, run))]
        if not any(renders(match, run) for match in producing):
            lacking.add(name)
    return lacking


# ------------------------------------------------------------------------------------------------------------ the tests


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def excused(case: Case) -> set[str]:
    return {what for table in (NOT_BY_EDIT, SUPERSEDED) for case_id, what in table if case_id == case.id}


def test_rules_produce_the_published_patch_and_the_better_fix(case: Case, knowledge: KnowledgeBase) -> None:
    run = case_run(case)
    better = BETTER.get(case.id, ())
    found = matches(knowledge, run, better)
    wanted = [(edit.edit, item) for edit, item in published(case)] + [(item.kind, item) for item in better]
    assert missing(wanted, found, run) == excused(case)


def test_what_need_not_be_produced_is_what_the_audit_calls_needless(case: Case) -> None:
    for edit, reason in needless(case):
        faults = _faults_of(case, edit)
        assert {fault.role for fault in faults} <= {"not_a_fault", "harmful_change"} or reason.startswith("listed only")
    kept = {edit.edit for edit, _ in published(case)} | {edit.edit for edit, _ in needless(case)}
    assert {edit.edit for edit in case.patch} == kept


def test_every_real_fault_has_an_answer(case: Case, knowledge: KnowledgeBase) -> None:
    """Also those that neither the patch nor the better fix touches; advice counts."""
    run = case_run(case)
    kinds = [fault.kind for fault in case.faults if fault.real for _ in _spread(case, fault)]
    answered = {found.fault for found in matches(knowledge, run, ())}
    unanswered = {kind for index, kind in enumerate(kinds) if index not in answered}
    assert unanswered == {kind for case_id, kind in UNANSWERED if case_id == case.id}


def test_without_rules_nothing_is_produced(case: Case) -> None:
    wanted = [(edit.edit, item) for edit, item in published(case)] + [(w.kind, w) for w in BETTER.get(case.id, ())]
    assert missing(wanted, (), case_run(case)) == {name for name, _ in wanted}


def test_every_better_fix_is_written_down() -> None:
    assert {case.id for case in CASES.values() if case.better_fix is not None} == set(BETTER) | NOTHING_TO_FIX
    assert not set(BETTER) & NOTHING_TO_FIX
