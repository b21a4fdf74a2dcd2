from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dlfix.repair.patch import FileChange
from stand_ins import make_patch

from dlfix import runs
from dlfix.errors import UsageError


def test_runs_started_in_the_same_second_get_names_of_their_own(tmp_path):
    made = [runs.create_run(Path("my train.py"), tmp_path) for _ in range(12)]
    assert len({run.id for run in made}) == 12
    assert all("my-train" in run.id for run in made)
    assert (tmp_path / ".dlfix" / "latest").read_text().strip() == made[-1].id


def test_the_newest_comes_first(tmp_path):
    home = tmp_path / ".dlfix" / "runs"
    names = [
        "20250101-100000-a",
        "20250101-100000-a-2",
        "20250101-100000-a-10",
        "20250102-090000-a",
        "20241231-235959-z",
    ]
    for name in names:
        (home / name).mkdir(parents=True)
    assert [run.id for run in runs.existing_runs(tmp_path)] == [names[3], names[2], names[1], names[0], names[4]]


def test_a_run_without_result_is_passed_over_but_can_be_named(tmp_path):
    finished, unfinished = (tmp_path / ".dlfix" / "runs" / f"2025010{day}-100000-a" for day in (1, 2))
    for folder in (finished, unfinished):
        folder.mkdir(parents=True)
    (finished / "result.json").write_text("{}")
    assert runs.find_run(start=tmp_path).path == finished
    assert runs.find_run("20250102", start=tmp_path).path == unfinished
    with pytest.raises(UsageError, match="before it had a result"):
        runs.find_run("20250102", start=tmp_path).load_result()
    with pytest.raises(UsageError, match="not a result"):
        runs.find_run(start=tmp_path).load_result()
    with pytest.raises(UsageError, match="fits 2 runs"):
        runs.find_run("2025", start=tmp_path)


def test_where_nothing_can_be_written_a_temporary_folder_serves(tmp_path, monkeypatch):
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    monkeypatch.setattr(runs.tempfile, "tempdir", str(elsewhere))
    (project / ".dlfix").write_text("a file is in the way")
    run = runs.create_run(Path("train.py"), project)
    assert run.path.is_dir()
    assert elsewhere in run.path.parents


def test_removing_all_runs_leaves_no_pointer(tmp_path):
    runs.create_run(Path("train.py"), tmp_path)
    removed, freed = runs.remove_runs(0, tmp_path)
    assert (len(removed), freed) == (1, 0)
    assert not (tmp_path / ".dlfix" / "latest").exists()


def test_data_files_named_in_the_source_are_found(tmp_path):
    (tmp_path / "data.csv").write_text("1")
    found = runs.data_files(["data.csv", "no.csv", "", "x" * 2000, "a\0b"], [tmp_path])
    assert list(found) == [str(tmp_path / "data.csv")]


def test_a_saved_patch_is_in_the_encoding_of_its_file(tmp_path):
    before = "# -*- coding: latin-1 -*-\nname = 'größe'\nunits = 1\n".encode("latin-1")
    after = before.replace(b"units = 1", b"units = 2")
    change = FileChange("train.py", before, after, "", "")
    folder = runs.create_run(tmp_path / "train.py", tmp_path)
    folder.save_patch(1, replace(make_patch(), files=(change,)))
    assert b"\n name = 'gr\xf6\xdfe'\n-units = 1\n+units = 2\n" in (folder.patches / "01.patch").read_bytes()
