"""The tutorial's rule loads, explains itself and makes its example; the tutorial's tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dlfix.knowledge_base import KnowledgeError, explain, load_knowledge
from dlfix.knowledge_base.schema import FactReference, Rule
from dlfix.knowledge_base.vocabulary import LAYER_SELECTORS
from rule_examples import match_example, patch_example

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-rule.md").read_text(encoding="utf-8")
NAME = "softplus-for-positive-targets"


def tutorial_rule() -> str:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


def test_the_rule_of_the_tutorial_works(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.yaml").write_text(tutorial_rule(), encoding="utf-8")
    knowledge = load_knowledge([tmp_path])
    rule = knowledge.by_id[NAME]
    assert match_example(rule) is not None
    assert patch_example(rule).files[0].after.decode() == rule.example.after
    assert explain(rule, knowledge).startswith(f"{NAME}: Use softplus")


def test_the_mistake_of_the_tutorial_is_reported_as_shown(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.yaml"
    path.write_text(tutorial_rule().replace("task.kind: regression\n", "task.kid: regression\n", 1), encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge([tmp_path])
    shown = re.search(rf"^dlfix-rules/({NAME}\.yaml:\d+: .*)$", PAGE, re.MULTILINE)
    assert shown is not None
    assert str(caught.value) == f"{tmp_path}/{shown.group(1)}"


def test_every_field_and_word_is_explained() -> None:
    for field in set(Rule.model_fields) - {"id", "why", "when_not", "confidence_why"}:
        assert f"`{field}`" in PAGE, field
    for selector in LAYER_SELECTORS:
        assert f"`{selector}`" in PAGE, selector
    for option in FactReference.model_fields:
        assert f"{option}:" in PAGE, option
