"""Helpers of the tests of edits: render requests against a text and check what must hold for every edit."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from dlfix.repair.edits.sources import SourceFile
from dlfix.repair.patch import EditContext, EditRequest, Patch
from dlfix.repair.patching import EditNotApplicable, SourceFiles, make_patch
from facts_from_source import fit_from_source

Texts = str | dict[str, str]


def request(
    edit: str, text: Texts, layer: int | None = None, facts: dict[str, Any] | None = None, /, **parameters: Any
):
    fit = fit_from_source(text, **(facts or {}))
    return EditRequest(edit, parameters, EditContext(fit, layer, "train.py"))


@lru_cache(maxsize=200)
def parsed(path: str, text: str) -> SourceFile:
    """Parse each text of the tests once."""
    return SourceFile(path, text.encode())


def patch_of(
    edit: str, text: Texts, layer: int | None = None, facts: dict[str, Any] | None = None, /, **parameters: Any
) -> Patch:
    texts = {"train.py": text} if isinstance(text, str) else text
    files = [parsed(path, content) for path, content in texts.items()]
    return make_patch([request(edit, text, layer, facts, **parameters)], SourceFiles(Path(), files), title="t")


def changed(
    edit: str, text: Texts, layer: int | None = None, facts: dict[str, Any] | None = None, /, **parameters: Any
) -> str:
    """The only changed file after an edit; checks that unrelated lines are untouched and the edit is recorded."""
    patch = patch_of(edit, text, layer, facts, **parameters)
    assert len(patch.files) == 1
    assert patch.edits
    return patch.files[0].after.decode()


def lines_changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came, without their surroundings."""
    gone, came = [], []
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        if line.startswith("- "):
            gone.append(line[2:])
        elif line.startswith("+ "):
            came.append(line[2:])
    return gone, came


def assert_idempotent(
    edit: str, after: str, layer: int | None = None, facts: dict[str, Any] | None = None, /, **parameters: Any
) -> None:
    with pytest.raises(EditNotApplicable, match="already"):
        patch_of(edit, after, layer, facts, **parameters)
