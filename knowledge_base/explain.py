"""A rule as a page of plain text, for ``dlfix explain`` and for reports."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .loader import KnowledgeBase
from .schema import PLACEHOLDER, Rule, RuleEdit, as_reference, is_reference
from .vocabulary import LAYER_SELECTORS, did_you_mean

if TYPE_CHECKING:
    from .case_schema import Case

WIDTH = 100


def find_rule(rule_id: str, knowledge: KnowledgeBase) -> Rule:
    """The rule of that id.

    Raises:
        LookupError: There is none; the message offers the nearest ids.
    """
    if rule_id not in knowledge.by_id:
        raise LookupError(f"there is no rule {rule_id}{did_you_mean(rule_id, knowledge.by_id)}")
    return knowledge.by_id[rule_id]


def explain(rule: Rule, knowledge: KnowledgeBase) -> str:
    """What a rule does, why, when not, with its example, its cases and its references.

    >>> from dlfix.knowledge_base import load_knowledge
    >>> knowledge = load_knowledge()
    >>> explain(knowledge.by_id["shuffle-rows"], knowledge).splitlines()[0]
    'shuffle-rows: Shuffle the rows in every epoch'
    """
    sections = [
        f"{rule.id}: {plain(rule.title)}",
        _section("Answers", [_kinds(rule)]),
        _section("Why", [plain(rule.why)], hang=2),
        _section("When not", [plain(rule.when_not)], hang=2),
        _section("Needs", [f"{name} {condition}" for name, condition in rule.needs.items()]),
        _section("Edits", [describe_edit(edit) for edit in rule.edits]),
        _section("Confidence", [f"{rule.confidence:g}. {rule.confidence_why}"], hang=2),
        _section("Applicability", [_APPLICABILITY[rule.applicability]]),
        "Example\n" + textwrap.indent(_example(rule), "  "),
        _section("Cases that teach it", _stories(rule.cases, rule, knowledge, real=True)),
        _section("Cases that warn", _stories(rule.counter_cases, rule, knowledge, real=False)),
        _section("References", rule.references),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


_APPLICABILITY = {
    "safe": "safe: keeps the meaning of the program's inputs and outputs",
    "review": "review: look at the change before it is applied, it can alter what other code relies on",
    "display-only": "display-only: shown as advice, never tried and never applied",
}


def plain(text: str) -> str:
    """``{task.classes}`` as ``<task.classes>``: a text without a run to take the facts from."""
    return PLACEHOLDER.sub(r"<\1>", text)


def describe_edit(edit: RuleEdit) -> str:
    """One edit of a rule in a line."""
    parameters = ", ".join(f"{name}={_value(value)}" for name, value in edit.parameters.items())
    where = f" on {LAYER_SELECTORS[edit.layer]}" if edit.layer else ""
    return f"{edit.edit}{where}" + (f": {parameters}" if parameters else "")


def tell_case(case: Case, kinds: Iterable[str], *, real: bool) -> str:
    """A case in a few lines: what it was, what was seen, and the change in question.

    Args:
        case: The case.
        kinds: Fault kinds of interest.
        real: Tell the changes that were needed; otherwise those that were not, with what is better.
    """
    wanted = set(kinds)
    faults = [fault for fault in case.faults if fault.kind in wanted and fault.real == real]
    changes = dict.fromkeys(f"{fault.kind} {fault.before} -> {fault.after}" for fault in faults)
    story = f"{case.id} ({case.reference}): {case.data.description}; {case.symptom}"
    if changes:
        story += f". {'Needed' if real else 'Changed without need'}: {'; '.join(changes)}"
    if not real and case.better_fix:
        story += f". Better: {case.better_fix}"
    return story


def _kinds(rule: Rule) -> str:
    return "faults of kind " + " or ".join((rule.fault, *rule.also))


def _value(value: object) -> str:
    if isinstance(value, dict) and not is_reference(value):
        return "{" + ", ".join(f"{name}={_value(part)}" for name, part in value.items()) + "}"
    if not is_reference(value):
        return repr(value)
    reference = as_reference(value)
    text = f"<{reference.fact}>"
    text += "" if reference.times is None else f" * {reference.times:g}"
    text += "" if reference.plus is None else f" + {reference.plus:g}"
    text += "" if reference.at_least is None else f", at least {reference.at_least:g}"
    text += "" if reference.at_most is None else f", at most {reference.at_most:g}"
    return text + ("" if reference.default is None else f" (or {reference.default})")


def _example(rule: Rule) -> str:
    before, after = rule.example.before.splitlines(), rule.example.after.splitlines()
    lines = []
    for tag, line in _changes(before, after):
        lines.append(f"{tag} {line}")
    return "\n".join(lines)


def _changes(before: list[str], after: list[str]) -> Iterable[tuple[str, str]]:
    for entry in difflib.ndiff(before, after):
        if entry[0] in " +-":
            yield entry[0], entry[2:]


def _stories(case_ids: Sequence[str], rule: Rule, knowledge: KnowledgeBase, *, real: bool) -> list[str]:
    if not case_ids:  # do not read the case file for nothing
        return []
    return [tell_case(knowledge.cases[i], rule.kinds, real=real) for i in case_ids if i in knowledge.cases]


def _section(title: str, lines: Iterable[str], hang: int = 4) -> str:
    texts = [
        textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent=" " * hang, break_long_words=False)
        for line in lines
    ]
    return "\n".join([title, *texts]) if texts else ""
