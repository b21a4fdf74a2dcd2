"""Fewer points for long series."""

from __future__ import annotations


def thin(length: int, most: int) -> list[int]:
    """Return at most ``most`` evenly spread indices of a series, its first and last always among them.

    Example:
        >>> thin(1000, 3)
        [0, 500, 999]
    """
    if length <= most:
        return list(range(length))
    return sorted({round(step * (length - 1) / (most - 1)) for step in range(most)})
