"""Every rule carries a program before and after; the edit engine must turn the one into the other."""

from __future__ import annotations

import ast

import pytest
from dlfix.knowledge_base import Rule, load_knowledge
from dlfix.knowledge_base.matching import applies
from rule_examples import fit_of, match_example, patch_example

RULES = load_knowledge().rules


@pytest.fixture(params=RULES, ids=lambda rule: rule.id)
def rule(request: pytest.FixtureRequest) -> Rule:
    return request.param


def test_both_sides_parse(rule: Rule) -> None:
    ast.parse(rule.example.before)
    ast.parse(rule.example.after)
    assert rule.example.before != rule.example.after


def test_the_facts_meet_the_needs(rule: Rule) -> None:
    assert applies(rule, rule.example.facts)
    assert match_example(rule) is not None


def test_without_facts_the_needs_matter(rule: Rule) -> None:
    positive = [name for name, need in rule.needs.items() if not need.holds(None, {})]
    if positive:
        assert not applies(rule, {})


def test_the_edits_make_after_of_before(rule: Rule) -> None:
    patch = patch_example(rule)
    assert [change.path for change in patch.files] == ["train.py"]
    assert patch.files[0].after.decode() == rule.example.after


def test_every_edit_of_the_rule_is_resolved(rule: Rule) -> None:
    found = match_example(rule)
    assert found is not None
    assert "$" not in repr([edit.parameters for edit in found.edits])
    assert "{" not in found.title
    assert {edit.layer for edit in found.edits if edit.layer is not None} <= {
        layer.index for layer in fit_of(rule).model.layers
    }
