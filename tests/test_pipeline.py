from __future__ import annotations

import json
from dataclasses import replace

import pytest
import traces
from dlfix.diagnose.trace import ExceptionFacts
from dlfix.repair.patch import Applicability, TrialState
from stand_ins import SCRIPT, make_diagnosis, make_patch, make_suggestion

import dlfix
from dlfix import pipeline
from dlfix.errors import UsageError
from dlfix.result import Result
from dlfix.runs import find_run


def test_a_faulty_script_ends_with_proven_suggestions_in_a_run_folder(stage):
    result = dlfix.suggest("train.py", arguments=["--data", "x"], budget="1m")
    assert (result.verdict, result.suggestions[0].verdict) == ("faulty", "fixed")
    assert result.suggestions[0].diff.startswith("--- a/train.py")
    assert result.baseline.skill == (0.0, 0.0, 0.0)
    assert len(result.baseline.trials) == 3
    assert result.summary == "1 fault found; patch 1 takes the skill from 0.00 to 0.90."
    assert result.cost.trials == 6
    folder = find_run()
    assert Result.load(folder.result_file) == result
    assert (folder.patches / "01.patch").read_text() == result.suggestions[0].diff
    assert (folder.patches / "01" / "0.after").read_bytes() == SCRIPT.replace("softmax", "sigmoid").encode()
    assert folder.report_file.read_text().startswith("<!")
    assert (stage.project / ".dlfix" / ".gitignore").read_text() == "*\n"
    assert stage.seen["record"]["arguments"] == ("--data", "x")
    assert stage.seen["closed"]


def test_a_training_that_fails_is_said_to_fail(stage):
    crashed = {"state": TrialState.CRASHED, "skill": None}
    stage.outcome.baseline = tuple(replace(trial, **crashed) for trial in stage.outcome.baseline)
    result = dlfix.suggest("train.py")
    assert result.summary == "1 fault found; the training fails, with patch 1 it reaches a skill of 0.90."


def test_the_probe_run_and_the_trials_share_one_budget(stage):
    dlfix.suggest("train.py", budget=100)
    assert stage.seen["record"]["seconds"] == pytest.approx(40, abs=1)
    assert 90 < stage.seen["prove"]["seconds"] < 100  # the probe run took no time here
    dlfix.suggest("train.py", budget=100, probe_time="10s")
    assert stage.seen["record"]["seconds"] == 10


def test_patches_that_there_was_no_time_for_are_shown_untested(stage):
    stage.outcome.baseline, stage.outcome.suggestions, stage.outcome.trials = (), (), ()
    result = dlfix.suggest("train.py")
    assert [one.verdict for one in result.suggestions] == ["untested"]


def test_a_healthy_script_gets_silence(stage):
    stage.diagnosis = make_diagnosis("healthy")
    result = dlfix.suggest("train.py")
    assert (result.verdict, result.suggestions, result.checks_run) == ("healthy", (), ("single-unit-softmax",))
    assert "prove" not in stage.seen


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": "killed"}, "; after the training, the script died."),
        ({"state": "out of memory"}, "; after the training, the script ran out of memory."),
        (
            {"state": "raised", "exception": ExceptionFacts("KeyError", "'x'", "", traces.site(30))},
            "; after the training, the script raised KeyError (train.py:30).",
        ),
        ({"state": "raised", "exception": ExceptionFacts("SystemExit", "3", "")}, "ended itself with sys.exit(3)."),
        ({"state": "timed out"}, "(1 checks)."),
    ],
)
def test_a_healthy_training_in_a_script_that_fails_later(stage, changes, told):
    stage.diagnosis = make_diagnosis("healthy")
    stage.trace = replace(stage.trace, **changes)
    result = dlfix.suggest("train.py")
    assert result.verdict == "healthy"
    assert result.summary.endswith(told)


@pytest.mark.parametrize(("verdict", "ends_as"), [("healthy", "error"), ("faulty", "faulty")])
def test_a_training_that_was_cut_off_is_not_healthy(stage, verdict, ends_as):
    stage.diagnosis = make_diagnosis(verdict)
    stopped = replace(stage.trace.fits[0], state="stopped")
    stage.trace = replace(stage.trace, state="killed", fits=(stopped,))
    assert dlfix.diagnose("train.py").verdict == ends_as


