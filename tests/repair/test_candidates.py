"""From a diagnosis to ordered patches, on a small program and without training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dlfix.diagnose.findings import Diagnosis, Fault, LayerReference, ReferenceScores, Task
from dlfix.diagnose.task import array_facts
from dlfix.diagnose.trace import LossFacts, Trace
from dlfix.knowledge_base import KnowledgeBase, load_knowledge
from dlfix.repair import patching
from dlfix.repair.candidates import Candidates, candidates, corresponding_layers
from dlfix.repair.patch import Applicability
from dlfix.repair.patching import SourceFiles
from facts_from_source import fit_from_source

PROGRAM = """\
import keras

model = keras.Sequential([
    keras.layers.Dense(16),
    keras.layers.Dropout(0.5),
    keras.layers.Dense(1, activation="softmax"),
])
model.compile(optimizer="sgd", loss="mean_squared_error")
model.fit(x, y, epochs=5)
"""
BINARY = Task("binary", 2, "zero_one", 1.0)


def run(program: str = PROGRAM) -> Trace:
    x, y = np.random.default_rng(0).normal(size=(64, 4)), np.arange(64) % 2
    fit = fit_from_source(program, x=x, y=y)
    layers = tuple(replace(layer, parameters=0 if layer.class_name == "Dropout" else 8) for layer in fit.model.layers)
    loss = LossFacts("mean_squared_error", site=fit.compile.site)
    fit = replace(
        fit,
        model=replace(fit.model, layers=layers),
        compile=replace(fit.compile, losses=(loss,)),
        data=replace(fit.data, inputs=(array_facts("x", x),), targets=(array_facts("y", y),)),
    )
    return Trace("/p/train.py", "/p", (), "completed", 1.0, (fit,))


def fault(kind: str, confidence: float = 0.8, layer: int | None = None, **details: Any) -> Fault:
    named = None if layer is None else LayerReference(layer, f"layer {layer}")
    return Fault(kind, "", confidence, layer=named, details=details)


def propose(
    *faults: Fault, knowledge: KnowledgeBase | None = None, program: str = PROGRAM, **options: Any
) -> Candidates:
    diagnosis = Diagnosis("faulty", BINARY, (), faults, ReferenceScores(0.0, 0.8, 0.9), ())
    sources = SourceFiles.from_texts({"train.py": program})
    return candidates(run(program), diagnosis, knowledge or load_knowledge(), sources, "train.py", **options)


ACTIVATION = fault("output_activation", 0.9, layer=2)
HIDDEN = fault("hidden_activation", 0.6, layer=0)
DROPOUT = fault("dropout", 0.5, layer=1, suggested_rate=0.1)


def added(patch: patching.Patch) -> set[str]:
    return {line[1:].strip() for line in patch.diff.splitlines() if line.startswith("+") and not line.startswith("+++")}


def test_the_best_supported_answer_comes_first() -> None:
    found = propose(ACTIVATION)
    first = found.patches[0]
    assert first.rules == ("sigmoid-for-binary-output",)
    assert first.fault_kinds == ("output_activation",)
    assert "31880720" in first.cases
    assert added(first) == {'keras.layers.Dense(1, activation="sigmoid"),'}
    assert "probability" in first.why
    assert [patch.support for patch in found.patches] == sorted((p.support for p in found.patches), reverse=True)


def test_every_patch_changes_other_bytes() -> None:
    found = propose(ACTIVATION, fault("loss", 0.7), HIDDEN, DROPOUT)
    after = [tuple(change.after for change in patch.files) for patch in found.patches]
    assert len(set(after)) == len(after)
    assert len({patch.key for patch in found.patches}) == len(after)


def test_the_same_change_from_two_rules_is_one_patch_with_both() -> None:
    found = propose(fault("hidden_activation", 0.6, layer=0), knowledge=_with_twin("relu-for-linear-hidden-layer"))
    merged = [patch for patch in found.patches if "twin" in patch.rules]
    assert len(merged) == 1
    assert "relu-for-linear-hidden-layer" in merged[0].rules
    assert "48385830" in merged[0].cases


def test_answers_to_several_faults_are_joined_early() -> None:
    found = propose(ACTIVATION, HIDDEN, DROPOUT)
    joint = next(patch for patch in found.patches if len(patch.fault_kinds) == 3)
    assert found.patches.index(joint) <= 4
    assert set(joint.fault_kinds) == {"output_activation", "hidden_activation", "dropout"}
    text = joint.files[0].after.decode()
    assert 'Dense(16, activation="relu")' in text
    assert 'Dense(1, activation="sigmoid")' in text
    assert "Dropout" not in text
    assert joint.title.count(";") == 2
    pairs = [patch for patch in found.patches if len(patch.fault_kinds) == 2]
    assert {frozenset(patch.fault_kinds) for patch in pairs} >= {frozenset({"output_activation", "dropout"})}


def test_a_combination_names_its_parts() -> None:
    found = propose(ACTIVATION, HIDDEN, DROPOUT)
    by_key = {patch.key: patch for patch in found.patches}
    assert found.parts
    for key, parts in found.parts.items():
        assert len(parts) == len(set(parts)) >= 2
        assert set(parts) <= {patch.key for patch in found.singles}
        together = [request for part in parts for request in by_key[part].requests]
        assert sorted(map(repr, by_key[key].requests)) == sorted(set(map(repr, together)))
    assert set(found.parts) == {patch.key for patch in found.patches if len(patch.fault_kinds) > 1}


def test_a_combination_is_tried_between_its_parts() -> None:
    found = propose(ACTIVATION, HIDDEN)
    joint = next(patch for patch in found.patches if len(patch.fault_kinds) == 2)
    parts = {patch.fault_kinds: patch.support for patch in reversed(found.patches) if len(patch.fault_kinds) == 1}
    assert parts["hidden_activation",] < joint.support < parts["output_activation",]


def test_a_mere_suspicion_does_not_ride_on_a_strong_answer() -> None:
    found = propose(ACTIVATION, fault("loss", 0.8), fault("dropout", 0.1, layer=1, suggested_rate=0.1))
    joint = next(patch for patch in found.patches if "dropout" in patch.fault_kinds and len(patch.fault_kinds) > 1)
    strong = [patch for patch in found.patches if "dropout" not in patch.fault_kinds]
    assert joint.support < min(patch.support for patch in strong)


def test_one_answer_covers_the_faces_of_one_decision() -> None:
    """Activation, units and loss are one suspicion: the other suspicions keep their place in the combination."""
    found = propose(ACTIVATION, fault("loss", 0.85), fault("output_units", 0.8, layer=2), HIDDEN, DROPOUT)
    joint = next(p for p in found.patches if {"hidden_activation", "dropout"} <= set(p.fault_kinds))
    text = joint.files[0].after.decode()
    assert 'loss="binary_crossentropy"' in text
    assert 'Dense(16, activation="relu")' in text


def test_what_cannot_be_rendered_is_noted_with_its_reason() -> None:
    found = propose(fault("frozen_weights", 0.9), fault("initializer", 0.8, layer=0))
    assert any(note.startswith("default-kernel-initializer: no patch: ") for note in found.notes)
    assert len(set(found.notes)) == len(found.notes)


def test_a_bug_in_the_engine_costs_one_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    real = patching.make_patch

    def broken(requests: Any, *args: Any, **named: Any) -> Any:
        if requests[0].edit == "remove-layer":
            raise RuntimeError("boom")
        return real(requests, *args, **named)

    monkeypatch.setattr(patching, "make_patch", broken)
    found = propose(ACTIVATION, DROPOUT)
    assert "remove-dropout: no patch: RuntimeError: boom" in found.notes
    assert any(patch.rules == ("sigmoid-for-binary-output",) for patch in found.patches)


def test_display_only_answers_are_never_tried() -> None:
    knowledge = load_knowledge()
    rules = tuple(rule.model_copy(update={"applicability": "display-only"}) for rule in knowledge.rules)
    found = propose(ACTIVATION, HIDDEN, knowledge=replace(knowledge, rules=rules))
    assert found.patches == ()
    assert found.advice
    assert {patch.applicability for patch in found.advice} == {Applicability.DISPLAY_ONLY}


def test_a_patch_is_as_careful_as_its_most_careful_part() -> None:
    knowledge = load_knowledge()
    rules = tuple(
        rule.model_copy(update={"applicability": "review"}) if rule.id == "relu-for-linear-hidden-layer" else rule
        for rule in knowledge.rules
    )
    found = propose(ACTIVATION, HIDDEN, knowledge=replace(knowledge, rules=rules))
    for patch in found.patches:
        expected = Applicability.REVIEW if "relu-for-linear-hidden-layer" in patch.rules else None
        assert expected is None or patch.applicability is expected


def test_select_limits_the_rules() -> None:
    found = propose(ACTIVATION, HIDDEN, select=["sigmoid-for-binary-output"])
    assert [patch.rules for patch in found.patches] == [("sigmoid-for-binary-output",)]


def test_contradicting_answers_are_not_joined() -> None:
    """One fault asks for a learning rate, the other for another optimizer with its own: never both in one patch."""
    rate = fault("learning_rate", 0.8, suggested_learning_rate=0.1, direction="too low")
    found = propose(rate, fault("epochs", 0.7, direction="too low"))
    for patch in found.patches:
        edits = [request.edit for request in patch.requests]
        assert not {"set-optimizer", "set-learning-rate"} <= set(edits)
        rates = {str(r.parameters) for r in patch.requests if r.edit == "set-learning-rate"}
        assert len(rates) <= 1


def test_an_answer_that_adds_nothing_is_not_joined() -> None:
    dead = [fault("hidden_activation", 0.5, layer=0), fault("learning_rate", 0.6, direction="too high")]
    program = PROGRAM.replace("Dense(16)", 'Dense(16, activation="relu")')
    found = propose(*dead, fault("epochs", 0.3, suggested_epochs=50), program=program)
    assert any(len(patch.fault_kinds) == 3 for patch in found.patches)
    for patch in found.patches:
        parts = patch.title.lower().split("; ")
        assert len(set(parts)) == len(parts)


def test_the_order_is_always_the_same() -> None:
    faults = (ACTIVATION, HIDDEN, DROPOUT, fault("loss", 0.4))
    assert [p.key for p in propose(*faults).patches] == [p.key for p in propose(*faults).patches]


def test_no_faults_no_patches() -> None:
    assert propose() == Candidates(())


def _with_twin(rule_id: str) -> KnowledgeBase:
    knowledge = load_knowledge()
    twin = knowledge.by_id[rule_id].model_copy(update={"id": "twin", "cases": ()})
    return replace(knowledge, rules=(*knowledge.rules, twin))


def test_answers_to_what_a_patched_run_shows_are_made_for_the_unpatched_source() -> None:
    """A layer that the patch put in front moves the others, and their call sites are those of the patched copy."""
    patched = PROGRAM.replace(
        "    keras.layers.Dense(16),", "    keras.layers.BatchNormalization(),\n    keras.layers.Dense(16),"
    )
    moved = fault("dropout", 0.5, layer=2)
    diagnosis = Diagnosis("faulty", BINARY, (), (moved,), ReferenceScores(0.0, 0.8, 0.9), ())
    sources = SourceFiles.from_texts({"train.py": PROGRAM})
    found = candidates(run(patched), diagnosis, load_knowledge(), sources, "train.py", unpatched=run())
    assert ["\n-    keras.layers.Dropout(0.5),\n" in patch.diff for patch in found.singles] == [True]


def test_a_layer_that_a_patch_added_has_no_place_in_the_unpatched_source() -> None:
    before, after = (
        run(program).fits[0].model
        for program in (
            PROGRAM,
            PROGRAM.replace("    keras.layers.Dense(16),", "    keras.layers.Flatten(),\n    keras.layers.Dense(16),"),
        )
    )
    assert corresponding_layers(before, after) == {1: 0, 2: 1, 3: 2}
