from __future__ import annotations

import io

from dlfix.progress import BarProgress, NoProgress, PlainProgress, ProgressEvent, describe, progress_view


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines_do_not_flood_a_log():
    stream = io.StringIO()
    view = PlainProgress(stream, interval=1000)
    with view:
        view(ProgressEvent("probe", "probe run", seconds_left=300))
        for done in range(1, 100):
            view(ProgressEvent("trials", "trials", done, 100, seconds_left=200 - done))
        view(ProgressEvent("trials", "trials", 100, 100, best="0.10 → 0.93", seconds_left=9))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[-1] == "dlfix: trials 100/100 · best so far 0.10 → 0.93 · 9.0 s left"


def test_the_fraction_only_grows_through_the_phases():
    events = [ProgressEvent("probe", ""), ProgressEvent("diagnose", ""), ProgressEvent("trials", "", 1, 3)]
    events += [ProgressEvent("trials", "", 3, 3), ProgressEvent("report", "")]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


def test_the_bar_shows_text_as_text():
    stream = Terminal()
    with BarProgress(stream, color=False) as view:
        view(ProgressEvent("trials", "[red]x[/red]", 1, 2, seconds_left=60))
    assert "[red]x[/red] 1/2" in stream.getvalue()


def test_the_view_suits_the_stream():
    assert isinstance(progress_view(io.StringIO(), quiet=False, color=True), PlainProgress)
    assert isinstance(progress_view(Terminal(), quiet=False, color=True), BarProgress)
    assert isinstance(progress_view(Terminal(), quiet=True, color=True), NoProgress)


def test_describe_leaves_out_what_is_unknown():
    assert describe(ProgressEvent("probe", "probe run")) == "probe run"
