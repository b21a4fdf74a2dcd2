"""From faults to resolved edits on synthetic runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dlfix.diagnose.facts import facts_for
from dlfix.diagnose.findings import Diagnosis, Fault, LayerReference, ReferenceScores, Task
from dlfix.diagnose.trace import LayerFacts, Trace
from dlfix.knowledge_base import KnowledgeBase, Rule, match, match_with_notes
from dlfix.knowledge_base.matching import fill_in, resolve, round_to_one_digit
from dlfix.knowledge_base.selectors import select_layers
from traces import compiled, dense_layers, fit_trace, trace

BINARY = Task("binary", 2, "zero_one", 1.0)


def diagnosis(*faults: Fault, task: Task = BINARY) -> Diagnosis:
    return Diagnosis("faulty", task, (), faults, ReferenceScores(0.0, 0.8, 0.9), ())


def fault(kind: str, confidence: float = 0.8, layer: int | None = None, **details: Any) -> Fault:
    named = None if layer is None else LayerReference(layer, f"layer {layer}")
    return Fault(kind, "", confidence, layer=named, details=details)


def softmax_on_one_unit() -> Trace:
    layers = dense_layers((16, "relu"), (1, "softmax"))
    return trace(fit_trace(layers, compiled("mean_squared_error")))


def ids(matches: Any) -> list[str]:
    return [found.rule.id for found in matches]


def test_the_answer_to_softmax_on_one_unit(knowledge: KnowledgeBase) -> None:
    matches = match(knowledge, softmax_on_one_unit(), diagnosis(fault("output_activation", 0.9, layer=1)))
    assert ids(matches)[0] == "sigmoid-for-binary-output"
    (edit,) = matches[0].edits
    assert (edit.edit, edit.parameters, edit.layer) == ("set-activation", {"activation": "sigmoid"}, 1)
    assert matches[0].support == pytest.approx(0.9 * knowledge.by_id["sigmoid-for-binary-output"].confidence)


def test_what_is_so_already_is_left_out(knowledge: KnowledgeBase) -> None:
    matches = match(knowledge, softmax_on_one_unit(), diagnosis(fault("loss", layer=1)))
    head = next(found for found in matches if found.rule.id == "binary-output-with-cross-entropy")
    assert [edit.edit for edit in head.edits] == ["set-activation", "set-loss"]  # one unit stands there already
    right = trace(fit_trace(dense_layers((16, "relu"), (1, "sigmoid")), compiled("binary_crossentropy")))
    assert "binary-output-with-cross-entropy" not in ids(match(knowledge, right, diagnosis(fault("loss"))))


def test_parameters_come_from_facts(knowledge: KnowledgeBase) -> None:
    y = np.arange(90) % 3
    x = np.random.default_rng(0).normal(size=(90, 4))
    run = trace(fit_trace(dense_layers((16, "relu"), (1, "sigmoid")), compiled("binary_crossentropy"), x, y))
    found = match(knowledge, run, diagnosis(fault("output_units", layer=1), task=Task("multiclass", 3, "integer", 1.0)))
    best = found[0]
    assert best.rule.id == "class-id-output-with-sparse-cross-entropy"
    assert [(edit.edit, edit.parameters) for edit in best.edits] == [
        ("set-units", {"units": 3}),
        ("set-activation", {"activation": "softmax"}),
        ("set-loss", {"loss": "sparse_categorical_crossentropy"}),
    ]


def test_measured_rates_come_first_and_look_like_a_persons(knowledge: KnowledgeBase) -> None:
    run = trace(fit_trace(compile_facts=compiled(optimizer="SGD", learning_rate=5.0)))
    suspect = fault("learning_rate", suggested_learning_rate=0.01234, direction="too high")
    found = match(knowledge, run, diagnosis(suspect))
    assert found[0].rule.id == "measured-learning-rate"
    assert found[0].edits[0].parameters == {"learning_rate": 0.01}
    assert "raise-learning-rate" not in ids(found)
    tenth = next(m for m in found if m.rule.id == "lower-learning-rate")
    assert tenth.edits[0].parameters == {"learning_rate": 0.5}
    assert "?" not in found[0].title


def test_an_unknown_fact_in_a_parameter_means_no_match(knowledge: KnowledgeBase) -> None:
    found = match(knowledge, softmax_on_one_unit(), diagnosis(fault("dropout")))
    assert "remove-dropout" not in ids(found)  # there is no dropout layer


def test_several_layers_one_rule(knowledge: KnowledgeBase) -> None:
    layers = dense_layers((8, "linear"), (8, "linear"), (1, "sigmoid"))
    found = match(knowledge, trace(fit_trace(layers)), diagnosis(fault("hidden_activation", layer=0)))
    by_id = {m.rule.id: m for m in found}
    assert [edit.layer for edit in by_id["relu-for-every-linear-hidden-layer"].edits] == [0, 1]
    assert [edit.layer for edit in by_id["relu-for-linear-hidden-layer"].edits] == [0]


def test_order_is_by_support_and_always_the_same(knowledge: KnowledgeBase) -> None:
    faults = (fault("output_activation", 0.6, layer=1), fault("loss", 0.9), fault("input_scaling", 0.7))
    first = match(knowledge, softmax_on_one_unit(), diagnosis(*faults))
    assert [m.support for m in first] == sorted((m.support for m in first), reverse=True)
    again = match(knowledge, softmax_on_one_unit(), diagnosis(*faults))
    assert [(m.rule.id, m.fault, m.edits) for m in first] == [(m.rule.id, m.fault, m.edits) for m in again]


def test_select_and_ignore(knowledge: KnowledgeBase) -> None:
    run, found = softmax_on_one_unit(), diagnosis(fault("output_activation", layer=1), fault("loss"))
    chosen = match(knowledge, run, found, select=["sigmoid-for-binary-output"])
    assert set(ids(chosen)) == {"sigmoid-for-binary-output"}
    rest = match(knowledge, run, found, ignore=["sigmoid-for-binary-output"])
    assert rest
    assert "sigmoid-for-binary-output" not in ids(rest)
    with pytest.raises(ValueError, match='did you mean "sigmoid-for-binary-output"'):
        match(knowledge, run, found, select=["sigmoid-for-binary-outputs"])


def test_scaling_comes_before_encoding_in_a_table_of_amounts_and_codes(knowledge: KnowledgeBase) -> None:
    generator = np.random.default_rng(0)
    x = np.column_stack(
        [generator.permutation(240), generator.integers(0, 4, 240), np.exp(generator.normal(4, 2, 240))]
    )
    run = trace(fit_trace(x=x, y=np.arange(240) % 2))
    by_id = {found.rule.id: found for found in match(knowledge, run, diagnosis(fault("input_scaling")))}
    assert list(by_id)[:2] == ["standardize-inputs", "normalization-layer-for-inputs"]
    assert by_id["one-hot-category-columns"].edits[0].parameters == {"one_hot": (1,), "drop": (0,)}
    assert {"log-scale-heavy-tailed-inputs", "drop-identifier-columns"} <= set(by_id)
    plain = ids(match(knowledge, softmax_on_one_unit(), diagnosis(fault("input_scaling"), fault("feature_encoding"))))
    assert not {"one-hot-category-columns", "log-scale-heavy-tailed-inputs", "drop-identifier-columns"} & set(plain)


def test_a_broken_rule_is_disabled_and_named(knowledge: KnowledgeBase) -> None:
    broken = knowledge.by_id["sigmoid-for-binary-output"].model_copy(update={"edits": None, "id": "broken"})
    rules: tuple[Rule, ...] = (*knowledge.rules, broken)
    faults = diagnosis(fault("output_activation", layer=1), fault("output_activation", layer=1))
    matching = match_with_notes(replace(knowledge, rules=rules), softmax_on_one_unit(), faults)
    assert len(matching.notes) == 1
    assert matching.notes[0].startswith("rule broken was disabled: TypeError")
    assert "sigmoid-for-binary-output" in ids(matching.matches)
    assert "broken" not in ids(matching.matches)


def test_no_faults_no_matches(knowledge: KnowledgeBase) -> None:
    assert match(knowledge, trace(), diagnosis()) == ()


def test_a_fault_of_a_fit_that_is_not_there(knowledge: KnowledgeBase) -> None:
    assert match(knowledge, trace(), diagnosis(replace(fault("loss"), fit=3))) == ()


def test_real_facts_carry_every_name_that_rules_use(knowledge: KnowledgeBase) -> None:
    run, found = softmax_on_one_unit(), diagnosis(fault("loss"))
    facts = facts_for(run, found, found.faults[0])
    for rule in knowledge.rules:
        assert set(rule.needs) <= set(facts), rule.id


def test_resolve_reaches_into_arguments() -> None:
    value = {"arguments": {"rate": {"fact": "r", "times": 2}}, "list": ["$r", 1]}
    assert resolve(value, {"r": 0.25}) == {"arguments": {"rate": 0.5}, "list": [0.25, 1]}
    assert resolve({"fact": "n", "times": 4, "at_least": 16, "round": "integer"}, {"n": 2}) == 16
    assert resolve({"fact": "n", "default": 1.0}, {"n": None}) == 1.0
    assert resolve("$flag", {"flag": True}) is True


@pytest.mark.parametrize(("number", "rounded"), [(0.00273, 0.003), (7.6, 8.0), (0.0, 0.0), (3e-5, 3e-5)])
def test_one_digit(number: float, rounded: float) -> None:
    assert round_to_one_digit(number) == rounded


def test_fill_in_spells_values() -> None:
    assert fill_in("from {a.b} to {c}", {"a.b": 0.001, "c": None}) == "from 0.001 to ?"


def chain(*kinds: tuple[str, str | None]) -> tuple[LayerFacts, ...]:
    """A chain of layers, each ``(class, activation)``."""
    weights = {"Dense", "Conv2D"}
    return tuple(
        LayerFacts(
            index,
            f"layer_{index}",
            kind,
            activation,
            units=8,
            parameters=8 if kind in weights else 0,
            trainable=index != 0,
            inbound=(index - 1,) if index else (),
            outbound=(index + 1,) if index + 1 < len(kinds) else (),
        )
        for index, (kind, activation) in enumerate(kinds)
    )


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("fault", (2,)),
        ("first", (0,)),
        ("output", (4,)),
        ("all-hidden", (0, 2)),
        ("linear-hidden", (2,)),
        ("bounded-hidden", (0,)),
        ("relu-hidden", ()),
        ("last-recurrent", ()),
        ("dropout", (1, 3)),
        ("weighted", (0, 2, 4)),
        ("frozen", (0,)),
    ],
)
def test_selectors(selector: str, expected: tuple[int, ...]) -> None:
    layers = chain(
        ("Dense", "tanh"),
        ("Dropout", None),
        ("Dense", "linear"),
        ("Dropout", None),
        ("Dense", "linear"),
        ("Softmax", None),
    )
    model = fit_trace(layers).model
    assert select_layers(selector, model, fault("units", layer=2)) == expected
