"""What a rule file may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..diagnose.fact_vocabulary import FAULT_KINDS
from .vocabulary import LAYER_SELECTORS, did_you_mean, require_word

RULE_ID = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")

#: ``{task.classes}`` in a title.
PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_.]*)\}")

#: The edits that rules may ask for, and the parameters of each: required ones first, then optional ones.
EDIT_PARAMETERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "set-activation": (("activation",), ()),
    "set-units": (("units",), ()),
    "set-argument": (("target", "name", "value"), ()),
    "remove-argument": (("target", "name"), ()),
    "set-loss": (("loss",), ("from_logits",)),
    "set-optimizer": (("optimizer",), ("learning_rate",)),
    "set-learning-rate": (("learning_rate",), ()),
    "set-optimizer-argument": (("name", "value"), ()),
    "insert-layer": (("position", "layer"), ("arguments",)),
    "replace-layer": (("layer",), ("arguments",)),
    "remove-layer": ((), ()),
    "scale-inputs": (("method",), ("divisor",)),
    "scale-targets": ((), ("method",)),
    "encode-labels": (("to",), ("classes", "multiplier")),
    "clean-data": (("method",), ("placeholder",)),
    "encode-inputs": ((), ("one_hot", "drop")),
    "match-scaling": ((), ()),
    "rows-first": ((), ()),
    "shuffle-rows": ((), ()),
    "add-comment": (("text",), ()),
}

#: Edits that change one layer, so a rule has to say which.
LAYER_EDITS = frozenset({"set-activation", "set-units", "insert-layer", "replace-layer", "remove-layer"})

Scalar = str | bool | int | float


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Model):
    """What a fact must be. Written short: a value means equality, a list means one of them."""

    equals: Scalar | None = None
    one_of: tuple[Scalar, ...] | None = None
    not_: Scalar | tuple[Scalar, ...] | None = Field(default=None, alias="not")
    above: float | None = None
    below: float | None = None
    present: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"one_of": value}
        if isinstance(value, str | bool | int | float):
            return {"equals": value}
        if not value:
            raise ValueError("expected a value, a list of values, or one of not, above, below, present")
        return value

    def holds(self, fact: Any, facts: Mapping[str, Any] | None = None) -> bool:
        """Whether ``fact`` is as wanted. Of an unknown one (None) only ``present: false`` and ``not`` hold.

        Args:
            fact: The fact's value.
            facts: All facts, for conditions that compare with another one (``$task.classes``).
        """
        if self.present is not None and self.present != (fact is not None):
            return False
        if any(_same(fact, value) for value in _values(self.not_, facts)):
            return False
        for wanted in (self.equals, self.one_of):
            if wanted is not None and not any(_same(fact, value) for value in _values(wanted, facts)):
                return False
        if self.above is None and self.below is None:
            return True
        if isinstance(fact, bool) or not isinstance(fact, int | float):
            return False
        return (self.above is None or fact > self.above) and (self.below is None or fact < self.below)

    def references(self) -> tuple[str, ...]:
        """Names of the facts that this condition compares with."""
        values = [v for wanted in (self.equals, self.one_of, self.not_) for v in _values(wanted)]
        return tuple(str(v)[1:] for v in values if is_reference(v))

    def __str__(self) -> str:
        parts = []
        if self.equals is not None:
            parts.append(f"is {_spell(self.equals)}")
        if self.one_of is not None:
            parts.append("is one of " + ", ".join(_spell(v) for v in self.one_of))
        if self.not_ is not None:
            parts.append("is not " + " or ".join(_spell(v) for v in _values(self.not_)))
        if self.above is not None:
            parts.append(f"is above {self.above:g}")
        if self.below is not None:
            parts.append(f"is below {self.below:g}")
        if self.present is not None:
            parts.append("is known" if self.present else "is not known")
        return " and ".join(parts)


class FactReference(_Model):
    """A parameter taken from a fact, ``fact * times + plus`` when numbers are given, kept within the limits."""

    fact: str
    times: float | None = None
    plus: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    round: Literal["integer", "one-digit"] | None = None
    default: Scalar | None = None


class RuleEdit(_Model):
    """One edit of a rule, its parameters still unresolved: values, ``$fact`` or :class:`FactReference`."""

    edit: str
    layer: str | None = None
    parameters: dict[str, Any] = {}

    @field_validator("edit")
    @classmethod
    def _known_edit(cls, edit: str) -> str:
        return require_word(edit, EDIT_PARAMETERS, "edit")

    @field_validator("layer")
    @classmethod
    def _known_selector(cls, layer: str | None) -> str | None:
        return layer and require_word(layer, LAYER_SELECTORS, "layer selector")

    @model_validator(mode="after")
    def _parameters_fit(self) -> Self:
        required, optional = EDIT_PARAMETERS[self.edit]
        missing = [name for name in required if name not in self.parameters]
        if missing:
            raise ValueError(f"{self.edit} needs the parameters {', '.join(missing)}")
        for name in self.parameters:
            if name not in required + optional:
                raise ValueError(f"{self.edit} has no parameter {name}{did_you_mean(name, required + optional)}")
        if self.needs_layer and self.layer is None:
            raise ValueError(f"{self.edit} needs a layer: one of {', '.join(LAYER_SELECTORS)}")
        return self

    @property
    def needs_layer(self) -> bool:
        return self.edit in LAYER_EDITS or self.parameters.get("target") == "layer"

    def references(self) -> tuple[FactReference, ...]:
        """Every fact that the parameters refer to."""
        return tuple(_references(self.parameters))


class Example(_Model):
    """A program before and after; the test suite applies the rule to the first and compares with the second.

    ``facts`` are those that the rule needs, with the values they have in the program; ``layer`` is the index of the
    faulty layer, when the rule's edits aim at it.
    """

    facts: dict[str, Any]
    before: str
    after: str
    layer: int | None = None


class Rule(_Model):
    """Knowledge: for this kind of fault under these facts, try these edits, because of these cases and references."""

    id: str
    fault: str
    also: tuple[str, ...] = ()
    title: str = Field(min_length=8, max_length=90)
    why: str = Field(min_length=40)
    when_not: str = Field(min_length=20)
    needs: dict[str, Condition] = {}
    edits: tuple[RuleEdit, ...]
    confidence: float = Field(gt=0, le=1)
    confidence_why: str = Field(min_length=20)
    applicability: Literal["safe", "review", "display-only"]
    cases: tuple[str, ...] = ()
    counter_cases: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    example: Example

    @field_validator("id")
    @classmethod
    def _kebab(cls, rule_id: str) -> str:
        if not RULE_ID.match(rule_id):
            raise ValueError("expected lower-case words joined by hyphens")
        return rule_id

    @field_validator("fault")
    @classmethod
    def _known_fault(cls, kind: str) -> str:
        return require_word(kind, FAULT_KINDS, "fault kind")

    @field_validator("also")
    @classmethod
    def _known_faults(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(require_word(kind, FAULT_KINDS, "fault kind") for kind in kinds)

    @field_validator("cases", "counter_cases", mode="before")
    @classmethod
    def _ids_are_text(cls, value: Any) -> Any:
        return [str(v) if isinstance(v, int) else v for v in value] if isinstance(value, list) else value

    @field_validator("title", "why", "when_not", "confidence_why")
    @classmethod
    def _one_paragraph(cls, text: str) -> str:
        return " ".join(text.split())

    @field_validator("edits")
    @classmethod
    def _some_edit(cls, edits: tuple[RuleEdit, ...]) -> tuple[RuleEdit, ...]:
        if not edits:
            raise ValueError("a rule needs at least one edit")
        return edits

    @model_validator(mode="after")
    def _has_ground(self) -> Self:
        if not self.cases and not self.references:
            raise ValueError("a rule needs ground: cite cases that teach it, or references when no case does")
        return self

    @property
    def kinds(self) -> frozenset[str]:
        """Every fault kind that the rule answers."""
        return frozenset((self.fault, *self.also))


def is_reference(value: Any) -> bool:
    """Whether a parameter is taken from a fact."""
    return (isinstance(value, str) and value.startswith("$")) or (isinstance(value, dict) and "fact" in value)


def as_reference(value: Any) -> FactReference:
    """The fact reference that a parameter is.

    >>> as_reference("$task.classes").fact
    'task.classes'
    """
    if isinstance(value, str):
        return FactReference(fact=value.removeprefix("$"))
    return FactReference.model_validate(value)


def _references(value: Any) -> list[FactReference]:
    if is_reference(value):
        return [as_reference(value)]
    if isinstance(value, dict):
        return [reference for part in value.values() for reference in _references(part)]
    if isinstance(value, list):
        return [reference for part in value for reference in _references(part)]
    return []


def _values(value: Scalar | tuple[Scalar, ...] | None, facts: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """The single or several values wanted, references to facts replaced by those facts."""
    if value is None:
        return ()
    values = value if isinstance(value, tuple) else (value,)
    if facts is None:
        return values
    return tuple(facts.get(str(v)[1:]) if is_reference(v) else v for v in values)


def _same(fact: Any, wanted: Any) -> bool:
    """Equality in which ``True`` is not 1 and nothing equals the unknown."""
    return fact is not None and isinstance(fact, bool) == isinstance(wanted, bool) and bool(fact == wanted)


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).removeprefix("$")
