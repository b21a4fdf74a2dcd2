"""Helpers shared by the tests of the knowledge base."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from dlfix.knowledge_base import KnowledgeBase, load_knowledge

_TESTS = Path(__file__).parents[1]
for folder in (_TESTS, _TESTS / "repair" / "edits", Path(__file__).parent):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@pytest.fixture(scope="session")
def knowledge() -> KnowledgeBase:
    return load_knowledge()
