from __future__ import annotations

import io
import re
from collections.abc import Callable
from types import ModuleType

import pytest
from rich.console import Console

from dlfix.result import Result
from dlfix.views.terminal import render_suggestion, render_terminal


def _render(result: Result, *, width: int = 80, verbose: bool = False, color: str | None = None) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=color, force_terminal=color is not None, _environ={})  # type: ignore[arg-type]
    render_terminal(result, console, verbose=verbose)
    return stream.getvalue()


def _show(result: Result, index: int = 0, width: int = 80) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, _environ={})
    render_suggestion(result.suggestions[index], result, console)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["faulty", "healthy", "error", "empty"])
@pytest.mark.parametrize("verbose", [False, True])
def test_golden(name: str, verbose: bool, samples: ModuleType, check_golden: Callable[[str, str], None]) -> None:
    text = _render(samples.SAMPLES[name](), verbose=verbose)
    check_golden(f"{name}{'-verbose' if verbose else ''}.terminal.txt", text)


def test_golden_of_one_patch(faulty: Result, check_golden: Callable[[str, str], None]) -> None:
    check_golden("faulty-show-1.terminal.txt", _show(faulty))


def test_fits_80_columns_but_for_what_is_copied(sample: Result) -> None:
    for line in _render(sample, verbose=True).split("\n"):
        if not line.startswith("Report: "):
            assert len(line) <= 80, line


def test_nothing_steers_the_terminal(samples: ModuleType) -> None:
    hostile = samples.hostile()
    for text in (_render(hostile, verbose=True), _show(hostile), _show(hostile, 1)):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        assert "[31m" in text  # shown, with its escape made visible
        assert "␛" in text


def test_colour_is_an_extra(faulty: Result) -> None:
    coloured = _render(faulty, color="truecolor")
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == _render(faulty)


def test_a_terminal_without_unicode(sample: Result) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=stream, width=80, color_system=None, _environ={})
    render_terminal(sample, console, verbose=True)
    for suggestion in sample.suggestions:
        render_suggestion(suggestion, sample, console)
    stream.flush()


@pytest.mark.parametrize("width", [20, 40, 200])
def test_any_width(sample: Result, width: int) -> None:
    assert _render(sample, width=width)


def test_says_what_matters(faulty: Result) -> None:
    text = _render(faulty)
    for part in ("train.py:12:11", "output activation", "93% sure", "0.01 → 0.96", "+0.92 to +0.98", "dlfix apply 1"):
        assert part in text
    assert text.index("fixed") < text.index("improved") < text.index("no change")
    assert text.endswith("Your files were not changed.\n")


def test_no_offer_means_no_apply(faulty: Result) -> None:
    losers = tuple(s for s in faulty.suggestions if s.verdict in ("no change", "worse", "failed"))
    text = _render(faulty.model_copy(update={"suggestions": losers}))
    assert "dlfix apply" not in text
    assert "killed: used more than" in " ".join(text.split())
