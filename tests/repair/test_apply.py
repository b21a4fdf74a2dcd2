"""Applying and undoing: all or nothing, hash-guarded, bytes exact."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from dlfix.repair import apply
from dlfix.repair.apply import AlreadyApplied, ApplyRefused, PlannedFile, apply_patch, undo

BEFORE, AFTER = b"lr = 3.0\r\n", b"lr = 0.1\r\n"


def planned(path: str, before: bytes = BEFORE, after: bytes = AFTER) -> PlannedFile:
    return PlannedFile(path, hashlib.sha256(before).hexdigest(), hashlib.sha256(after).hexdigest(), after)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "pkg").mkdir(parents=True)
    (root / "train it.py").write_bytes(BEFORE)
    (root / "pkg" / "model.py").write_bytes(BEFORE)
    return root


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


FILES = [planned("train it.py"), planned("pkg/model.py")]


def test_apply_and_undo_restore_every_byte_and_mode(project: Path, tmp_path: Path) -> None:
    (project / "train it.py").chmod(0o750)
    before = everything(project)
    assert apply_patch(project, FILES, tmp_path / "run") == ("train it.py", "pkg/model.py")
    assert everything(project) == dict.fromkeys(before, AFTER)
    assert stat.S_IMODE((project / "train it.py").stat().st_mode) == 0o750
    with pytest.raises(AlreadyApplied, match="Already applied"):
        apply_patch(project, FILES, tmp_path / "run")
    undo(project, tmp_path / "run")
    assert everything(project) == before
    with pytest.raises(ApplyRefused, match="Already undone"):
        undo(project, tmp_path / "run")
    apply_patch(project, FILES, tmp_path / "run")
    assert everything(project) == dict.fromkeys(before, AFTER)


def test_changed_file_refuses_all(project: Path, tmp_path: Path) -> None:
    (project / "pkg" / "model.py").write_bytes(BEFORE + b"#")
    before = everything(project)
    with pytest.raises(ApplyRefused, match=r"pkg/model\.py changed") as caught:
        apply_patch(project, FILES, tmp_path / "run")
    assert caught.value.files == ("pkg/model.py",)
    assert everything(project) == before
    assert not (tmp_path / "run").exists()


def test_undo_refuses_when_edited_since(project: Path, tmp_path: Path) -> None:
    apply_patch(project, FILES, tmp_path / "run")
    (project / "train it.py").write_bytes(AFTER + b"mine = 1\n")
    before = everything(project)
    with pytest.raises(ApplyRefused, match="would lose those changes"):
        undo(project, tmp_path / "run")
    assert everything(project) == before


def test_undo_without_apply(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ApplyRefused, match="nothing to undo"):
        undo(project, tmp_path / "run")


def test_symbolic_link_stays_a_link(project: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.py"
    real.write_bytes(BEFORE)
    (project / "link.py").symlink_to(real)
    apply_patch(project, [planned("link.py")], tmp_path / "run")
    assert (project / "link.py").is_symlink()
    assert real.read_bytes() == AFTER


@pytest.mark.parametrize(
    ("path", "message"),
    [("gone.py", "no longer exists"), ("../outside.py", "outside of the project"), ("pkg", "not a regular file")],
)
def test_impossible_paths(project: Path, tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(ApplyRefused, match=message):
        apply_patch(project, [FILES[0], planned(path)], tmp_path / "run")
    assert (project / "train it.py").read_bytes() == BEFORE


def test_read_only_file(project: Path, tmp_path: Path) -> None:
    (project / "pkg" / "model.py").chmod(0o444)
    with pytest.raises(ApplyRefused, match="read-only"):
        apply_patch(project, FILES, tmp_path / "run")
    assert (project / "train it.py").read_bytes() == BEFORE


def test_damaged_or_invalid_patch(project: Path, tmp_path: Path) -> None:
    damaged = PlannedFile("train it.py", FILES[0].sha256_before, FILES[0].sha256_after, b"other")
    with pytest.raises(ApplyRefused, match="damaged"):
        apply_patch(project, [damaged], tmp_path / "run")
    with pytest.raises(ApplyRefused, match="not be valid Python"):
        apply_patch(project, [planned("train it.py", after=b"x = (\n")], tmp_path / "run")
    assert (project / "train it.py").read_bytes() == BEFORE


def test_failure_midway_rolls_back(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(project)
    real = apply._replace

    def failing(target: Path, data: bytes) -> None:
        if target.name == "model.py" and data == AFTER:
            raise OSError("disk full")
        real(target, data)

    monkeypatch.setattr(apply, "_replace", failing)
    with pytest.raises(ApplyRefused, match=r"disk full.*nothing was changed"):
        apply_patch(project, FILES, tmp_path / "run")
    assert everything(project) == before


def test_no_temporary_files_are_left(project: Path, tmp_path: Path) -> None:
    apply_patch(project, FILES, tmp_path / "run")
    assert sorted(path.name for path in project.iterdir()) == ["pkg", "train it.py"]
