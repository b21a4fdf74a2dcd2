"""The table of the programs: what it counts as a gain, and what it shows of programs that are not measured."""

from __future__ import annotations

import math

from benchmarks.programs.table import as_markdown

CASE = "31880720"


def variant(*skills, first=100):
    seeds = [{"seed": first + place, "skill": skill, "split": "holdout"} for place, skill in enumerate(skills)]
    return {"sha256": "0", "seeds": seeds}


def line(**variants):
    row = {"program": {"rebuilt": True, "data": "made"}, **variants}
    document = {"programs": {CASE: row}, "versions": {"keras": "3"}, "date": "today", "python": "3.11"}
    return next(text for text in as_markdown(document).splitlines() if text.startswith(f"| {CASE}")).split(" | ")


def test_a_training_that_failed_or_did_worse_than_nothing_counts_as_zero():
    cells = line(buggy=variant(None, -0.5, math.nan), published_patch=variant(0.9, 0.9, 0.9))
    assert cells[4:9] == ["0.00 (0.00, 0.00)", "0.90 (0.90, 0.90)", "–", "yes", "yes"]


def test_skills_are_paired_by_seed():
    """Only one seed was trained with both, which proves nothing."""
    cells = line(buggy=variant(0.0, 0.0), published_patch=variant(0.9, 0.9, first=101))
    assert cells[7:9] == ["no", "no"]


def test_any_reference_may_show_the_fault():
    flat = variant(0.1, 0.1, 0.1)
    assert line(buggy=flat, published_patch=flat, better_fix=variant(0.8, 0.9, 0.8))[7:9] == ["no", "yes"]
    assert line(buggy=flat, published_patch=flat, better_fix=variant(0.13, 0.14, 0.13))[7:9] == ["no", "no"]


def test_what_is_not_measured_is_left_open():
    assert line()[4:9] == ["–", "–", "–", "", ""]
