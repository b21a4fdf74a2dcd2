from __future__ import annotations

import os

import pytest

from dlfix.errors import UsageError
from dlfix.settings import ENVIRONMENT_PREFIX, resolve_settings, setting_names


@pytest.fixture
def project(tmp_path):
    """A project with settings and a script two folders down."""
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dlfix]\nbudget = "2m"\nrepeats = 5\nmax-patches = 4\nrules = ["ours"]\n'
    )
    script = tmp_path / "src" / "deep" / "train.py"
    script.touch()
    return script


def test_command_line_beats_environment_beats_file_beats_default(project):
    resolved = resolve_settings(
        {"budget": "9s"}, near=project, environment={"DLFIX_BUDGET": "8s", "DLFIX_REPEATS": "7"}
    )
    assert (resolved.settings.budget, resolved.settings.repeats, resolved.settings.max_patches) == (9, 7, 4)
    assert resolved.settings.seed == 0
    assert resolved.origins["budget"] == "command line"
    assert resolved.origins["repeats"] == "DLFIX_REPEATS"
    assert resolved.origins["max_patches"].endswith("pyproject.toml")
    assert resolved.origins["seed"] == "default"


def test_an_option_that_was_not_given_hides_nothing(project):
    resolved = resolve_settings({"budget": None, "select": (), "rules": ()}, near=project, environment={})
    assert resolved.settings.budget == 120
    assert resolved.origins["rules"].endswith("pyproject.toml")


def test_folders_of_rules_are_relative_to_the_file_that_names_them(project):
    resolved = resolve_settings(near=project, environment={})
    assert resolved.settings.rules == (project.parents[2] / "ours",)


def test_an_order_of_rules_is_relative_to_the_file_that_names_it(project):
    root = project.parents[2]
    (root / "pyproject.toml").write_text('[tool.dlfix]\nrule-order = "orders/ours.json"\n')
    assert resolve_settings(near=project, environment={}).settings.rule_order == root / "orders" / "ours.json"


def test_lists_in_the_environment(tmp_path):
    variables = {
        "DLFIX_SELECT": "a, b",
        "DLFIX_RULES": f"/x{os.pathsep}/y",
        "DLFIX_VALIDATE": "no",
        "DLFIX_EPOCHS": " ",
    }
    settings = resolve_settings(near=tmp_path, environment=variables).settings
    assert settings.select == ("a", "b")
    assert [str(folder) for folder in settings.rules] == ["/x", "/y"]
    assert settings.validate_patches is False
    assert settings.epochs is None


def test_an_unknown_key_in_the_file_is_an_error_with_place_and_nearest_name(tmp_path):
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.dlfix]\nbudgte = 3\n")
    with pytest.raises(UsageError) as caught:
        resolve_settings(near=tmp_path, environment={})
    assert str(file) in caught.value.what
    assert caught.value.hint == "Did you mean budget?"
    assert caught.value.exit_code == 2


def test_a_misspelt_variable_is_an_error_but_a_foreign_one_is_not(tmp_path):
    resolve_settings(near=tmp_path, environment={"DLFIX_HOME_OF_SOMETHING_ELSE": "1"})
    with pytest.raises(UsageError, match="DLFIX_REPEATS"):
        resolve_settings(near=tmp_path, environment={"DLFIX_REPEAT": "1"})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"repeats": 0}, "repeats = 0 (command line)"),
        ({"budget": "soon"}, "90s, 5m or 1h"),
        ({"metric": "auc"}, "direction"),
        ({"direction": "max"}, "no metric"),
        ({"format": "xml"}, "format = 'xml'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_unusable_values_are_named(tmp_path, options, told):
    with pytest.raises(UsageError) as caught:
        resolve_settings(options, near=tmp_path, environment={})
    assert told in caught.value.what


@pytest.mark.parametrize("text", ["[tool.dlfix\n", "tool = {dlfix = 3}\n"])
def test_a_broken_file_is_named(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=r"pyproject\.toml"):
        resolve_settings(near=tmp_path, environment={})


def test_a_pyproject_without_our_table_is_passed_over(project):
    (project.parent / "pyproject.toml").write_text("[project]\nname = 'inner'\n")
    assert resolve_settings(near=project, environment={}).settings.repeats == 5


def test_every_setting_can_be_set_in_the_environment(tmp_path):
    names = {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in setting_names()}
    assert {"DLFIX_BUDGET", "DLFIX_VALIDATE", "DLFIX_EXIT_ZERO"} <= names


@pytest.mark.parametrize(("given", "share"), [("3%", 0.03), ("0.03", 0.03), (0.05, 0.05), (" 12.5 % ", 0.125)])
def test_a_share_is_a_percentage_or_a_number(tmp_path, given, share):
    resolved = resolve_settings({"probe_budget": given}, near=tmp_path, environment={})
    assert resolved.settings.probe_budget == pytest.approx(share)
    if isinstance(given, str):
        resolved = resolve_settings({}, near=tmp_path, environment={"DLFIX_PROBE_BUDGET": given})
        assert resolved.settings.probe_budget == pytest.approx(share)
    (tmp_path / "pyproject.toml").write_text(f"[tool.dlfix]\nprobe-budget = {given!r}\n")
    assert resolve_settings({}, near=tmp_path, environment={}).settings.probe_budget == pytest.approx(share)


@pytest.mark.parametrize("given", ["little", "3", "0%", "200%", "nan", ""])
def test_what_is_no_share_is_refused(tmp_path, given):
    with pytest.raises(UsageError, match="probe_budget = "):
        resolve_settings({"probe_budget": given}, near=tmp_path, environment={})
