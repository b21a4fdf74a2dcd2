"""From faults to resolved edits: which rules apply, and with which values."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..diagnose.facts import facts_for
from ..diagnose.findings import Diagnosis, Fault
from ..diagnose.structure import effective_activation
from ..diagnose.trace import ModelFacts, Trace
from .loader import KnowledgeBase
from .rule_order import RuleOrder, Uncalibrated
from .schema import PLACEHOLDER, FactReference, Rule, RuleEdit, as_reference, is_reference
from .selectors import select_layers
from .vocabulary import did_you_mean

FactSource = Callable[[Trace, Diagnosis, Fault], Mapping[str, Any]]


@dataclass(frozen=True)
class ResolvedEdit:
    """An edit with values for parameters and the index of the layer to change (None when it concerns no layer)."""

    edit: str
    parameters: dict[str, Any]
    layer: int | None = None


@dataclass(frozen=True)
class RuleMatch:
    """A rule that answers a fault of this run.

    Attributes:
        fault: Index of the fault in the diagnosis.
        title, why: The rule's, with this run's facts filled in.
        support: The probability that the answer helps; see ``rule_order``.
    """

    rule: Rule
    fault: int
    edits: tuple[ResolvedEdit, ...]
    support: float
    title: str
    why: str


@dataclass(frozen=True)
class Matching:
    """Every match, best supported first, and what was disabled on the way."""

    matches: tuple[RuleMatch, ...]
    notes: tuple[str, ...] = ()


class _UnknownFact(Exception):
    """A parameter refers to a fact that this run does not give: the rule does not apply."""


def match(
    knowledge: KnowledgeBase,
    trace: Trace,
    diagnosis: Diagnosis,
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
) -> tuple[RuleMatch, ...]:
    """The rules that answer the faults of a diagnosis, best supported first; see :func:`match_with_notes`."""
    return match_with_notes(knowledge, trace, diagnosis, select=select, ignore=ignore).matches


def match_with_notes(
    knowledge: KnowledgeBase,
    trace: Trace,
    diagnosis: Diagnosis,
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    facts: FactSource = facts_for,
) -> Matching:
    """Match rules with faults.

    A rule that fails is disabled for the rest of the run, which a note says; it never ends the run.

    Args:
        select: Ids of the rules to use, all when empty.
        ignore: Ids of rules not to use.
        facts: Gives the facts of a fault.

    Raises:
        ValueError: ``select`` or ``ignore`` names a rule that does not exist.
    """
    _require_known(knowledge, (*select, *ignore))
    matches: list[RuleMatch] = []
    disabled: dict[str, str] = {}
    for index, fault in enumerate(diagnosis.faults):
        rules = [r for r in knowledge.answering(fault.kind) if (not select or r.id in select) and r.id not in ignore]
        if not rules or fault.fit >= len(trace.fits):
            continue
        known = facts(trace, diagnosis, fault)
        for rule in rules:
            if rule.id in disabled:
                continue
            try:
                found = match_rule(rule, trace.fits[fault.fit].model, fault, index, known, knowledge.order)
            except Exception as error:  # a mistake in one rule must not cost the user the others
                disabled[rule.id] = f"rule {rule.id} was disabled: {type(error).__name__}: {error}"
                continue
            if found is not None:
                matches.append(found)
    kept = [m for m in matches if m.rule.id not in disabled]
    return Matching(tuple(sorted(kept, key=_order)), tuple(disabled.values()))


def _require_known(knowledge: KnowledgeBase, rule_ids: Iterable[str]) -> None:
    for rule_id in rule_ids:
        if rule_id not in knowledge.by_id:
            raise ValueError(f"there is no rule {rule_id}{did_you_mean(rule_id, knowledge.by_id)}")


def match_rule(  # noqa: PLR0917
    rule: Rule,
    model: ModelFacts,
    fault: Fault,
    index: int,
    facts: Mapping[str, Any],
    order: RuleOrder | Uncalibrated,
) -> RuleMatch | None:
    """One rule against one fault; None when the rule does not apply."""
    if not applies(rule, facts):
        return None
    try:
        edits = tuple(edit for part in rule.edits for edit in _resolve_edit(part, model, fault, facts))
    except _UnknownFact:
        return None
    if not edits:
        return None
    return RuleMatch(
        rule=rule,
        fault=index,
        edits=edits,
        support=order.support(fault.raw_confidence, rule.confidence, rule.id),
        title=fill_in(rule.title, facts),
        why=fill_in(rule.why, facts),
    )


def applies(rule: Rule, facts: Mapping[str, Any]) -> bool:
    """Whether the facts are as the rule needs them."""
    return all(condition.holds(facts.get(name), facts) for name, condition in rule.needs.items())


def fill_in(text: str, facts: Mapping[str, Any]) -> str:
    """Replace ``{fact}`` by its value as a user would write it."""
    return PLACEHOLDER.sub(lambda found: _spell(facts.get(found.group(1))), text)


def resolve(value: Any, facts: Mapping[str, Any]) -> Any:
    """A parameter with every reference to a fact replaced by the fact's value."""
    if is_reference(value):
        return _look_up(as_reference(value), facts)
    if isinstance(value, dict):
        return {name: resolve(part, facts) for name, part in value.items()}
    if isinstance(value, list):
        return [resolve(part, facts) for part in value]
    return value


