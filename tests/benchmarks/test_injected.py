"""Drawing, filtering, judging and measuring planted faults, on hand-made records; recording for real at the end."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest
from dlfix.diagnose import diagnosis as diagnosing
from dlfix.diagnose.findings import ReferenceScores, Task
from dlfix.diagnose.trace import DataSample
from traces import fit_trace
from traces import trace as trace_of

from benchmarks.injected import cache, callbacks, filtering, judge, measures, offline
from benchmarks.injected.families import HEALTHY, SIDES, Membership, memberships, programs, seconds_of
from benchmarks.injected.generate import Variant, generate
from benchmarks.injected.operators.registry import plantings
from benchmarks.injected.planting import plant
from benchmarks.injected.record import Limits, Recorder
from benchmarks.injected.report import as_markdown, selection_of

FEW = {name: program for name, program in programs().items() if name in ("cancer_hinge", "wine_kfold", "moons_logit")}


def test_every_healthy_program_is_in_a_family_and_both_sides_are_about_equal():
    known = memberships()
    assert {file.stem for file in HEALTHY.glob("*.py")} <= set(known)
    sides = Counter(member.side for member in known.values())
    assert set(sides) == set(SIDES)
    assert min(sides.values()) >= 0.4 * sum(sides.values())
    of_family = {member.family: member.side for member in known.values()}
    assert all(member.side == of_family[member.family] for member in known.values())


def test_every_kind_of_task_is_on_both_sides():
    known = memberships()
    found = {(program.task.replace("one_hot", "sparse"), known[name].side) for name, program in programs().items()}
    for task in ("binary", "sparse", "regression"):
        assert {(task, side) for side in SIDES} <= found


def test_the_draw_is_even_and_repeats():
    seconds = dict.fromkeys(FEW, 5.0)
    drawn = generate(FEW, 48, 3, seconds)
    assert [one.key for one in drawn] == [one.key for one in generate(FEW, 48, 3, seconds)]
    assert [one.key for one in drawn] != [one.key for one in generate(FEW, 48, 4, seconds)]
    assert len({one.digest for one in drawn}) == len({one.name for one in drawn}) == 48
    assert Counter(len(one.planted.truths) for one in drawn) == {1: 36, 2: 12}
    of_programs = Counter(one.program for one in drawn)
    assert max(of_programs.values()) <= 2 * min(of_programs.values())
    kinds = Counter(truth.kind for one in drawn for truth in one.planted.truths)
    assert max(kinds.values()) <= 5


def test_costs_are_known_for_programs_that_were_measured(tmp_path):
    records = {"records": {"dlfix diagnose healthy/a": {"outcome": {"probe_seconds": 3.5}}}}
    (tmp_path / "results.json").write_text(json.dumps(records))
    assert seconds_of({"a": None, "b": None}, tmp_path / "results.json") == {"a": 3.5, "b": 8.0}


HEALTHY_RUNS = {"probe": [{"skill": 0.9}, {"skill": 0.94}], "trial": [{"skill": 0.8}, {"skill": 0.5}]}


def run(skill, **more):
    return {"state": "completed", "fits": 1, "fit_state": "completed", "skill": skill, "diverged": False, **more}


@pytest.mark.parametrize(
    ("first", "second", "kept", "why"),
    [
        (run(0.5), {"skill": 0.1, "kind": "trial"}, True, "falls in both"),
        (run(0.83), None, False, "does not fall"),  # less than a tenth below the mean
        (run(0.5), {"skill": 0.25, "kind": "trial"}, False, "another seed"),  # the healthy trials vary by 0.3
        (run(0.5), {"skill": 0.25, "kind": "probe"}, True, "falls in both"),
        (run(0.5), None, False, "no second run"),
        (run(-3.0), {"skill": math.nan, "kind": "trial"}, True, "falls in both"),
        (run(None, fit_state="raised", state="raised"), {"skill": None, "kind": "trial"}, True, "falls in both"),
        (run(None, fits=0, fit_state=None, state="raised"), None, False, "before its fit"),
        (run(None, state="timed out"), None, False, "cut off"),
        (run(None), None, False, "not be scored"),
        (run(None, diverged=True), {"skill": 0.0, "kind": "trial"}, True, "falls in both"),
    ],
)
def test_what_is_kept(first, second, kept, why):
    decision = filtering.decide(HEALTHY_RUNS, first, second)
    assert decision.kept is kept
    assert why in decision.why


def test_programs_that_have_nothing_to_lose_are_left_out():
    assert filtering.unfit({"probe": [run(0.9), run(0.8)]}) == ""
    assert "no training" in filtering.unfit({"probe": [run(0.9), run(None, fits=0)]})
    assert "no skill" in filtering.unfit({"probe": [run(0.9), run(0.15)]})


def truth(kind="units", operator="units", at_layer=True, hyperparameter=None, places=((3, 5),)):
    return {
        "operator": operator,
        "kind": kind,
        "at_layer": at_layer,
        "hyperparameter": hyperparameter,
        "places": [{"line": line, "column": column, "end_line": line, "end_column": 99} for line, column in places],
    }


def fault(kind="units", place=(3, 5), file="p.py", confidence=0.5):
    return {
        "kind": kind,
        "file": file if place else None,
        "place": None if place is None else [*place, place[0], 99],
        "confidence": confidence,
        "raw": confidence,
    }


RATE = truth("learning_rate", "hlr-low", False, "optimizer.learning_rate", ((8, 1), (7, 1)))
DATA = truth("training_data", "tcl", False, "data", ((9, 1),))


@pytest.mark.parametrize(
    ("named", "planted", "strict", "kind_only", "wide"),
    [
        (fault(), truth(), True, True, True),
        (fault(place=(4, 5)), truth(), False, True, False),
        (fault(place=(3, 6)), truth(), False, True, False),
        (fault(place=None), truth(), False, True, False),
        (fault(file="other.py"), truth(), False, True, False),
        (fault("filters"), truth(), True, True, True),  # a synonym, at the place
        (fault("filters", (4, 1)), truth(), False, True, False),
        (fault("learning_rate", (7, 1)), RATE, True, True, True),
        (fault("learning_rate", None), RATE, True, True, True),
        (fault("learning_rate", (2, 1)), RATE, False, True, False),
        (fault("epochs", (2, 1)), RATE, False, False, True),  # an alternative
        (fault("dropout", (8, 1)), RATE, False, False, False),
        (fault("training_data", (1, 1)), DATA, True, True, True),
        (fault("label_encoding", None), DATA, True, True, True),
        (fault("input_scaling", (9, 1)), DATA, False, False, False),
    ],
)
def test_when_a_named_fault_is_the_planted_one(named, planted, strict, kind_only, wide):
    assert judge.matches(named, planted, "p.py") is strict
    assert judge.matches(named, planted, "p.py", place=False) is kind_only
    assert judge.matches(named, planted, "p.py", wide=True) is wide


def test_of_two_planted_faults_either_counts_and_both_are_counted_apart():
    named = [fault("epochs"), fault("learning_rate", None), fault("training_data")]
    found = judge.localized(named, [RATE, DATA], "p.py")
    assert asdict(found) == {
        "top1": False,
        "top3": True,
        "all3": True,
        "kind1": False,
        "kind3": True,
        "wide1": True,
        "wide3": True,
    }
    assert not judge.localized(named[:2], [RATE, DATA], "p.py").all3


def test_a_tool_that_names_layers():
    layers = [None, [3, 5], [4, 5]]
    assert judge.names_layer(1, layers, [truth()])
    assert not judge.names_layer(2, layers, [truth()])
    assert not judge.names_layer(0, layers, [truth()])
    assert not judge.names_layer(None, layers, [truth()])
    assert not judge.names_layer(7, layers, [truth()])


def test_calibration_against_a_plain_computation():
    rng = np.random.default_rng(0)
    stated = rng.random(500)
    right = rng.random(500) < stated**2
    found = judge.calibration(zip(stated.tolist(), right.tolist(), strict=True))
    assert found.brier == pytest.approx(np.mean((stated - right) ** 2))
    tenths = np.minimum((stated * 10).astype(int), 9)
    gaps = [abs(stated[tenths == k].mean() - right[tenths == k].mean()) * np.mean(tenths == k) for k in range(10)]
    assert found.expected_error == pytest.approx(sum(gaps))
    assert sum(count for _, count, _, _ in found.bins) == found.number == 500
    assert judge.calibration([]).brier is None


@pytest.mark.parametrize(
    ("losses", "epochs", "stops"),
    [
        ((3.0, 2.0, 1.0), 3, False),
        ((3.0, 2.0, 2.0, 1.0), 4, True),
        ((3.0, 2.0, 2.5), 3, False),  # in the last planned epoch anyway
        ((math.nan, 2.0, 1.0), 3, True),  # nothing is better than NaN
        ((3.0,), 1, False),
    ],
)
def test_early_stopping_from_the_logs(losses, epochs, stops):
    fit = fit_trace()
    fit = replace(fit, epoch_metrics={"loss": losses}, fit=replace(fit.fit, epochs=epochs))
    trace = trace_of(fit)
    assert callbacks.detected(trace, "early_stopping_loss") is stops
    assert callbacks.detected(trace, "early_stopping_accuracy") is None
    rising = replace(fit, epoch_metrics={"val_accuracy": losses, "acc": tuple(-one for one in losses)})
    assert callbacks.detected(trace_of(rising), "early_stopping_accuracy") is stops


def test_references_are_fitted_once_per_data_and_state_of_the_code(tmp_path, monkeypatch):
    calls = []

    def scores(sample, task, **named):
        calls.append(task)
        return ReferenceScores(0.0, 0.5, 0.9, "trees")

    monkeypatch.setattr(diagnosing, "reference_scores", scores)
    where = cache.Cache(tmp_path)
    task = Task("binary", 2, "zero_one", 1.0)
    sample = DataSample((np.zeros((3, 2)),), (np.arange(3),))
    other = DataSample((np.zeros((3, 2)),), (np.arange(1, 4),))
    with offline.cached_references(where):
        first = diagnosing.reference_scores(sample, task, seconds=5.0)
        assert diagnosing.reference_scores(sample, task, seconds=5.0) == first
        diagnosing.reference_scores(other, task, seconds=5.0)
        monkeypatch.setattr(offline, "source_digest", lambda sources: "another")
    with offline.cached_references(where):
        diagnosing.reference_scores(sample, task, seconds=5.0)
    assert len(calls) == 3
    assert diagnosing.reference_scores is scores


def test_only_variants_of_the_last_draw_are_counted(tmp_path):
    where = cache.Cache(tmp_path)
    assert list(where.variant_records()) == []
    for name in ("a", "b", "c"):
        cache.write(where.variant(name) / cache.RECORD, {"program": name})
    where.write_draw(["b", "a", "missing"])
    assert [record["program"] for _, record in where.variant_records()] == ["b", "a"]


def test_the_page_shows_shares_by_side_and_kind():
    member = Membership("mlp", "held-out")
    record = {
        "program": "p",
        "key": "p units:1@3",
        "kept": True,
        "why": "",
        "truths": [truth()],
        "first": run(0.1),
        "second": run(0.1),
    }
    answer = {
        "faults": [fault(confidence=0.8)],
        "verdict": "faulty",
        "seconds": 0.01,
        "layers": [[3, 5]],
        "callbacks": dict.fromkeys(callbacks.TOOLS, False),
    }
    tool = {"detected": True, "layer": 0}
    rows = [
        measures.variant_row(record, answer, tool, member),
        measures.variant_row(record, answer | {"faults": []}, None, member),
    ]
    quiet = [
        measures.healthy_row("q", {"seed": 0, "fits": 1}, answer, tool, member),
        measures.healthy_row("q", {"seed": 1, "fits": 1}, answer | {"faults": []}, None, member),
    ]
    quiet.append(measures.healthy_row("r", {"seed": 0, "fits": 0}, answer | {"faults": []}, None, member))
    found = measures.summary(rows, quiet)
    assert found["held-out"]["dlfix"]["all"]["top1"] == {"hits": 1, "number": 2}
    assert found["held-out"]["false_alarms"] == {"hits": 1, "number": 2}
    assert found["held-out"]["deeplocalize_layer"] == {"hits": 1, "number": 1}
    assert found["held-out"]["by_kind"]["units"]["instead"] == {"nothing": 1}
    # Said 0.8 twice, once of a healthy program.
    assert found["all"]["calibration"]["all"]["brier"] == pytest.approx((0.2**2 + 0.8**2) / 2)
    page = as_markdown(
        {
            "date": "2026-01-01",
            "versions": {"keras": "3"},
            "python": "3.12",
            "machine": {"system": "Linux", "cores": 2},
            "seed": 0,
            "stale": {"recorded": 1, "diagnosed": False, "deeplocalize": 0},
            "selection": selection_of([record, record | {"kept": False, "why": "its skill does not fall"}]),
            "summary": found,
            "healthy": quiet,
            "variants": rows,
        }
    )
    assert "| top1 | 50 % (1/2) | ≥ 75 % | no |" in page
    assert "Stale: 1 runs" in page
    assert "1 × its skill does not fall" in page


@pytest.mark.slow
def test_a_planted_fault_is_recorded_kept_and_diagnosed(tmp_path):
    """From source to a judged diagnosis; what Keras's callbacks would do is compared with what they do."""
    from benchmarks.run.baselines import run_baseline

    chosen = programs()
    name = "cancer_large_batch"
    program = chosen[name]
    wanted = ("wci-all:zeros", "missing-inputs:0.05", "units:2")
    variants = [
        Variant(name, one.key, plant(program.script.text, [one]))
        for key in wanted
        for one in plantings(program)
        if one.key.startswith(key)
    ]
    where, said = cache.Cache(tmp_path / "cache"), []
    where.write_draw([one.name for one in variants])
    Recorder(where, chosen, Limits(seconds=120.0, jobs=2), said.append).run(variants)
    records = {record["key"].split(":")[0]: (folder, record) for folder, record in where.variant_records()}
    assert records["wci-all"][1]["kept"], records["wci-all"][1]
    assert records["missing-inputs"][1]["kept"], records["missing-inputs"][1]
    assert not records["units"][1]["kept"], "two units are enough for these data"
    assert not (records["units"][0] / "trace-0").exists()
    again: list[str] = []
    Recorder(where, chosen, Limits(seconds=120.0, jobs=2), again.append).run(variants)
    assert again == [], "nothing is recorded twice"
    for key in ("wci-all", "missing-inputs"):
        folder, record = records[key]
        answer = offline.diagnose_trace(where, folder / "trace-0")
        assert answer["verdict"] == "faulty"
        assert record["truths"][0]["kind"] in {one["kind"] for one in answer["faults"]}
        script = tmp_path / f"{key}.py"
        script.write_text((folder / "planted.py").read_text())
        for tool in callbacks.TOOLS:
            assert run_baseline(tool, script, 120.0, 0).detected == answer["callbacks"][tool], (key, tool)
