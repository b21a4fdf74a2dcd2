"""Reading rules and cases: everything is checked when loaded, every error names file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnose.fact_vocabulary import FACTS
from .documents import Document, KnowledgeError, Problem, read_document
from .rule_order import RuleOrder, Uncalibrated, load_rule_order
from .schema import PLACEHOLDER, Rule
from .vocabulary import did_you_mean

if TYPE_CHECKING:
    from .case_schema import Case

CASE_FILE = Path(__file__).with_name("cases.yaml")
RULE_FOLDER = Path(__file__).with_name("rules")


@lru_cache(maxsize=1)
def load_cases() -> Mapping[str, Case]:
    """The benchmark's cases by id, read once and only when somebody asks."""
    from .case_schema import CaseFile

    return {case.id: case for case in read_document(CASE_FILE).parse(CaseFile).cases}


@dataclass(frozen=True)
class KnowledgeBase:
    """Rules and the cases behind them.

    Attributes:
        rules: In alphabetical order of their ids.
        files: Where each rule was read from, by id.
        order: How likely the answer of each rule is to help.
    """

    rules: tuple[Rule, ...]
    files: Mapping[str, Path] = field(default_factory=dict)
    order: RuleOrder | Uncalibrated = field(default_factory=load_rule_order)

    @cached_property
    def cases(self) -> Mapping[str, Case]:
        """The benchmark's cases by id."""
        return load_cases()

    @cached_property
    def by_id(self) -> Mapping[str, Rule]:
        """The rules by id."""
        return {rule.id: rule for rule in self.rules}

    def answering(self, kind: str) -> tuple[Rule, ...]:
        """The rules for a kind of fault, most trusted first."""
        rules = [rule for rule in self.rules if kind in rule.kinds]
        return tuple(sorted(rules, key=lambda rule: (-rule.confidence, rule.id)))


def load_knowledge(
    extra_folders: Iterable[Path | str] = (),
    *,
    check_cases: bool | None = None,
    order: RuleOrder | Uncalibrated | None = None,
) -> KnowledgeBase:
    """Load the shipped rules and those in folders of the user's.

    Args:
        extra_folders: Folders with further rules, one ``<id>.yaml`` each; subfolders are searched too.
        check_cases: Check the cases that rules cite. By default only for rules of the user's: the shipped ones are
            checked by the test suite, and reading the case file takes longer than reading all the rules.
        order: An order of rules other than the shipped one.

    Raises:
        KnowledgeError: Something is wrong with a rule; every mistake with file and line.

    >>> "sigmoid-for-binary-output" in load_knowledge().by_id
    True
    """
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    files: dict[str, Path] = {}
    for folder in (RULE_FOLDER, *(Path(f) for f in extra_folders)):
        with_cases = folder != RULE_FOLDER if check_cases is None else check_cases
        for path in _rule_files(folder):
            try:
                rule = load_rule(path, check_cases=with_cases)
            except KnowledgeError as error:
                problems.extend(error.problems)
                continue
            if rule.id in rules:
                problems.append(Problem(str(path), 1, f"rule {rule.id} is already defined in {files[rule.id]}"))
                continue
            rules[rule.id], files[rule.id] = rule, path
    if problems:
        raise KnowledgeError(problems)
    return KnowledgeBase(tuple(rules[rule_id] for rule_id in sorted(rules)), files, order or load_rule_order())


def load_rule(path: Path, *, check_cases: bool = True) -> Rule:
    """Load and check one rule file.

    Raises:
        KnowledgeError: It is wrong; every mistake with its line.
    """
    document = read_document(path)
    rule = document.parse(Rule)
    problems = [*_name_problems(document, rule), *_fact_problems(document, rule)]
    if check_cases:
        problems += _case_problems(document, rule)
    if problems:
        raise KnowledgeError(problems)
    return rule


def _rule_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        reason = "is a file, expected a folder of rules" if folder.exists() else "there is no such folder of rules"
        raise KnowledgeError([Problem(str(folder), 1, reason)])
    return sorted(path for suffix in ("yaml", "yml") for path in folder.rglob(f"*.{suffix}"))


def _name_problems(document: Document, rule: Rule) -> list[Problem]:
    if document.path.stem == rule.id:
        return []
    return [document.problem(("id",), f"id {rule.id} differs from the file's name {document.path.stem}")]


def _fact_problems(document: Document, rule: Rule) -> list[Problem]:
    """Every fact that the rule mentions must be one that a diagnosis can give."""
    mentioned: list[tuple[tuple[str | int, ...], str]] = []
    for name, condition in rule.needs.items():
        mentioned += [(("needs", name), fact) for fact in (name, *condition.references())]
    for index, edit in enumerate(rule.edits):
        mentioned += [(("edits", index, "parameters"), reference.fact) for reference in edit.references()]
    for text in ("title", "why"):
        mentioned += [((text,), name) for name in PLACEHOLDER.findall(getattr(rule, text))]
    mentioned += [(("example", "facts", name), name) for name in rule.example.facts]
    return [
        document.problem(location, f"there is no fact {name}{did_you_mean(name, FACTS)}")
        for location, name in mentioned
        if name not in FACTS
    ]


def _case_problems(document: Document, rule: Rule) -> list[Problem]:
    """Cited cases must exist, and those that teach must show a real fault of a kind that the rule answers."""
    cases = load_cases()
    problems = []
    for name in ("cases", "counter_cases"):
        for index, case_id in enumerate(getattr(rule, name)):
            location = (name, index)
            if case_id not in cases:
                problems.append(document.problem(location, f"there is no case {case_id}{did_you_mean(case_id, cases)}"))
            elif name == "cases" and not cases[case_id].teaches(rule.kinds):
                kinds = " or ".join(sorted(rule.kinds))
                problems.append(document.problem(location, f"case {case_id} has no real fault of kind {kinds}"))
    return problems