def test_diagnose_tries_nothing(stage):
    result = dlfix.diagnose("train.py")
    assert (result.verdict, result.suggestions, result.summary) == ("faulty", (), "1 fault found.")
    assert "prove" not in stage.seen


def test_without_validation_patches_are_untested(stage):
    stage.proposals.advice = (make_patch(applicability=Applicability.DISPLAY_ONLY),)
    result = dlfix.suggest("train.py", validate=False)
    assert [entry.verdict for entry in result.suggestions] == ["untested", "untested"]
    assert [entry.rank for entry in result.suggestions] == [1, 2]
    assert "prove" not in stage.seen


def test_advice_comes_after_what_was_tried(stage):
    stage.proposals.advice = (make_patch(applicability=Applicability.DISPLAY_ONLY),)
    result = dlfix.suggest("train.py")
    assert [(entry.rank, entry.verdict) for entry in result.suggestions] == [(1, "fixed"), (2, "untested")]


def test_a_script_that_raises_is_an_error_with_its_own_traceback(stage):
    facts = ExceptionFacts("ValueError", "bad", 'Traceback…\n  File "train.py", line 3', traces.site(3))
    stage.trace = replace(stage.trace, fits=(), state="raised", exception=facts)
    result = dlfix.suggest("train.py")
    assert result.verdict == "error"
    assert result.error.startswith("train.py:3: the script raised ValueError: bad")
    assert result.exception.traceback == facts.traceback


def test_an_error_before_anything_ran_is_a_result_too(stage):
    (stage.project / "train.py").write_text("def f(:\n")
    result = dlfix.suggest("train.py")
    assert result.verdict == "error"
    assert "train.py:1:" in result.error
    assert "record" not in stage.seen
    assert find_run().load_result().error == result.error


def test_a_change_by_the_user_meanwhile_is_told(stage):
    stage.during = lambda: (stage.project / "train.py").write_text(SCRIPT + "# edited\n")
    result = dlfix.suggest("train.py")
    assert any("train.py" in note and "changed" in note for note in result.notes)


def test_ctrl_c_in_the_probe_run_is_reported(stage):
    def interrupt():
        raise KeyboardInterrupt

    stage.during = interrupt
    result = dlfix.suggest("train.py")
    assert result.interrupted
    assert stage.seen["cancelled"]
    assert find_run().load_result().interrupted


def test_ctrl_c_in_the_trials_keeps_what_was_finished(stage):
    stage.outcome.interrupted = True
    result = dlfix.suggest("train.py")
    assert result.interrupted
    assert result.suggestions[0].verdict == "fixed"


def test_a_bug_leaves_a_crash_file_and_no_result(stage):
    def fail():
        raise ZeroDivisionError("oops")

    stage.during = fail
    with pytest.raises(pipeline.InternalError, match="ZeroDivisionError: oops"):
        dlfix.suggest("train.py")
    folder = find_run()
    assert "ZeroDivisionError" in (folder.path / "crash.txt").read_text()
    assert not folder.result_file.exists()


def test_a_report_that_cannot_be_drawn_does_not_cost_the_result(stage, monkeypatch):
    from dlfix.views import html

    def fail(result):
        raise RuntimeError("no ink")

    monkeypatch.setattr(html, "render_html", fail)
    result = dlfix.suggest("train.py")
    assert result.suggestions
    assert any("no ink" in note for note in result.notes)


def test_a_run_is_reused_only_on_request_and_only_if_nothing_changed(stage):
    first = dlfix.suggest("train.py")
    stage.seen.clear()
    again = dlfix.suggest("train.py", resume=True)
    assert "record" not in stage.seen
    assert again.run == first.run
    assert any("identical run" in note for note in again.notes)
    assert dlfix.suggest("train.py").run != first.run
    for change in ({"arguments": ["--other"]}, {"seed": 7}, {"budget": "4m"}):
        stage.seen.clear()
        dlfix.suggest("train.py", resume=True, **change)
        assert "record" in stage.seen, change


