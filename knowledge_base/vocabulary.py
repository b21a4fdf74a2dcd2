"""Words that rules and cases may use: fault kinds and the layers an edit can aim at."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from ..diagnose.fact_vocabulary import FAULT_KINDS

#: What the case file may call a fault: every kind that a diagnosis can name, and "none" for a change without effect.
CASE_KINDS = frozenset({*FAULT_KINDS, "none"})

#: Which layers an edit aims at, by the word a rule uses.
LAYER_SELECTORS: dict[str, str] = {
    "fault": "the layer that the fault names",
    "first": "the first layer behind the input",
    "output": "the layer with weights that makes the output",
    "all-hidden": "every hidden layer that takes an activation",
    "linear-hidden": "every hidden layer whose activation is missing",
    "bounded-hidden": "every hidden layer with sigmoid, tanh or a relative of theirs",
    "relu-hidden": "every hidden layer with relu",
    "last-recurrent": "the last recurrent layer",
    "dropout": "every dropout layer",
    "strided": "every convolution that moves its kernel by more than one",
    "large-kernels": "every convolution whose kernel is larger than 3",
    "last-pooling": "the last pooling layer that shrinks a map step by step",
    "weighted": "every layer with a kernel",
    "frozen": "every layer with weights that is not trainable",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence part that offers the nearest known word, or nothing when there is none near.

    >>> did_you_mean("task.clases", ["task.classes", "task.kind"])
    '; did you mean "task.classes"?'
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def require_word(word: str, known: Collection[str], what: str) -> str:
    """``word`` itself.

    Raises:
        ValueError: It is not among the known ones; the message offers the nearest.
    """
    if word not in known:
        raise ValueError(f"there is no {what} {word}{did_you_mean(word, known)}")
    return word
