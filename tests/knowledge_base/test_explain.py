"""The page of a rule."""

from __future__ import annotations

import pytest
from dlfix.knowledge_base import KnowledgeBase, Rule, explain, find_rule, load_knowledge


@pytest.mark.parametrize("rule", load_knowledge().rules, ids=lambda rule: rule.id)
def test_every_rule_explains_itself(rule: Rule, knowledge: KnowledgeBase) -> None:
    page = explain(rule, knowledge)
    assert page.startswith(f"{rule.id}: ")
    for heading in ("Answers", "Why", "When not", "Edits", "Example", "Confidence"):
        assert f"\n{heading}\n" in page
    assert "{" not in page.split("\nExample\n")[0].split("\nEdits\n")[0]
    for case in (*rule.cases, *rule.counter_cases):
        assert case in page
    example = page.split("\nExample\n")[1]
    assert "  + " in example or "  - " in example
    outside = page.replace(example.split("\n\n")[0], "")
    assert max(len(line) for line in outside.splitlines()) <= 130  # a long link or word is not broken


def test_a_whole_page(knowledge: KnowledgeBase) -> None:
    page = explain(knowledge.by_id["measured-learning-rate"], knowledge)
    assert page.splitlines()[0] == "measured-learning-rate: Set the learning rate to <suggested_learning_rate>"
    assert "  suggested_learning_rate is known" in page
    assert "  set-learning-rate: learning_rate=<suggested_learning_rate>" in page
    assert "  48934338 (SO post 48934338): noisy parabola" in page
    assert "Needed: learning_rate 0.1 -> 0.001" in " ".join(page.split())
    assert "  - model.compile(optimizer=keras.optimizers.Adam(learning_rate=1e-5)" in page


def test_unknown_ids_get_a_suggestion(knowledge: KnowledgeBase) -> None:
    with pytest.raises(LookupError, match='there is no rule shufle-rows; did you mean "shuffle-rows"'):
        find_rule("shufle-rows", knowledge)
    with pytest.raises(LookupError, match=r"there is no rule zzz$"):
        find_rule("zzz", knowledge)


def test_warning_cases_tell_what_is_better(knowledge: KnowledgeBase) -> None:
    page = " ".join(explain(knowledge.by_id["one-hot-output-with-cross-entropy"], knowledge).split())
    warning = page.split("Cases that warn")[1]
    assert "Changed without need: output_activation softmax -> sigmoid" in warning
    assert "Better: leave the model as it is" in warning
