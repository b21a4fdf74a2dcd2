from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from dlfix.diagnose.execution import find_project_root


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg"])
def test_nearest_marker_wins(tmp_path: Path, marker: str) -> None:
    (tmp_path / "setup.py").touch()
    inner = tmp_path / "inner"
    (inner / "src" / "deep").mkdir(parents=True)
    (inner / marker).touch()
    assert find_project_root(inner / "src" / "deep" / "train.py") == inner.resolve()


def test_without_marker_it_is_the_directory_of_the_script(tmp_path: Path) -> None:
    assert find_project_root(tmp_path / "train.py") == tmp_path.resolve()


def test_home_is_never_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    (tmp_path / "work").mkdir()
    assert find_project_root(tmp_path / "work" / "train.py") == (tmp_path / "work").resolve()


def test_directory_of_temporary_files_is_never_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "setup.py").touch()
    (tmp_path / "x").mkdir()
    assert find_project_root(tmp_path / "x" / "train.py") == (tmp_path / "x").resolve()


def test_relative_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_project_root(Path("train.py")) == tmp_path.resolve()
