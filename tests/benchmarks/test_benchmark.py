"""What the harness takes from earlier runs: skills of the programs, orders of rules, and what is out of date."""

from __future__ import annotations

import json

import pytest

from benchmarks.run import benchmark as harness
from benchmarks.run.benchmark import Benchmark, Plan
from benchmarks.run.programs import case_programs
from benchmarks.run.records import stamp

CASE = "31880720"
PLAN = Plan(frozenset([CASE]), ("dlfix",), (100, 101), "90s", 90.0, healthy=False, repair=True, jobs=1)


@pytest.fixture
def known(tmp_path, monkeypatch):
    """An empty folder in place of the benchmarks' own results."""
    monkeypatch.setattr(harness, "BENCHMARKS", tmp_path)
    for name in ("programs", "calibration"):
        (tmp_path / name).mkdir()
    return tmp_path


def adopted(known, digest, seeds):
    program = case_programs([CASE])[0]
    row = {"sha256": digest or program.digest(), "seeds": [{"seed": seed, "skill": 0.5} for seed in seeds]}
    table = {"programs": {CASE: {"buggy": row}}}
    (known / "programs" / "results.json").write_text(json.dumps(table))
    benchmark = Benchmark(PLAN, known)
    benchmark._adopt_references(program)
    return benchmark.records.valid(f"skill {CASE}/buggy", stamp("skill", program.digest()))


def test_skills_of_the_very_same_bytes_are_not_measured_again(known):
    assert [seed["seed"] for seed in adopted(known, None, (100, 101, 102))["seeds"]] == [100, 101]


@pytest.mark.parametrize(("digest", "seeds"), [("other", (100, 101)), (None, (100,))])
def test_skills_of_other_bytes_or_too_few_seeds_are(known, digest, seeds):
    assert adopted(known, digest, seeds) is None


def test_a_case_is_ranked_by_an_order_fitted_without_it(known):
    assert harness._order_without(CASE) is None  # nothing was fitted: the shipped order
    (known / "calibration" / "orders.json").write_text(json.dumps({CASE: {"intercept": 1.0}}))
    assert harness._order_without(CASE) == {"intercept": 1.0}
    assert harness._order_without("another") is None


def test_records_of_another_program_or_tool_are_out_of_date():
    digest = case_programs([CASE])[0].digest()
    program = f"{CASE}/buggy"
    records = {
        f"dlfix suggest 90s {program}": {"stamp": stamp("suggest", digest, order="o")},
        f"early_stopping_loss {program}": {"stamp": {**stamp("baseline", digest), "tool": "older"}},
        f"skill dlfix {program}": {"stamp": stamp("skill", "older", files="f")},
        "plain healthy/gone": {"stamp": stamp("plain", digest)},
    }
    assert harness._stale(records) == list(records)[1:]
