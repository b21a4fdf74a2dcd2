"""From records to rows to the page."""

from __future__ import annotations

import pytest

from benchmarks.run.records import text_digest
from benchmarks.run.report import as_markdown
from benchmarks.run.rows import derive

SEEDS = range(100, 103)
FILES = {"buggy.py": "loss = 'mse'\n"}
# A case with one root cause: softmax on a single unit.
CASE, BUGGY = "31880720", "31880720/buggy"
# A case that the audit calls faultless.
FAULTLESS = "50481178/buggy"


def record(outcome, **stamp):
    return {"stamp": {"program": "p", "tool": "t", "libraries": "l", **stamp}, "load": 0.5, "outcome": outcome}


def skills(*values):
    return {"seeds": [{"seed": seed, "skill": value} for seed, value in zip(SEEDS, values, strict=True)]}


def diagnosis(*faults, verdict="faulty"):
    names = ["Dense", "Activation", "Activation", "Dropout", "Dense", "Activation", "Dropout", "Dense", "Activation"]
    units = [50, 50, 50, 50, 50, 50, 50, 1, 1]
    return {
        "verdict": verdict,
        "faults": [
            {
                "kind": kind,
                "layer": None if layer is None else {"index": layer, "name": f"layer_{layer}"},
                "confidence": 1,
            }
            for kind, layer in faults
        ],
        "layers": [
            {"index": index, "name": f"layer_{index}", "class_name": name, "units": size}
            for index, (name, size) in enumerate(zip(names, units, strict=True))
        ],
        "model_kind": "sequential",
        "seconds": 9.0,
        "probe_seconds": 6.0,
    }


def baseline(detected, layer=None, message="", error=None):
    return {"detected": detected, "layer": layer, "message": message, "seconds": 3.0, "error": error}


@pytest.fixture
def records():
    suggestion = {"title": "Use sigmoid", "verdict": "fixed", "edits": [{}], "files": FILES}
    return {
        f"dlfix diagnose {BUGGY}": record(diagnosis(("output_activation", 7), ("loss", None))),
        f"plain {BUGGY}": record({"state": "completed", "seconds": 5.0}),
        f"deeplocalize {BUGGY}": record(baseline(True, layer=8, message="layer 8")),
        f"terminate_on_nan {BUGGY}": record(baseline(False)),
        f"early_stopping_loss {BUGGY}": record(baseline(None, error="no fit")),
        f"dlfix suggest 90s {BUGGY}": record({"suggestions": [suggestion], "seconds": 80.0, "trials": 12}),
        f"skill {BUGGY}": record(skills(0.0, 0.0, None)),
        f"skill {CASE}/published_patch": record(skills(0.9, 0.91, 0.92)),
        f"skill dlfix {BUGGY}": record(skills(0.9, 0.9, 0.92), files=text_digest(FILES)),
        f"dlfix diagnose {FAULTLESS}": record(diagnosis(("epochs", None))),
        "dlfix diagnose healthy/moons_logit": record(diagnosis(verdict="healthy")),
    }


def test_a_row_holds_what_each_tool_found(records):
    (row, faultless) = derive(records, "90s", SEEDS)["cases"]
    assert faultless["case"] == "50481178"
    own = row["tools"]["dlfix"]
    assert (own["detected"], own["top1"], own["strict1"], own["overhead"]) == (True, True, True, 1.2)
    assert own["said"] == ["output_activation of layer 4", "loss"]
    assert row["shows_fault"] is True
    assert row["tools"]["deeplocalize"]["localized"]
    assert row["tools"]["terminate_on_nan"]["detected"] is False
    assert row["tools"]["early_stopping_loss"] == {
        "detected": False, "localized": False, "said": "", "error": "no fit", "seconds": 3.0,
    }  # fmt: skip


def test_a_repair_is_judged_by_its_own_skill(records):
    repair = derive(records, "90s", SEEDS)["cases"][0]["tools"]["dlfix"]["repair"]
    assert (repair["state"], repair["edits"], repair["not_below_published"]) == ("repaired", 1, True)
    assert repair["skill"] == pytest.approx(0.9067, abs=1e-4)


def test_the_skill_of_an_earlier_suggestion_does_not_count(records):
    records[f"skill dlfix {BUGGY}"]["stamp"]["files"] = text_digest({"buggy.py": "another patch"})
    repair = derive(records, "90s", SEEDS)["cases"][0]["tools"]["dlfix"]["repair"]
    assert (repair["state"], repair["skill"]) == ("not repaired", None)


