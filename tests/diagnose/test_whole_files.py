from __future__ import annotations

from pathlib import Path

import pytest
from dlfix.diagnose.whole_files import write_atomically


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "result.json"
    file.write_text("old")

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(file, b"new")
    assert (file.read_text(), list(tmp_path.iterdir())) == ("old", [file])
