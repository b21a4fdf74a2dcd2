from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from dlfix.repair.patch import Applicability
from stand_ins import PATCHED, SCRIPT, make_diagnosis, make_patch, make_suggestion

from dlfix import cli


@pytest.fixture
def run(capsys):
    """Run the command line in this process; returns exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def test_faults_found(stage, run):
    code, out, err = run("suggest", "train.py")
    assert code == 1
    assert "fixed" in out
    assert "dlfix apply 1" in out
    assert "probe run of train.py" in err
    assert (stage.project / "train.py").read_text() == SCRIPT


def test_nothing_found(stage, run):
    stage.diagnosis = make_diagnosis("healthy")
    code, out, _ = run("suggest", "train.py")
    assert code == 0
    assert "No fault found" in out


def test_exit_zero_forgives_faults_but_not_failures(stage, run):
    assert run("suggest", "train.py", "--exit-zero")[0] == 0
    (stage.project / "train.py").write_text("")
    assert run("suggest", "train.py", "--exit-zero")[0] == 3


def test_json_is_alone_on_stdout_and_quiet_is_quiet(stage, run):
    code, out, err = run("suggest", "train.py", "--format", "json", "-q")
    document = json.loads(out)
    assert (code, document["schema"], document["verdict"], err) == (1, "dlfix/1", "faulty", "")
    edit = document["suggestions"][0]["edits"][0]
    assert (edit["from"], edit["to"]) == ("softmax", "sigmoid")


@pytest.mark.parametrize(("form", "begin"), [("sarif", '{\n  "$schema"'), ("github", "::warning file=train.py")])
def test_other_forms(stage, run, form, begin):
    code, out, _ = run("suggest", "train.py", "--format", form)
    assert code == 1
    assert out.startswith(begin)


def test_output_goes_to_files(stage, run):
    code, out, _ = run("diagnose", "train.py", "--format", "json", "-o", "out.json", "--html", "out.html")
    assert (code, out) == (1, "")
    assert json.loads((stage.project / "out.json").read_text())["verdict"] == "faulty"
    assert (stage.project / "out.html").read_text().startswith("<!")
    code, _, err = run("diagnose", "train.py", "-o", "no/such/folder.json")
    assert code == 2
    assert "no folder" in err


def test_the_arguments_of_the_script_stand_behind_two_dashes(stage, run):
    run("suggest", "train.py", "--seed", "4", "--", "--seed", "9", "-q", "data.csv")
    assert stage.seen["record"]["arguments"] == ("--seed", "9", "-q", "data.csv")
    assert stage.seen["record"]["seed"] == 4


def test_options_reach_the_search(stage, run):
    run("suggest", "train.py", "--repeats", "2", "--epochs", "7", "--select", "more-epochs,wider-layer", "--jobs", "1")
    settings = stage.seen["prove"]["settings"]
    assert (settings.repeats, settings.epochs, settings.select) == (2, 7, ("more-epochs", "wider-layer"))
    assert stage.seen["prove"]["machine"].jobs == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["suggest", "trian.py"], "Did you mean train.py?"),
        (["suggest", "."], "folder"),
        (["suggest", "train.py", "--budget", "soon"], "90s, 5m or 1h"),
        (["suggest", "train.py", "--buget", "5m"], "--budget"),
        (["suggest", "train.py", "--format", "xml"], "xml"),
        (["suggest"], "SCRIPT"),
        (["sugest", "train.py"], "suggest"),
        (["suggest", "train.py", "--ignore", "no-such-rule"], "no-such-rule"),
        (["explain", "no-such-thing"], "no-such-thing"),
        (["show"], "no run"),
        (["apply", "1"], "no run"),
        (["report"], "no run"),
    ],
)
def test_wrong_usage_is_exit_2_with_a_message_and_no_traceback(stage, run, arguments, told):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_an_error_of_the_script_is_exit_3(stage, run):
    (stage.project / "train.py").write_text("x = (\n")
    code, out, _ = run("suggest", "train.py")
    assert code == 3
    assert "train.py:1" in out
    assert "dlfix explain syntax-error" in out


def test_a_bug_is_exit_4_with_a_crash_file_and_a_traceback_only_with_v(stage, run):
    def fail():
        raise ZeroDivisionError("oops")

    stage.during = fail
    code, _, err = run("suggest", "train.py")
    assert code == 4
    assert "crash.txt" in err
    assert "Traceback" not in err
    assert "Traceback" in run("suggest", "train.py", "-v")[2]


def test_ctrl_c_is_exit_130_with_what_was_finished(stage, run):
    stage.outcome.interrupted = True
    code, out, _ = run("suggest", "train.py")
    assert code == 130
    assert "fixed" in out


def test_show_apply_undo(stage, run):
    run("suggest", "train.py")
    code, out, _ = run("show", "1")
    assert (code, "+model.fit(activation='sigmoid')" in out) == (0, True)
    assert run("show", "2")[0] == 2
    code, out, _ = run("apply", "1", "--diff")
    assert (code, out) == (0, make_patch().diff)
    assert (stage.project / "train.py").read_text() == SCRIPT
    code, out, _ = run("apply", "1")
    assert code == 0
    assert "changed train.py" in out
    assert (stage.project / "train.py").read_text() == PATCHED
    code, out, _ = run("apply", "1")
    assert (code, "Already applied" in out) == (0, True)
    code, out, _ = run("apply", "--undo")
    assert code == 0
    assert (stage.project / "train.py").read_text() == SCRIPT
    assert run("apply", "--undo")[0] == 1


def test_apply_is_refused_when_the_script_changed(stage, run):
    run("suggest", "train.py")
    (stage.project / "train.py").write_text(SCRIPT + "\n")
    code, _, err = run("apply", "1", "--yes")
    assert code == 1
    assert "train.py changed" in err
    assert (stage.project / "train.py").read_text() == SCRIPT + "\n"


def test_undo_is_refused_when_the_patched_file_was_edited(stage, run):
    run("suggest", "train.py")
    run("apply", "1")
    (stage.project / "train.py").write_text(PATCHED + "# mine\n")
    assert run("apply", "--undo")[0] == 1
    assert (stage.project / "train.py").read_text() == PATCHED + "# mine\n"


def test_advice_is_never_applied(stage, run):
    stage.outcome.suggestions = (make_suggestion(make_patch(applicability=Applicability.DISPLAY_ONLY)),)
    run("suggest", "train.py")
    code, _, err = run("apply", "1")
    assert code == 1
    assert "by hand" in err
    assert (stage.project / "train.py").read_text() == SCRIPT


def test_bytes_that_are_not_those_that_were_tried_are_not_applied(stage, run):
    run("suggest", "train.py")
    next((stage.project / ".dlfix" / "runs").glob("*/patches/01/0.after")).write_text("import os\n")
    code, _, err = run("apply", "1")
    assert code == 2
    assert "not the one that was tried" in err
    assert (stage.project / "train.py").read_text() == SCRIPT


def test_saved_runs_are_found_from_below_and_chosen_by_id(stage, run, monkeypatch):
    run("suggest", "train.py")
    identity = (stage.project / ".dlfix" / "latest").read_text().strip()
    stage.diagnosis = make_diagnosis("healthy")
    run("suggest", "train.py")
    (stage.project / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(stage.project / "deep" / "down")
    assert "No fault found" in run("show")[1]
    assert "1 fault found" in run("show", "--run", identity)[1]
    assert run("show", "--run", "1999")[0] == 2


def test_report_is_rendered_again_and_clean_keeps_the_newest(stage, run):
    for _ in range(3):
        run("suggest", "train.py")
    code, out, _ = run("report", "--html", "again.html")
    assert (code, out.strip()) == (0, "again.html")
    assert json.loads(run("report", "--format", "json")[1])["verdict"] == "faulty"
    code, out, _ = run("clean", "--keep", "1")
    assert code == 0
    assert out.startswith("2 runs removed (")
    assert len(list((stage.project / ".dlfix" / "runs").iterdir())) == 1
    assert run("show")[0] == 0


def test_clean_leaves_what_undo_needs(stage, run):
    run("suggest", "train.py")
    assert run("apply", "1", "--yes")[0] == 0
    code, out, _ = run("clean", "--keep", "0")
    assert (code, out.split(" removed")[0]) == (0, "0 runs")
    assert run("apply", "--undo")[0] == 0
    assert (stage.project / "train.py").read_text() == SCRIPT
    assert run("clean", "--keep", "0")[1].startswith("1 run removed (")


def test_settings_are_shown_with_their_origin(project, run, monkeypatch):
    (project / "pyproject.toml").write_text("[tool.dlfix]\nrepeats = 5\n")
    monkeypatch.setenv("DLFIX_SEED", "11")
    code, out, _ = run("show", "--settings")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines["repeats"].endswith(f"= 5  # {project / 'pyproject.toml'}")
    assert lines["seed"].endswith("= 11  # DLFIX_SEED")
    assert lines["budget"].endswith("= 300.0  # default")


def test_rules_are_listed_and_explained(project, run):
    code, out, _ = run("rules")
    assert code == 0
    assert "sigmoid-for-binary-output" in out
    assert {"id", "kinds", "title"} <= set(json.loads(run("rules", "--format", "json")[1])[0])
    for word, told in [
        ("sigmoid-for-binary-output", "Confidence"),
        ("dying-relu", "Symptom"),
        ("never-ends", "--probe-time"),
    ]:
        code, out, _ = run("explain", word)
        assert (code, told in out) == (0, True), word


def test_version(run):
    from dlfix import __version__

    assert run("--version")[:2] == (0, f"dlfix {__version__}\n")


def test_help_is_quick_and_imports_nothing_heavy():
    code = "import sys; sys.argv = ['dlfix', '--help']\nfrom dlfix.cli import main\nmain()"
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True)
        seconds.append(time.perf_counter() - begun)
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", "pass"], check=True)
    bare = time.perf_counter() - bare
    # 0.12 s on the machine this was written on, where a bare Python takes 0.02 s; a busy machine slows both.
    assert min(seconds) < max(0.3, 15 * bare)


def test_a_reader_that_leaves_is_no_error(project):
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from dlfix.cli import main\nmain(['rules'])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    errors = process.stderr.read().decode()
    assert (process.wait(), "Traceback" in errors, "BrokenPipe" in errors) == (0, False, False)


def test_python_dash_m_works(tmp_path):
    done = subprocess.run([sys.executable, "-m", "dlfix", "--version"], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.startswith(b"dlfix ")
