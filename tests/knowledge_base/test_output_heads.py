"""Whatever is wrong with output units, activation, loss and label encoding: some early answer makes all of it right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from dlfix.diagnose.findings import Diagnosis, Fault, LayerReference, ReferenceScores
from dlfix.diagnose.task import infer_task
from dlfix.knowledge_base import KnowledgeBase, RuleMatch, match
from traces import compiled, dense_layers, fit_trace, trace

ROWS = 120
_IDS = np.arange(ROWS) % 4
LABELS: dict[str, np.ndarray] = {
    "zero_one": np.arange(ROWS) % 2,
    "two columns": np.eye(2)[np.arange(ROWS) % 2],
    "signed": np.arange(ROWS) % 2 * 2 - 1,
    "ids": _IDS,
    "one-based ids": _IDS + 1,
    "one-hot": np.eye(4)[_IDS],
    "divided ids": _IDS / 255.0,
    "multi-hot": np.random.default_rng(0).integers(0, 2, (ROWS, 5)),
    "real": np.random.default_rng(0).normal(3.0, 2.0, ROWS),
    "two quantities": np.random.default_rng(0).normal(3.0, 2.0, (ROWS, 2)),
}
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")
LOSSES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "mean_squared_error",
)
UNITS = (1, 2, 4, 5)


@dataclass(frozen=True)
class Head:
    """What the output looks like, and how the labels are encoded."""

    labels: str
    units: int
    activation: str
    loss: str
    from_logits: bool = False

    def after(self, found: RuleMatch) -> Head:
        """The head once the edits of a match are made."""
        head = self
        for edit in found.edits:
            given: dict[str, Any] = edit.parameters
            if edit.edit == "set-units":
                head = replace(head, units=given["units"])
            elif edit.edit == "set-activation":
                head = replace(head, activation=given["activation"])
            elif edit.edit == "set-loss":
                head = replace(head, loss=given["loss"], from_logits=given.get("from_logits", False))
            elif edit.edit == "encode-labels":
                encoded = {"one-hot": "one-hot", "zero-one": "zero_one"}
                head = replace(head, labels=encoded.get(given["to"], "ids"))
        return head

    def right(self) -> bool:
        """Whether loss, activation, units and labels belong together."""
        activation = self.activation
        if self.from_logits:
            if activation != "linear":
                return False
            activation = {"binary_crossentropy": "sigmoid"}.get(self.loss, "softmax")
        return (self.units, activation, self.loss) in _RIGHT[self.labels]


_RIGHT: dict[str, set[tuple[int, str, str]]] = {
    "zero_one": {(1, "sigmoid", "binary_crossentropy"), (2, "softmax", "sparse_categorical_crossentropy")},
    "two columns": {(2, "softmax", "categorical_crossentropy")},
    "signed": {(1, "tanh", "squared_hinge")},
    "ids": {(4, "softmax", "sparse_categorical_crossentropy")},
    "one-based ids": {(5, "softmax", "sparse_categorical_crossentropy")},
    "one-hot": {(4, "softmax", "categorical_crossentropy")},
    "divided ids": set(),
    "multi-hot": {(5, "sigmoid", "binary_crossentropy")},
    "real": {(1, "linear", "mean_squared_error")},
    "two quantities": {(2, "linear", "mean_squared_error")},
}


def answers(knowledge: KnowledgeBase, head: Head) -> tuple[RuleMatch, ...]:
    """All answers when everything about the head is suspected."""
    y = LABELS[head.labels]
    x = np.random.default_rng(1).normal(size=(ROWS, 4))
    layers = dense_layers((16, "relu"), (head.units, head.activation))
    fit = fit_trace(layers, compiled(head.loss, from_logits=head.from_logits), x, y)
    named = LayerReference(1, "dense_1")
    kinds = ("output_activation", "output_units", "loss", "label_encoding")
    faults = tuple(Fault(kind, "", 0.9, layer=named, details={"direction": "mismatch"}) for kind in kinds)
    task = infer_task(fit.data.targets[0])
    return match(knowledge, trace(fit), Diagnosis("faulty", task, (), faults, ReferenceScores(None, None, None), ()))


@pytest.mark.parametrize("labels", LABELS)
def test_one_answer_mends_the_whole_head(knowledge: KnowledgeBase, labels: str) -> None:
    tried = 0
    for units, activation, loss in product(UNITS, ACTIVATIONS, LOSSES):
        head = Head(labels, units, activation, loss)
        if head.right():
            continue
        found = answers(knowledge, head)
        wholes = [m for m in found if head.after(m).right()]
        if loss == "mean_squared_error" and labels in ("real", "two quantities"):
            parts = {m.rule.id for m in found}  # the loss is right: one rule for the units, one for the activation
            assert units == LABELS[labels].reshape(ROWS, -1).shape[1] or "output-units-for-targets" in parts
            assert activation == "linear" or "linear-for-regression-output" in parts
        else:
            assert wholes, head
        tried += 1
    assert tried >= len(UNITS) * len(ACTIVATIONS) * len(LOSSES) - 2


@pytest.mark.parametrize("labels", LABELS)
def test_what_is_right_gets_no_answer_that_makes_it_wrong(knowledge: KnowledgeBase, labels: str) -> None:
    for units, activation, loss in _RIGHT[labels]:
        head = Head(labels, units, activation, loss)
        for found in answers(knowledge, head):
            assert head.after(found).right(), found.rule.id


def test_from_logits_is_told_or_taken_back(knowledge: KnowledgeBase) -> None:
    silent = Head("ids", 4, "linear", "sparse_categorical_crossentropy")
    assert "logits-for-linear-output" in {m.rule.id for m in answers(knowledge, silent) if silent.after(m).right()}
    twice = Head("zero_one", 1, "sigmoid", "binary_crossentropy", from_logits=True)
    right = {m.rule.id for m in answers(knowledge, twice) if twice.after(m).right()}
    assert {"probabilities-not-logits", "linear-output-for-logits-loss"} <= right