def test_a_search_with_another_budget_does_not_count(records):
    assert "repair" not in derive(records, "5m", SEEDS)["cases"][0]["tools"]["dlfix"]


def test_a_fault_found_where_there_is_none_is_a_false_alarm(records):
    rows = derive(records, "90s", SEEDS)["healthy"]
    assert {row["program"]: row["tools"]["dlfix"]["alarm"] for row in rows} == {
        FAULTLESS: True,
        "healthy/moons_logit": False,
    }


def test_a_functional_model_counts_its_input(records):
    records[f"dlfix diagnose {BUGGY}"]["outcome"]["model_kind"] = "functional"
    records[f"deeplocalize {BUGGY}"]["outcome"]["layer"] = 9
    assert derive(records, "90s", SEEDS)["cases"][0]["tools"]["deeplocalize"]["localized"]


def page(records, **more):
    return as_markdown(
        {
            "date": "2026-01-01",
            "python": "3.12",
            "versions": {"dlfix": "0"},
            "machine": {"system": "Linux", "cores": 2},
            "budget": "90s",
            "seeds": list(SEEDS),
            "stale": [],
            "records": records,
            "rows": derive(records, "90s", SEEDS),
            **more,
        }
    )


def test_the_page_counts(records):
    text = page(records)
    assert "| rebuilt, with a fault by our audit | dlfix | 1/1 | 1/1 (1) | 1/1 (1) | 1/1 | 1/1 |" in text
    assert "| rebuilt, with a fault by our audit | DeepLocalize procedure | 1/1 | 1/1 |" in text
    assert "| all rebuilt, as the paper counts | dlfix | 2/2 | 1/2 (1) |" in text
    assert "| dlfix | 1/1 | – | 0/1 | 1/2 | – |" in text
    assert f"- {FAULTLESS}: epochs" in text


def test_the_page_lists_what_was_missed(records):
    records[f"dlfix diagnose {BUGGY}"] = record(diagnosis(verdict="healthy"))
    records[f"skill dlfix {BUGGY}"] = record(skills(0.1, 0.2, 0.1), files=text_digest(FILES))
    text = page(records)
    assert f"**Not detected** (1)\n\n- {CASE}: healthy" in text
    assert f"- {CASE}: Use sigmoid reaches 0.13; buggy 0.00, references 0.91" in text


def test_the_page_says_when_records_are_old(records):
    assert "earlier state" not in page(records)
    assert "**1 of 11 runs are of an earlier state" in page(records, stale=[f"plain {BUGGY}"])


def test_the_page_tells_where_it_was_measured(records):
    assert "2026-01-01, Python 3.12, dlfix 0; Linux, 2 cores; load average while it ran 0.5 to 0.5" in page(records)


def test_the_page_holds_goals_against_what_was_reached(records):
    text = page(records)
    assert "| detected | all but one | 1/1, 100% | yes |" in text
    assert "| repaired | 90 % | 1/1, 100% | yes |" in text
    assert "| silent on healthy programs | 97 % | 1/2, 50% | no |" in text
    assert "| below the published patch | none | none | yes |" in text


def test_no_suggestion_is_below_a_patch_that_helps(records):
    records[f"dlfix suggest 90s {BUGGY}"] = record({"suggestions": [], "seconds": 80.0, "trials": 12})
    assert f"| below the published patch | none | {CASE} | no |" in page(records)


@pytest.mark.parametrize(
    ("better", "counts"),
    [((0.9, 0.91, 0.92), True), ((0.0, 0.0, 0.02), False), ((0.4, 0.41, 0.42), False)],
    ids=["helps", "in vain", "worse than the published patch"],
)
def test_a_better_fix_that_does_not_train_is_no_healthy_program(records, better, counts):
    case = "33969059"
    records[f"skill {case}/buggy"] = record(skills(0.0, 0.0, 0.0))
    records[f"skill {case}/published_patch"] = record(skills(0.8, 0.81, 0.82))
    records[f"skill {case}/better_fix"] = record(skills(*better))
    records[f"dlfix diagnose {case}/better_fix"] = record(diagnosis(("epochs", None)))
    text = page(records)
    assert ("| dlfix | 1/1 | 1/1 | 0/1 | 2/3 | – |" in text) == counts
    assert ("| dlfix | 1/1 | – | 0/1 | 1/2 | 1/1 |" in text) != counts
    assert (f"- {case}/better_fix: epochs" in text) == counts
