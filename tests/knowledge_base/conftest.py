"""Helpers shared by the tests of the knowledge base."""

from __future__ import annotations

import pytest
from dlfix.knowledge_base import KnowledgeBase, load_knowledge


@pytest.fixture(scope="session")
def knowledge() -> KnowledgeBase:
    return load_knowledge()
