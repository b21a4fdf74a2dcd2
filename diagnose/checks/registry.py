"""How checks are declared, found and run."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

from ..findings import CheckOutcome, Symptom
from .subject import PARTS, Subject

CheckFunction = Callable[[Subject], Iterable[Symptom]]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        id: Kebab-case noun in the failing state.
        requires: Parts of the trace it cannot do without, names of ``subject.PARTS``.
        function: From a subject to symptoms; it must not depend on anything else.
    """

    id: str
    requires: tuple[str, ...]
    function: CheckFunction

    @property
    def documentation(self) -> str:
        """The docstring, in the sections Symptom, Why, Threshold and its source, When not."""
        return self.function.__doc__ or ""


_REGISTERED: dict[str, Check] = {}


def check(identifier: str, *, requires: tuple[str, ...] = ()) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check ``identifier``.

    Raises:
        ValueError: If the id is taken, or a required part is not one that a trace can have.
    """

    def register(function: CheckFunction) -> CheckFunction:
        known = _REGISTERED.get(identifier)
        if known is not None and known.function.__module__ != function.__module__:
            raise ValueError(
                f"check id {identifier!r} is used in {known.function.__module__} and {function.__module__}"
            )
        if known is not None and known.function.__qualname__ != function.__qualname__:
            raise ValueError(f"check id {identifier!r} is used twice in {function.__module__}")
        unknown = [name for name in requires if name not in PARTS]
        if unknown:
            raise ValueError(f"check {identifier!r} requires unknown parts {unknown}; known are {sorted(PARTS)}")
        _REGISTERED[identifier] = Check(identifier, requires, function)
        return function

    return register


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check of this package, ordered by id."""
    package = __name__.rpartition(".")[0]
    locations = importlib.import_module(package).__path__
    for module in pkgutil.iter_modules(locations):
        importlib.import_module(f"{package}.{module.name}")
    return tuple(_REGISTERED[identifier] for identifier in sorted(_REGISTERED))


def run_checks(
    subject: Subject, checks: Iterable[Check] | None = None
) -> tuple[tuple[Symptom, ...], tuple[CheckOutcome, ...]]:
    """Run checks over one ``fit``. A check that crashes is reported as failed and ends nothing.

    Returns:
        The symptoms in the order of the checks, and one outcome per check.
    """
    symptoms: list[Symptom] = []
    outcomes: list[CheckOutcome] = []
    for item in all_checks() if checks is None else checks:
        reason = subject.first_missing(item.requires)
        if reason is not None:
            outcomes.append(CheckOutcome(item.id, "not applicable", reason))
            continue
        try:
            found = [replace(symptom, fit=subject.index) for symptom in item.function(subject)]
        except Exception as error:  # a bug in one check must not cost the user the other checks
            outcomes.append(CheckOutcome(item.id, "failed", f"{type(error).__name__}: {error}"))
            continue
        symptoms.extend(found)
        outcomes.append(CheckOutcome(item.id, "fired" if found else "passed"))
    return tuple(symptoms), tuple(outcomes)
