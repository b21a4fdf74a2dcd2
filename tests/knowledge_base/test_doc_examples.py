"""The examples in docstrings."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest
from dlfix.knowledge_base import documents, explain, loader, matching, schema, vocabulary
from dlfix.repair import candidates

_MODULES = [documents, loader, matching, schema, vocabulary, candidates]


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_the_example_of_explain() -> None:
    (example,) = [t for t in doctest.DocTestFinder().find(explain) if t.examples]
    assert doctest.DocTestRunner().run(example).failed == 0
