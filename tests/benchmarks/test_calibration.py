"""Fitting confidences and the order of rules, on made outcomes."""

from __future__ import annotations

import pytest

from benchmarks.calibration.fit import fit_line, fit_order, leave_one_out, measures, with_confidence

CASES = [f"case-{number}" for number in range(12)]
#: Confident faults are right, others in one of four cases.
FAULTS = [{"case": case, "kind": "loss", "raw": 0.9, "right": True} for case in CASES] + [
    {"case": case, "kind": "epochs", "raw": 0.3, "right": place % 4 == 0} for place, case in enumerate(CASES)
]


def answer(case, rule, helped, *, raw=0.8, believed=0.5):
    return {
        "case": case,
        "rule": rule,
        "fault_raw": raw,
        "rule_confidence": believed,
        "helped": helped,
        "gain": 0.5 if helped else 0.0,
        "patch": f"{case}-{rule}",
    }


#: One rule always helps and one never does, although their authors believed otherwise.
ANSWERS = [answer(case, "modest", True, believed=0.4) for case in CASES] + [
    answer(case, "boastful", False, believed=0.9) for case in CASES
]


def test_the_line_follows_what_was_right():
    line = fit_line(FAULTS)
    assert line(0.9) > 0.8
    assert line(0.3) < 0.5
    assert line.slope > 0


def test_outcomes_outweigh_what_authors_believed():
    order = fit_order(with_confidence(ANSWERS))
    modest, boastful = (with_confidence([answer("new", name, False, believed=trust)])[0]
                        for name, trust in (("modest", 0.4), ("boastful", 0.9)))  # fmt: skip
    assert order(modest) > order(boastful)


def test_how_hard_a_case_is_says_nothing_of_a_rule():
    """A rule that is tried only where nothing helps is not the worse for it."""
    rows = [*ANSWERS, *(answer(f"hopeless-{number}", "unlucky", False) for number in range(9))]
    order = fit_order(with_confidence(rows))
    assert order.offsets["unlucky"] == pytest.approx(0.0, abs=1e-6)


def test_a_case_does_not_inform_its_own_ranking():
    """Only one case ever tried this rule: without that case nothing is known of it."""
    rows = [*ANSWERS, answer("case-0", "tried once", True)]
    _, orders = leave_one_out(FAULTS, rows)
    assert "tried once" not in orders["case-0"].offsets
    assert "tried once" in orders["case-1"].offsets


def test_measures_are_of_cases_left_out():
    held, _ = leave_one_out(FAULTS, ANSWERS)
    found = measures(held)
    assert found["before"]["first_patch_helps"] == 0.0
    assert found["after"]["first_patch_helps"] == 1.0
    assert found["after"]["mean_place_of_first_patch_that_helps"] == pytest.approx(1.0)
    assert (found["before"]["better_of_two_first"], found["after"]["better_of_two_first"]) == (0.0, 1.0)
    assert (found["before"]["mean_place_of_best_patch"], found["after"]["mean_place_of_best_patch"]) == (2.0, 1.0)