def test_a_data_file_that_changed_makes_another_run(stage):
    (stage.project / "train.py").write_text(SCRIPT + "open('data.csv')\n")
    (stage.project / "data.csv").write_text("1\n")
    dlfix.suggest("train.py")
    (stage.project / "data.csv").write_text("1,2\n")
    stage.seen.clear()
    dlfix.suggest("train.py", resume=True)
    assert "record" in stage.seen


def test_an_order_of_rules_that_changed_makes_another_run(stage, monkeypatch):
    order = stage.project / "order.json"
    monkeypatch.setenv("DLFIX_RULE_ORDER", str(order))
    for offset in (0.0, 1.0):
        order.write_text(json.dumps({"offsets": {"sigmoid-for-binary-output": offset}}))
        stage.seen.clear()
        dlfix.suggest("train.py", resume=True)
        assert "record" in stage.seen
    stage.seen.clear()
    dlfix.suggest("train.py", resume=True)
    assert "record" not in stage.seen


def test_a_broken_order_of_rules_is_not_taken_for_a_broken_rule(stage):
    with pytest.raises(UsageError, match=r"train\.py is no order of rules") as caught:
        dlfix.suggest("train.py", rule_order="train.py")
    assert caught.value.slug == "broken-rule-order"


def test_an_order_of_rules_that_do_not_exist_is_refused(stage):
    order = stage.project / "order.json"
    order.write_text('{"offsets": {"sigmoid-for-binary-outputs": 1.0}}')
    with pytest.raises(UsageError, match=r"order\.json orders the rule 'sigmoid-for-binary-outputs'") as caught:
        dlfix.suggest("train.py", rule_order=order)
    assert (caught.value.slug, "sigmoid-for-binary-output" in (caught.value.hint or "")) == ("broken-rule-order", True)


def test_an_interrupted_run_is_never_reused(stage):
    stage.outcome.interrupted = True
    dlfix.suggest("train.py")
    stage.seen.clear()
    dlfix.suggest("train.py", resume=True)
    assert "record" in stage.seen


def test_a_saved_trace_is_diagnosed_again_without_running(stage):
    from dlfix.diagnose.trace_io import save_trace

    dlfix.suggest("train.py")
    folder = find_run()
    save_trace(stage.trace, folder.trace)
    stage.seen.clear()
    for source in (folder.trace, folder.path):
        result = dlfix.diagnose(source)
        assert (result.verdict, result.script) == ("faulty", "train.py")
    assert stage.seen == {}


def test_unknown_rules_are_refused_before_anything_runs(stage):
    with pytest.raises(UsageError) as caught:
        dlfix.suggest("train.py", ignore=["sigmoid-for-binary-outptu"])
    assert (caught.value.slug, caught.value.hint) == ("unknown-rule", "Did you mean sigmoid-for-binary-output?")
    assert "record" not in stage.seen
    assert not (stage.project / ".dlfix").exists()


def test_progress_is_told_in_order(stage):
    events = []
    dlfix.suggest("train.py", progress=events.append)
    assert [event.phase for event in events] == ["probe", "diagnose", "report"]
    assert all(event.seconds_left <= 300 for event in events)


def test_the_result_names_settings_and_where_it_ran(stage):
    result = dlfix.suggest("train.py", seed=3)
    assert result.settings["seed"] == 3
    assert result.environment["isolation"] == "none"
    assert json.loads(result.to_json())["schema"] == "dlfix/1"


def test_series_are_thinned(stage):
    from dlfix.assemble import MOST_POINTS

    result = dlfix.suggest("train.py")
    assert len(result.model.steps) <= MOST_POINTS
    assert all(
        len(values) == len(result.model.steps) for layer in result.model.layers for values in layer.series.values()
    )
    assert result.model.layers[2].faults == (1,)
    assert result.suggestions[0].trials[0].metrics["loss"] == (1.0, None)  # JSON knows no NaN


def test_a_patch_with_too_few_seeds_is_not_called_proven(stage):
    from dlfix.repair.patch import Verdict

    stage.outcome.suggestions = (replace(make_suggestion(make_patch(), Verdict.UNTESTED), patched_skill=(0.9,)),)
    result = dlfix.suggest("train.py")
    assert "no time to prove it" in result.summary
