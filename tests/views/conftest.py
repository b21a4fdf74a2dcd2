"""Sample results and goldens for the tests of the views.

Goldens are written anew with ``DLFIX_REGENERATE_GOLDENS=1 pytest tests/views``; look at the diff before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import sample_results

from dlfix.result import Result

GOLDENS = Path(__file__).parent / "goldens"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sample_name" in metafunc.fixturenames:
        metafunc.parametrize("sample_name", list(sample_results.SAMPLES))


@pytest.fixture
def samples() -> ModuleType:
    """The module of sample results."""
    return sample_results


@pytest.fixture
def sample(sample_name: str) -> Result:
    """Each sample result in turn."""
    result: Result = sample_results.SAMPLES[sample_name]()
    return result


@pytest.fixture
def faulty() -> Result:
    result: Result = sample_results.faulty()
    return result


@pytest.fixture
def check_golden() -> Callable[[str, str], None]:
    """Compare a text with a golden file, or write it when asked to."""

    def check(name: str, text: str) -> None:
        path = GOLDENS / name
        if os.environ.get("DLFIX_REGENERATE_GOLDENS"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no golden {name}; make it with DLFIX_REGENERATE_GOLDENS=1"
        assert text == path.read_text(encoding="utf-8")

    return check
