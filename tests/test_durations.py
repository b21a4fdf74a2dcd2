from __future__ import annotations

import pytest

from dlfix.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("2.5m", 150), ("45", 45), (45, 45), ("5 min", 300)],
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "m5", "5m!", "0s", "-3s", "nan", "inf", True])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.2 s"), (59.6, "1 min 00 s"), (192, "3 min 12 s"), (3700, "1 h 01 min")]
)
def test_durations_are_written_for_people(seconds, text):
    assert format_duration(seconds) == text
