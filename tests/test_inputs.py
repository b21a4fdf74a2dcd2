from __future__ import annotations

import hashlib

import pytest

from dlfix.errors import ScriptError, UsageError
from dlfix.inputs import check_path, read_script


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path):
    write(tmp_path, "train.py", "pass")
    with pytest.raises(UsageError) as caught:
        check_path(tmp_path / "trian.py")
    assert (caught.value.slug, caught.value.hint) == ("no-such-file", "Did you mean train.py?")


@pytest.mark.parametrize(
    ("name", "slug"),
    [(".", "not-a-file"), ("a.ipynb", "notebook"), ("data.csv", "not-python"), ("no/x.py", "no-such-file")],
)
def test_what_is_no_script_is_refused(tmp_path, name, slug):
    for existing in ("a.ipynb", "data.csv"):
        (tmp_path / existing).touch()
    with pytest.raises(UsageError) as caught:
        check_path(tmp_path / name)
    assert caught.value.slug == slug
    assert caught.value.hint


@pytest.mark.parametrize("content", ["", " \n\t\n", "# only a comment\n", '"""Only a docstring."""\n'])
def test_a_script_without_code(tmp_path, content):
    with pytest.raises(ScriptError) as caught:
        read_script(write(tmp_path, "train.py", content))
    assert caught.value.slug == "empty-script"


def test_a_syntax_error_shows_place_and_caret(tmp_path):
    with pytest.raises(ScriptError) as caught:
        read_script(write(tmp_path, "train.py", "x = 1\nif x:\n\ty = (1 +* 2)\n"))
    assert caught.value.what.startswith("train.py:3:")
    source, caret = caught.value.traceback.splitlines()
    assert source[caret.index("^")] == "*"
    assert caret.startswith("\t")


def test_undeclared_bytes_are_named_with_their_line(tmp_path):
    with pytest.raises(ScriptError) as caught:
        read_script(write(tmp_path, "train.py", b"a = 1\nb = 2\nc = 3\nname = '\xe9'\n"))
    assert caught.value.slug == "not-utf-8"
    assert "train.py:4" in caught.value.what
    assert "0xe9" in caught.value.what


def test_an_encoding_that_does_not_exist(tmp_path):
    with pytest.raises(ScriptError) as caught:
        read_script(write(tmp_path, "train.py", "# coding: klingon\nx = 1\n"))
    assert caught.value.slug == "unknown-encoding"


@pytest.mark.parametrize(
    "content",
    [
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"\xef\xbb\xbfx = 1\n",
        b"if True:\r\n\tx = 1\r\n",
        "x = 'ä'\n".encode(),
    ],
)
def test_unusual_but_right_files_are_read(tmp_path, content):
    script = read_script(write(tmp_path, "my train script.py", content))
    assert script.sources == {"my train script.py": hashlib.sha256(content).hexdigest()}


def test_imports_of_the_project_are_followed_and_others_are_not(tmp_path):
    (tmp_path / ".git").mkdir()
    script = write(
        tmp_path, "work/train.py", "import numpy\nfrom nets import build\nimport lib.data as d\nfrom common import *\n"
    )
    write(tmp_path, "work/nets.py", "from layers_of_ours import dense\n")
    write(tmp_path, "work/layers_of_ours.py", "import broken\n")
    write(tmp_path, "work/broken.py", "def (\n")
    write(tmp_path, "work/lib/__init__.py", "")
    write(tmp_path, "work/lib/data.py", "from . import clean\nfrom ..nets import build\n")
    write(tmp_path, "work/lib/clean.py", "")
    write(tmp_path, "common.py", "")
    write(tmp_path, "work/unrelated.py", "")
    found = read_script(script)
    assert found.project_root == tmp_path
    assert set(found.sources) == {
        "work/train.py",
        "work/nets.py",
        "work/layers_of_ours.py",
        "work/broken.py",
        "work/lib/__init__.py",
        "work/lib/data.py",
        "work/lib/clean.py",
        "common.py",
    }