def _resolve_edit(part: RuleEdit, model: ModelFacts, fault: Fault, facts: Mapping[str, Any]) -> list[ResolvedEdit]:
    """The edit for every layer it aims at, without those that would change nothing."""
    parameters = resolve(part.parameters, facts)
    if part.layer is None:
        found = [ResolvedEdit(part.edit, parameters)]
    else:
        layers = select_layers(part.layer, model, fault)
        if not layers:
            raise _UnknownFact(f"no layer is {part.layer}")
        found = [ResolvedEdit(part.edit, dict(parameters), layer) for layer in layers]
    return [edit for edit in found if not _is_so_already(edit, model, facts)]


def _is_so_already(edit: ResolvedEdit, model: ModelFacts, facts: Mapping[str, Any]) -> bool:
    """Whether the run already has what the edit asks for, so that rules may name the whole of what belongs together."""
    if edit.edit == "set-loss":
        same_loss = edit.parameters["loss"] == facts.get("loss.name")
        return same_loss and bool(edit.parameters.get("from_logits", False)) == bool(facts.get("loss.from_logits"))
    layer = next((item for item in model.layers if item.index == edit.layer), None)
    if layer is None:
        return False
    if edit.edit == "set-units":
        return bool(edit.parameters["units"] == layer.units)
    if edit.edit == "set-activation":
        is_output = layer.index == facts.get("output.layer")
        activation = facts.get("output.activation") if is_output else effective_activation(model, layer)
        return bool(edit.parameters["activation"] == activation)
    return False


def _look_up(reference: FactReference, facts: Mapping[str, Any]) -> Any:
    value = facts.get(reference.fact)
    if value is None:
        value = reference.default
    if value is None:
        raise _UnknownFact(reference.fact)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = value * (1 if reference.times is None else reference.times) + (reference.plus or 0)
    if reference.at_least is not None:
        number = max(number, reference.at_least)
    if reference.at_most is not None:
        number = min(number, reference.at_most)
    if reference.round == "integer":
        return round(number)
    if reference.round == "one-digit":
        return round_to_one_digit(number)
    return number


def round_to_one_digit(number: float) -> float:
    """The number as a person would pick it.

    >>> round_to_one_digit(0.00273)
    0.003
    """
    if number == 0 or not math.isfinite(number):
        return number
    return float(f"{number:.0e}")


def _spell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "?" if value is None else str(value)


def _order(found: RuleMatch) -> tuple[float, int, str]:
    return (-found.support, found.fault, found.rule.id)
