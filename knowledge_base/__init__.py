"""What is known about faults and their cures: cases as facts, rules as data."""

from .documents import KnowledgeError
from .explain import explain, find_rule
from .loader import KnowledgeBase, load_knowledge
from .matching import Matching, ResolvedEdit, RuleMatch, match, match_with_notes
from .schema import Rule

__all__ = [
    "KnowledgeBase",
    "KnowledgeError",
    "Matching",
    "ResolvedEdit",
    "Rule",
    "RuleMatch",
    "explain",
    "find_rule",
    "load_knowledge",
    "match",
    "match_with_notes",
]
