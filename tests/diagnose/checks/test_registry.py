"""How checks are declared and run, and the style that all of them keep."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from dlfix.diagnose.checks import Check, Subject, all_checks, run_checks
from dlfix.diagnose.checks.registry import check
from dlfix.diagnose.checks.subject import PARTS
from dlfix.diagnose.diagnosis import task_of
from dlfix.diagnose.evidence import EVIDENCE
from dlfix.diagnose.findings import ReferenceScores, Symptom
from traces import fit_trace

SECTIONS = ("Symptom:", "Why:", "Threshold and its source:", "When not:")


def subject() -> Subject:
    fit = fit_trace()
    return Subject(fit, task_of(fit), ReferenceScores(None, None, None))


@pytest.mark.parametrize("item", all_checks(), ids=lambda item: item.id)
def test_style(item: Check) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", item.id)
    positions = [item.documentation.find(section) for section in SECTIONS]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert set(item.requires) <= set(PARTS)
    threshold = item.documentation.split("source:")[1].split("When not:")[0]
    assert len(threshold.split()) >= 3
    assert item.documentation.splitlines()[0].endswith(".")


def test_ids_are_unique_and_sorted() -> None:
    ids = [item.id for item in all_checks()]
    assert ids == sorted(set(ids))
    assert len(ids) > 40


def test_evidence_speaks_only_of_checks_that_exist() -> None:
    ids = {item.id for item in all_checks()}
    for kind, evidence in EVIDENCE.items():
        assert set(evidence.primary) | set(evidence.support) <= ids, kind
        assert not set(evidence.primary) & set(evidence.support), kind
        assert all(0 < weight < 1 for weight in (*evidence.primary.values(), *evidence.support.values()))


def test_duplicate_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="dying-relu"):

        @check("dying-relu")
        def another(_: Subject) -> Iterator[Symptom]:
            yield from ()


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="tea leaves"):
        check("foretold-failure", requires=("tea leaves",))(lambda _: ())


def test_a_crash_costs_one_check_only() -> None:
    def crash(_: Subject) -> Iterator[Symptom]:
        raise ZeroDivisionError("oh")

    def fine(_: Subject) -> Iterator[Symptom]:
        yield Symptom("some-noun", "text")

    symptoms, outcomes = run_checks(subject(), [Check("bad-check", (), crash), Check("some-noun", (), fine)])
    assert [symptom.check for symptom in symptoms] == ["some-noun"]
    assert [(item.status, item.reason) for item in outcomes] == [("failed", "ZeroDivisionError: oh"), ("fired", "")]


def test_missing_parts_make_a_check_not_applicable() -> None:
    _, outcomes = run_checks(subject(), [Check("some-noun", ("validation losses",), lambda _: ())])
    assert outcomes[0].status == "not applicable"
    assert "validation losses" in outcomes[0].reason
