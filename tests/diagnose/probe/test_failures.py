from __future__ import annotations

import pytest
from dlfix.diagnose.probe.failures import short_message


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("disk full", "disk full"),
        (
            "Exception encountered when calling Sequential.call().\n\n\x1b[1mInput 0 is incompatible\x1b[0m\n\n"
            "Arguments received by Sequential.call():\n  • training=True",
            "Input 0 is incompatible",
        ),
        (
            "Graph execution error:\n\nDetected at node Loss/Sparse defined at (most recent call last):\n"
            "<stack traces unavailable>\nReceived a label value of 9\n\t [[{{node Loss/Sparse}}]] [Op:__inference]",
            "Received a label value of 9",
        ),
        ("Exception encountered when calling Dense.call().", "Exception encountered when calling Dense.call()."),
    ],
)
def test_what_happened_comes_first(message: str, shown: str) -> None:
    assert short_message(ValueError(message)) == shown
