"""Names that are free to use in a file."""

from __future__ import annotations

from .sources import SourceFile


def fresh_name(file: SourceFile, wanted: str) -> str:
    """The wanted name, or one with a number behind it when the file uses that name already.

    >>> fresh_name(SourceFile("a.py", b"x_mean = 1"), "x_mean")
    'x_mean_2'
    """
    taken = {node.value for node in file.names}
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name
