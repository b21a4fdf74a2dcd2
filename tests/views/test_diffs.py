from __future__ import annotations

import difflib
import random

import pytest

from dlfix.views.diffs import FileDiff, parse_diff, replacements


def _diff(before: list[str], after: list[str], context: int = 3) -> str:
    ends = ("\n".join([*lines, ""]).splitlines(keepends=True) for lines in (before, after))
    return "".join(difflib.unified_diff(*ends, "a/pkg/f.py", "b/pkg/f.py", n=context))


def _apply(file: FileDiff, lines: list[str]) -> list[str]:
    patched = list(lines)
    for entry in reversed(replacements(file)):
        patched[entry.first - 1 : entry.last] = entry.text.split("\n")
    return patched


@pytest.mark.parametrize("seed", range(300))
def test_replacements_make_the_patched_file(seed: int) -> None:
    randomness = random.Random(seed)
    # lines that look like parts of a diff must not be taken for them
    words = ["", "a", "b = 1", "--- x", "+++ y", "@@ -1 +1 @@", "- z", "\\ no"]
    before = [randomness.choice(words) for _ in range(randomness.randint(1, 14))]
    after = list(before)
    for _ in range(randomness.randint(1, 4)):
        place = randomness.randrange(len(after))
        kind = randomness.choice(("insert", "drop", "change"))
        if kind == "insert":
            after.insert(place, randomness.choice(words))
        elif kind == "drop" and len(after) > 1:
            del after[place]
        else:
            after[place] = "changed"
    files = parse_diff(_diff(before, after, context=randomness.choice((1, 2, 3))))
    if before == after:
        assert files == []
    else:
        assert [file.path for file in files] == ["pkg/f.py"]
        assert _apply(files[0], before) == after


def test_line_numbers() -> None:
    (file,) = parse_diff(_diff(["a", "b", "c"], ["a", "B", "c"]))
    assert [(line.kind, line.text, line.old, line.new) for line in file.hunks[0].lines] == [
        ("context", "a", 1, 1),
        ("removed", "b", 2, None),
        ("added", "B", None, 2),
        ("context", "c", 3, 3),
    ]


def test_several_files_and_a_missing_end_of_line() -> None:
    text = (
        "--- a/one.py\n+++ b/one.py\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n"
        "--- a/two.py\t2020-01-01\n+++ b/two.py\t2020-01-02\n@@ -2 +2,2 @@\n k\n+l\n"
    )
    first, second = parse_diff(text)
    assert (first.path, second.path) == ("one.py", "two.py")
    assert _apply(first, ["x"]) == ["y"]
    assert _apply(second, ["j", "k"]) == ["j", "k", "l"]


def test_windows_line_ends_stay_inside_a_replacement() -> None:
    (file,) = parse_diff("--- a/f.py\n+++ b/f.py\n@@ -1,2 +1,3 @@\n a\r\n-b\r\n+c\r\n+d\r\n")
    assert [(entry.first, entry.last, entry.text) for entry in replacements(file)] == [(2, 2, "c\r\nd")]


@pytest.mark.parametrize("text", ["", "nonsense", "@@ -1 +1 @@\n-a\n+b\n", "--- a\n+++ b\n"])
def test_no_diff_is_no_error(text: str) -> None:
    assert all(not file.hunks for file in parse_diff(text))
