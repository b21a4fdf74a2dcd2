"""What counts as localized and as repaired."""

from __future__ import annotations

import pytest
from dlfix.knowledge_base.case_schema import CaseFault
from dlfix.knowledge_base.loader import load_cases

from benchmarks.run.judge import faults_by_layer, localized, names_faulty_layer, repair, skills

SEEDS = range(100, 105)
LAYERS = {0: 0, 1: 0, 2: 1}  # Dense, Activation, Dense


def expected(kind, layer=None, role="root_cause"):
    return CaseFault.model_validate({"kind": kind, "layer": layer, "from": 1, "to": 2, "listed": "both", "role": role})


def named(kind, layer=None):
    return {"kind": kind, "layer": None if layer is None else {"index": layer, "name": f"layer_{layer}"}}


def by_seed(*values):
    return dict(zip(SEEDS, values, strict=True))


def test_kind_and_layer_have_to_agree():
    faults = [expected("output_activation", 1)]
    assert localized([named("output_activation", 2)], faults, LAYERS).top1
    assert not localized([named("output_activation", 1)], faults, LAYERS).top3
    assert not localized([named("output_activation")], faults, LAYERS).top3
    assert not localized([named("output_units", 2)], faults, LAYERS).top3


def test_a_fault_with_a_value_per_layer_is_in_each_of_them():
    case = load_cases()["keras_catsdogs"]
    convolutions = [layer.index for layer in case.model if layer.type == "Conv2D"]
    for kind in ("kernel_size", "filters"):
        assert [fault.layer for fault in faults_by_layer(case) if fault.kind == kind] == convolutions
    assert [fault.layer for fault in faults_by_layer(case) if fault.kind == "layers"] == [3]


def test_the_sides_of_a_kernel_are_no_values_per_layer():
    """48594888 has two convolutions, and one fault in the kernel, 3 x 3, of one of them."""
    case = load_cases()["48594888"]
    assert len(faults_by_layer(case)) == len(case.faults)


def test_a_separate_activation_is_the_place_of_its_layer():
    assert localized([named("hidden_activation", 1)], [expected("hidden_activation", 0)], LAYERS).top1


def test_a_layer_unknown_to_the_case_is_no_place():
    assert not localized([named("hidden_activation", 7)], [expected("hidden_activation", 0)], LAYERS).top3


def test_a_fault_of_the_whole_training_needs_no_layer():
    assert localized([named("learning_rate")], [expected("learning_rate")], LAYERS).top1


def test_top_three_looks_at_three():
    faults = [expected("epochs")]
    others = [named("loss"), named("optimizer")]
    found = localized([*others, named("epochs")], faults, LAYERS)
    assert (found.top1, found.top3) == (False, True)
    assert not localized([*others, named("dropout"), named("epochs")], faults, LAYERS).top3


def test_contributing_faults_count_but_not_strictly():
    found = localized([named("loss")], [expected("loss", role="contributing"), expected("epochs")], LAYERS)
    assert (found.top1, found.strict1, found.strict3) == (True, False, False)


@pytest.mark.parametrize("role", ["not_a_fault", "harmful_change"])
def test_what_was_no_fault_does_not_count(role):
    found = localized([named("loss")], [expected("loss", role=role)], LAYERS)
    assert not found.top3
    assert not found.kind3


def test_the_kind_alone_is_told_apart():
    found = localized([named("dropout", 2)], [expected("dropout", 0)], LAYERS)
    assert (found.top3, found.kind3) == (False, True)


def test_a_tool_that_names_layers_needs_the_right_one():
    faults = [expected("hidden_activation", 0), expected("loss"), expected("units", 1, role="not_a_fault")]
    assert names_faulty_layer(1, faults, LAYERS)
    assert not names_faulty_layer(2, faults, LAYERS)
    assert not names_faulty_layer(None, faults, LAYERS)


def test_a_failed_training_has_the_skill_of_a_trivial_predictor():
    seeds = [{"seed": 1, "skill": None}, {"seed": 2, "skill": -1.0}, {"seed": 3, "skill": 0.5}]
    assert skills(seeds) == {1: 0.0, 2: 0.0, 3: 0.5}


BUGGY = by_seed(0.0, 0.1, 0.0, 0.1, 0.05)
GOOD = by_seed(0.9, 0.9, 0.9, 0.92, 0.9)
BEST = by_seed(0.99, 0.98, 0.97, 0.99, 0.98)


def test_a_repair_reaches_the_better_reference():
    judged = repair(BUGGY, GOOD, BEST, BEST)
    assert judged.state == "repaired"
    assert judged.reference_gain == pytest.approx(judged.gain)
    assert judged.not_below_published


def test_what_reaches_only_the_lesser_reference_is_no_repair():
    judged = repair(BUGGY, GOOD, BEST, GOOD)
    assert judged.state == "not repaired"
    assert judged.not_below_published


def test_a_missing_reference_is_left_out():
    assert repair(BUGGY, GOOD, None, GOOD).repaired
    assert repair(BUGGY, None, GOOD, GOOD).not_below_published is None


def test_a_harmful_published_patch_sets_no_goal():
    judged = repair(GOOD, BUGGY, BEST, BEST)
    assert judged.repaired
    assert judged.not_below_published


def test_a_gain_that_one_seed_makes_is_not_significant():
    lucky = by_seed(0.0, 0.1, 0.0, 0.1, 0.9)
    judged = repair(BUGGY, lucky, None, lucky)
    assert judged.gain == pytest.approx(judged.reference_gain)
    assert judged.state == "not repaired"


def test_one_seed_proves_nothing():
    assert repair({100: 0.0}, {100: 0.9}, None, {100: 0.9}).state == "not repaired"


def test_no_suggestion_repairs_nothing():
    judged = repair(BUGGY, GOOD, None, None)
    assert (judged.state, judged.gain) == ("not repaired", None)


def test_without_gain_in_the_references_only_a_real_gain_counts():
    flat = by_seed(0.02, 0.1, 0.0, 0.1, 0.1)
    assert repair(BUGGY, flat, None, None).state == "nothing to gain"
    assert repair(BUGGY, flat, None, flat).state == "nothing to gain"
    assert repair(BUGGY, flat, None, GOOD).state == "repaired"


def test_pairs_are_of_one_seed():
    judged = repair({100: 0.0, 101: 0.5, 102: 0.0}, {101: 0.9}, None, {101: 0.8, 200: 1.0})
    assert judged.gain == pytest.approx(0.3)
    assert judged.reference_gain == pytest.approx(0.4)
