"""Sample results and goldens for the tests of the views.

Goldens are written anew with ``DLFIX_REGENERATE_GOLDENS=1 pytest tests/views``; look at the diff before committing it.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from dlfix.result import Result

GOLDENS = Path(__file__).parent / "goldens"


def _load_samples() -> ModuleType:
    path = Path(__file__).parent.parent / "sample_results.py"
    spec = importlib.util.spec_from_file_location("dlfix_sample_results", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_SAMPLES = _load_samples()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sample_name" in metafunc.fixturenames:
        metafunc.parametrize("sample_name", list(_SAMPLES.SAMPLES))


@pytest.fixture
def samples() -> ModuleType:
    """The module of sample results."""
    return _SAMPLES


@pytest.fixture
def sample(sample_name: str) -> Result:
    """Each sample result in turn."""
    result: Result = _SAMPLES.SAMPLES[sample_name]()
    return result


@pytest.fixture
def faulty() -> Result:
    result: Result = _SAMPLES.faulty()
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
