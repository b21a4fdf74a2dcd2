"""Every mistake in a rule file is refused, with the file and the line of the mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from dlfix.knowledge_base import KnowledgeError, load_knowledge
from dlfix.knowledge_base.loader import RULE_FOLDER, load_rule
from dlfix.knowledge_base.schema import Condition, as_reference

GOOD = """\
id: my-rule
fault: output_activation
title: Use sigmoid in the output layer
why: One unit that answers yes or no has to give a probability between 0 and 1.
when_not: Not when the loss expects logits.
needs:
  task.kind: binary
  output.units: 1
edits:
- edit: set-activation
  layer: output
  parameters: {activation: sigmoid}
confidence: 0.9
confidence_why: The published patch does the same.
applicability: safe
cases: ['31880720']
example:
  facts: {task.kind: binary, output.units: 1}
  before: |
    model.add(Dense(1, activation="softmax"))
  after: |
    model.add(Dense(1, activation="sigmoid"))
"""


def problem(tmp_path: Path, text: str, name: str = "my-rule.yaml") -> tuple[int, str]:
    """Line and text of the only problem of a rule file; checks that the file is named."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        load_rule(path)
    assert len(caught.value.problems) == 1, str(caught.value)
    found = caught.value.problems[0]
    assert str(caught.value) == f"{path}:{found.line}: {found.message}"
    return found.line, found.message


def test_the_good_rule_loads(tmp_path: Path) -> None:
    (tmp_path / "my-rule.yaml").write_text(GOOD)
    assert load_rule(tmp_path / "my-rule.yaml").id == "my-rule"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("task.kind: binary\n  output", "task.kid: binary\n  output", 7, 'no fact task.kid; did you mean "task.kind"?'),
        (
            "{activation: sigmoid}",
            "{activation: $task.clases}",
            12,
            'no fact task.clases; did you mean "task.classes"?',
        ),
        ("output layer\nwhy", "layer of {output.unit}\nwhy", 3, 'no fact output.unit; did you mean "output.units"?'),
        ("facts: {task.kind: binary, ", "facts: {task.knd: binary, ", 18, "no fact task.knd"),
        ("output.units: 1\nedits", "output.units: $labels.column\nedits", 8, 'did you mean "labels.columns"?'),
        ("fault: output_activation", "fault: output_activaton", 2, 'did you mean "output_activation"?'),
        ("edit: set-activation", "edit: set-activaton", 10, 'did you mean "set-activation"?'),
        ("layer: output\n", "layer: outptu\n", 11, 'did you mean "output"?'),
        ("  layer: output\n", "", 10, "set-activation needs a layer"),
        ("{activation: sigmoid}", "{}", 10, "set-activation needs the parameters activation"),
        ("{activation: sigmoid}", "{activation: sigmoid, units: 3}", 10, "set-activation has no parameter units"),
        ("confidence: 0.9", "confidence: 1.5", 13, "less than or equal to 1 (received 1.5)"),
        ("confidence: 0.9", "confidence: high", 13, "valid number"),
        ("applicability: safe", "applicability: always", 15, "'safe', 'review' or 'display-only'"),
        ("cases: ['31880720']", "cases: ['31880721']", 16, 'no case 31880721; did you mean "31880720"?'),
        ("cases: ['31880720']", "cases: ['39525358']", 16, "case 39525358 has no real fault of kind output_activation"),
        ("cases: ['31880720']", "cases: ['44164749']", 16, "case 44164749 has no real fault"),
        ("cases: ['31880720']\n", "", 1, "cite cases that teach it, or references"),
        ("id: my-rule", "id: My Rule", 1, "lower-case words joined by hyphens"),
        ("id: my-rule", "id: other-rule", 1, "differs from the file's name my-rule"),
        ("title:", "titel:", 3, "titel is not a known field"),
        ("fault: output_activation", "fault: output_activation\nfault: loss", 3, "'fault' is given twice"),
        ("needs:\n", "needs: [\n", 0, "is not valid YAML"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) == 1
    text = GOOD.replace(old, new)
    if new.startswith("titel"):  # a misspelt field is missing as well: two problems of one mistake
        text = text.replace("titel:", "title: Use sigmoid in the output\ntitel:")
        line = 4
    found_line, found_message = problem(tmp_path, text)
    assert message in found_message
    if line:
        assert found_line == line


def test_all_mistakes_of_a_file_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "my-rule.yaml"
    path.write_text(GOOD.replace("confidence: 0.9", "confidence: 7").replace("fault: output", "fault: utput"))
    with pytest.raises(KnowledgeError) as caught:
        load_rule(path)
    assert [problem.line for problem in caught.value.problems] == [2, 13]


@pytest.mark.parametrize(("text", "message"), [("", "received nothing"), ("- 1\n", "received a list")])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str, message: str) -> None:
    assert message in problem(tmp_path, text)[1]


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "my-rule.yaml").write_bytes(b"id: caf\xe9\n")
    with pytest.raises(KnowledgeError, match="not UTF-8"):
        load_rule(tmp_path / "my-rule.yaml")


def test_rules_cannot_run_code(tmp_path: Path) -> None:
    line, message = problem(tmp_path, GOOD.replace("id: my-rule", "id: !!python/object/apply:os.getcwd []"))
    assert line == 1
    assert "not valid YAML" in message


def test_user_rules_are_added_and_their_cases_checked(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "my-rule.yaml").write_text(GOOD)
    knowledge = load_knowledge([tmp_path])
    assert "my-rule" in knowledge.by_id
    assert len(knowledge.rules) == len(load_knowledge().rules) + 1
    (tmp_path / "deep" / "my-rule.yaml").write_text(GOOD.replace("31880720", "nonesuch"))
    with pytest.raises(KnowledgeError, match="no case nonesuch"):
        load_knowledge([tmp_path])


def test_duplicate_ids_are_refused(tmp_path: Path) -> None:
    shipped = next(RULE_FOLDER.glob("*.yaml"))
    (tmp_path / shipped.name).write_text(shipped.read_text())
    with pytest.raises(KnowledgeError, match=f"rule {shipped.stem} is already defined in .*{shipped.name}"):
        load_knowledge([tmp_path])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no such folder of rules"):
        load_knowledge([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("condition", "fact", "holds"),
    [
        ("binary", "binary", True),
        ("binary", None, False),
        (1, True, False),
        (True, 1, False),
        (1, 1.0, True),
        (["a", "b"], "b", True),
        (["a", "b"], "c", False),
        ({"not": "a"}, "b", True),
        ({"not": "a"}, None, True),
        ({"not": ["a", "b"]}, "b", False),
        ({"not": True}, False, True),
        ({"above": 1}, 1, False),
        ({"above": 1, "below": 3}, 2, True),
        ({"above": 1}, "2", False),
        ({"above": 0}, True, False),
        ({"above": 1}, None, False),
        ({"above": 1}, float("nan"), False),
        ({"present": True}, 0, True),
        ({"present": True}, None, False),
        ({"present": False}, None, True),
        ("$other", 7, True),
        ({"not": "$other"}, 7, False),
        ("$unknown", None, False),
    ],
)
def test_conditions(condition: object, fact: object, holds: bool) -> None:
    assert Condition.model_validate(condition).holds(fact, {"other": 7}) is holds


def test_an_empty_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a value"):
        Condition.model_validate({})


def test_references() -> None:
    assert as_reference("$task.classes").fact == "task.classes"
    assert as_reference({"fact": "learning_rate", "times": 0.1}).times == 0.1
    with pytest.raises(ValueError, match="tims"):
        as_reference({"fact": "learning_rate", "tims": 0.1})
