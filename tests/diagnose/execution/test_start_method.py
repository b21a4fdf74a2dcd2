from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dlfix.diagnose.execution import Executor, Job
from dlfix.diagnose.execution.start_method import reason_for_cold_start, variables_set_by_source

from tests.diagnose.execution.conftest import Run, log_of, make_job


@pytest.fixture
def job(project: Path, tmp_path: Path) -> Job:
    (project / "train.py").write_text("print('x')", encoding="utf-8")
    return make_job(project / "train.py", project, tmp_path / "out")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras", {"KERAS_BACKEND": "jax"}),
        ('os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")', {"TF_USE_LEGACY_KERAS": "1"}),
        ("os.putenv('KERAS_BACKEND',\n    'torch')", {"KERAS_BACKEND": "torch"}),
        ("os.environ.update({'TF_ENABLE_ONEDNN_OPTS': '0'})", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        ("if os.environ['KERAS_BACKEND'] == 'jax': pass", {}),
        ("# os.environ['KERAS_BACKEND'] = 'jax'", {}),
        ("os.environ.update(KERAS_BACKEND='jax')", {"KERAS_BACKEND": "jax"}),
        ("os.environ['KERAS_BACKEND'] = 'jax", {}),
        ("os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'", {}),
    ],
)
def test_variables_in_the_source(job: Job, source: str, found: dict[str, str]) -> None:
    Path(job.script).write_text(source, encoding="utf-8")
    assert variables_set_by_source(job) == found


def test_variables_in_the_patched_source(job: Job) -> None:
    patched = replace(job, overrides={job.script: b"os.environ['KERAS_BACKEND'] = 'jax'"})
    assert variables_set_by_source(patched) == {"KERAS_BACKEND": "jax"}


def test_modules_beside_count_when_they_are_imported(job: Job) -> None:
    script = Path(job.script)
    script.with_name("settings.py").write_text("os.environ['KERAS_BACKEND'] = 'jax'", encoding="utf-8")
    package = script.parent / "models"
    package.mkdir()
    (package / "__init__.py").write_text("from .legacy import build", encoding="utf-8")
    (package / "legacy.py").write_text("os.environ['TF_USE_LEGACY_KERAS'] = '1'", encoding="utf-8")
    assert variables_set_by_source(job) == {}
    script.write_text("import settings", encoding="utf-8")
    assert variables_set_by_source(job) == {"KERAS_BACKEND": "jax"}
    script.write_text("def main():\n    from models import build", encoding="utf-8")
    assert variables_set_by_source(job) == {"TF_USE_LEGACY_KERAS": "1"}


def test_modules_of_the_project_root_count_too(job: Job) -> None:
    Path(job.project_root, "scripts").mkdir()
    script = Path(job.project_root, "scripts", "train.py")
    script.write_text("import settings\nos.environ['KERAS_HOME'] = '/x'", encoding="utf-8")
    Path(job.project_root, "settings.py").write_text("putenv('KERAS_HOME', '/y')", encoding="utf-8")
    assert variables_set_by_source(replace(job, script=str(script))) == {"KERAS_HOME": "/x"}


@pytest.mark.parametrize(
    ("environment", "preset", "cold"),
    [
        ({"HOME": "/x", "CUDA_VISIBLE_DEVICES": "1"}, {}, False),
        ({}, {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "0"}, False),
        ({}, {"KERAS_BACKEND": "jax"}, True),
        ({"TF_USE_LEGACY_KERAS": "1"}, {}, True),
        ({"LD_PRELOAD": "/lib/x.so"}, {}, True),
        ({"PYTHONPATH": "/somewhere"}, {}, True),
        ({"TF_CPP_MIN_LOG_LEVEL": "3"}, {}, False),
        ({"PYTHONHASHSEED": "0"}, {}, False),
        ({"PYTHONHASHSEED": "1"}, {}, True),
    ],
)
def test_what_must_hold_before_the_imports(
    job: Job, environment: dict[str, str], preset: dict[str, str], cold: bool
) -> None:
    assert bool(reason_for_cold_start(job, environment, {}, preset, ())) == cold


def test_the_same_environment_as_the_server_is_no_reason(job: Job) -> None:
    assert reason_for_cold_start(job, {"KERAS_BACKEND": "jax"}, {"KERAS_BACKEND": "jax"}, {}, ()) == ""


def test_a_module_that_would_have_shadowed_a_loaded_one(job: Job) -> None:
    Path(job.script).with_name("yaml.py").touch()
    assert "called yaml" in reason_for_cold_start(job, {}, {}, {}, {"yaml", "numpy"})
    assert reason_for_cold_start(job, {}, {}, {}, {"numpy"}) == ""


def test_variable_set_by_the_script_holds_before_the_agent(run: Run) -> None:
    with Executor(preload=("wave",)) as executor:
        look = "import os, sys; print('wave' in sys.modules, os.environ.get('KERAS_BACKEND'))\n"
        assert log_of(run(look, executor)) == "True None\n"
        assert log_of(run(look + "os.environ['KERAS_BACKEND'] = 'jax'", executor)) == "False jax\n"


def test_unknown_start_is_refused() -> None:
    with pytest.raises(ValueError, match="start must be"):
        Executor("thread")
