"""``dlfix rules`` and ``dlfix explain``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from .knowledge_base import KnowledgeBase


class ListFormat(StrEnum):
    """Forms of the list of rules."""

    TEXT = "text"
    JSON = "json"


_Rules = typer.Option(metavar="FOLDER", help="Rules of your own (repeatable).")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(name="rules", short_help="List the rules of the knowledge base.")(list_rules)
    app.command(short_help="Explain a rule, a check, or an error message.")(explain)


def list_rules(
    rules: Annotated[list[Path] | None, _Rules] = None,
    form: Annotated[ListFormat, typer.Option("--format", help="Form of the list.")] = ListFormat.TEXT,
) -> int:
    """List the rules of the knowledge base: what each answers and what it does."""
    knowledge = load(rules)
    if form is ListFormat.JSON:
        entries = [
            {"id": rule.id, "kinds": list(rule.kinds), "title": rule.title, "confidence": rule.confidence}
            for rule in knowledge.rules
        ]
        print(json.dumps(entries, indent=2))
        return 0
    from .knowledge_base.explain import plain

    width = max((len(rule.id) for rule in knowledge.rules), default=0)
    for rule in knowledge.rules:
        print(f"{rule.id:<{width}}  {plain(rule.title)}")
    print(f"\n{len(knowledge.rules)} rules; dlfix explain RULE says more about one.", file=sys.stderr)
    return 0


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule, a check, or the name of an error message.")],
    rules: Annotated[list[Path] | None, _Rules] = None,
) -> int:
    """Explain a rule, a check, or an error message of dlfix."""
    from .troubleshooting import ENTRIES, page

    if rule in ENTRIES:
        print(page(rule))
        return 0
    knowledge = load(rules)
    if rule in knowledge.by_id:
        from .knowledge_base import explain as explain_rule

        sys.stdout.write(explain_rule(knowledge.by_id[rule], knowledge))
        return 0
    checks = _check_pages()
    if rule in checks:
        print(f"{rule} (check)\n\n{checks[rule]}")
        return 0
    hint = did_you_mean(rule, [*knowledge.by_id, *checks, *ENTRIES]) or "`dlfix rules` lists the rules."
    raise UsageError("unknown-rule", f"there is no rule, check or message {rule!r}", hint)


def load(folders: list[Path] | None) -> KnowledgeBase:
    """Load the knowledge base with the rules of the user's, from the command line or the settings.

    Raises:
        UsageError: One of them is wrong; file and line are in the message.
    """
    from .knowledge_base import KnowledgeError, load_knowledge
    from .settings import resolve_settings

    resolved = resolve_settings({"rules": tuple(folders or ())})
    try:
        return load_knowledge(resolved.settings.rules)
    except KnowledgeError as error:
        raise UsageError("broken-rule", str(error), "Correct that rule, or leave its folder out.") from None


def _check_pages() -> dict[str, str]:
    """The docstrings of the checks: symptom, why, threshold and its source, when not."""
    import inspect

    from .diagnose.checks import all_checks

    return {check.id: inspect.cleandoc(check.documentation) for check in all_checks()}
