"""Durations as people write them: ``90s``, ``5m``, ``1h``, ``1h30m``."""

from __future__ import annotations

import math
import re

_UNITS = {"h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(h|min|m|s)\s*", re.IGNORECASE)


def parse_duration(text: str | float) -> float:
    """Return seconds.

    Args:
        text: ``90s``, ``5m``, ``1h``, ``1h30m``, or a number of seconds.

    Raises:
        ValueError: Neither of those, or not above zero.

    Example:
        >>> parse_duration("1h30m")
        5400.0
    """
    seconds = _seconds(text)
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"a duration must be above zero, not {text!r}")
    return seconds


def _seconds(text: str | float) -> float:
    if isinstance(text, bool):
        raise ValueError(f"a duration is written 90s, 5m or 1h, not {text!r}")
    if isinstance(text, int | float):
        return float(text)
    try:
        return float(text)
    except ValueError:
        pass
    position, total = 0, 0.0
    for part in _PART.finditer(text):
        if part.start() != position:
            break
        total += float(part.group(1)) * _UNITS[part.group(2).lower()]
        position = part.end()
    if not text.strip() or position != len(text):
        raise ValueError(f"a duration is written 90s, 5m or 1h, not {text!r}")
    return total


def format_duration(seconds: float) -> str:
    """Return a short text for people.

    Example:
        >>> format_duration(192)
        '3 min 12 s'
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
