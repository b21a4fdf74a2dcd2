from __future__ import annotations

import re
from collections.abc import Callable

from dlfix.result import Result
from dlfix.views.github import render_github

COMMAND = re.compile(r"::(notice|warning|error)(?: [a-zA-Z]+=[^:,]*(?:,[a-zA-Z]+=[^:,]*)*)?::[^\r\n]+")


def test_every_line_is_one_command(sample: Result) -> None:
    text = render_github(sample)
    assert text.endswith("\n")
    for line in text.split("\n")[:-1]:
        assert COMMAND.fullmatch(line), line


def test_golden(sample_name: str, sample: Result, check_golden: Callable[[str, str], None]) -> None:
    if sample_name in ("faulty", "healthy", "error"):
        check_golden(f"{sample_name}.github.txt", render_github(sample))


def test_escapes(faulty: Result) -> None:
    fault = faulty.faults[0].model_copy(update={"kind": "100%, a:b", "text": "50 %\nnext\r::error::x"})
    line = render_github(faulty.model_copy(update={"faults": (fault,)})).split("\n")[0]
    assert "title=dlfix%3A 100%25%2C a%3Ab (93%25 sure)::50 %25%0Anext" in line
    assert "\r" not in line
