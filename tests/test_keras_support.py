from __future__ import annotations

import ast

import pytest

from dlfix import keras_support
from dlfix.errors import ScriptError, UsageError


def check(monkeypatch, tmp_path, version="2.16.1", **environment):
    monkeypatch.setattr(keras_support, "tensorflow_version", lambda: version)
    keras_support.check_installation({"KERAS_HOME": str(tmp_path), **environment})


@pytest.mark.parametrize("version", ["2.16.0", "2.21.0", "3.0.0", "2.17.0-dev20240101", "unknown"])
def test_what_has_keras_3_is_taken(monkeypatch, tmp_path, version):
    check(monkeypatch, tmp_path, version, KERAS_BACKEND="tensorflow", TF_USE_LEGACY_KERAS="0")


@pytest.mark.parametrize(
    ("version", "environment", "slug"),
    [
        (None, {}, "no-tensorflow"),
        ("2.15.1", {}, "old-tensorflow"),
        ("1.14.0", {}, "old-tensorflow"),
        ("2.16.0", {"TF_USE_LEGACY_KERAS": "1"}, "legacy-keras"),
        ("2.16.0", {"KERAS_BACKEND": "jax"}, "other-backend"),
    ],
)
def test_what_cannot_be_watched_is_refused(monkeypatch, tmp_path, version, environment, slug):
    with pytest.raises(UsageError) as caught:
        check(monkeypatch, tmp_path, version, **environment)
    assert caught.value.slug == slug


def test_the_backend_of_the_configuration_file_counts_unless_overruled(monkeypatch, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    with pytest.raises(UsageError, match="torch"):
        check(monkeypatch, tmp_path)
    check(monkeypatch, tmp_path, KERAS_BACKEND="tensorflow")
    (tmp_path / "keras.json").write_text("no json")
    check(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\n", "train.py:2"),
        ("import os\nos.environ.setdefault('KERAS_BACKEND', 'jax')\n", "'jax'"),
        ("import tf_keras as keras\n", "Keras 2"),
        ("from tf_keras.layers import Dense\n", "Keras 2"),
    ],
)
def test_scripts_that_ask_for_something_else_are_refused(source, told):
    with pytest.raises(ScriptError, match=told):
        keras_support.check_imports(ast.parse(source), "train.py")


def test_ordinary_scripts_pass():
    source = "import os\nos.environ['KERAS_BACKEND'] = 'tensorflow'\nos.environ['X'] = y\nfrom . import tf_keras\n"
    keras_support.check_imports(ast.parse(source), "train.py")


def test_a_setting_in_another_file_or_function_is_found(tmp_path):
    (tmp_path / "late.py").write_text("def prepare():\n    import os\n    os.environ['TF_USE_LEGACY_KERAS'] = '1'\n")
    (tmp_path / "broken.py").write_text("def")
    with pytest.raises(ScriptError, match=r"late.py:3 sets TF_USE_LEGACY_KERAS"):
        keras_support.check_project_files(tmp_path, ["broken.py", "gone.py", "late.py"])
    keras_support.check_project_files(tmp_path, ["broken.py"])
