"""Confusion tables and correlations, against independent slow computations."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.diagnose.agreement import agreement_facts
from dlfix.diagnose.findings import Task
from sklearn.metrics import confusion_matrix, recall_score

GENERATOR = np.random.default_rng(0)
REAL = Task("regression", None, "real", 1.0)
BINARY = Task("binary", 2, "zero_one", 1.0)


def test_the_table_is_scikit_learns() -> None:
    truth, logits = GENERATOR.integers(0, 4, 300), GENERATOR.normal(size=(300, 4))
    facts = agreement_facts([Task("multiclass", 4, "integer", 1.0)], [truth], [logits], [True])
    decided = logits.argmax(axis=1)
    assert facts["confusion"] == confusion_matrix(truth, decided).tolist()
    assert facts["recalls"] == pytest.approx(recall_score(truth, decided, average=None))
    assert facts["predicted_shares"] == pytest.approx(np.bincount(decided, minlength=4) / 300)


@pytest.mark.parametrize(
    ("task", "truth", "predicted", "logits"),
    [
        (BINARY, np.array([0, 0, 1, 1]), np.array([[0.1], [0.9], [0.2], [0.7]]), False),
        (BINARY, np.array([0, 0, 1, 1]), np.array([[-2.0], [0.3], [-0.1], [4.0]]), True),
        (Task("binary", 2, "signed", 1.0), np.array([-1, -1, 1, 1]), np.array([-0.5, 0.2, -0.1, 0.9]), False),
        (Task("multiclass", 2, "one_hot", 1.0), np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 1, 0, 1]], False),
    ],
)
def test_every_encoding_gives_the_same_table(
    task: Task, truth: np.ndarray, predicted: np.ndarray, logits: bool
) -> None:
    assert agreement_facts([task], [truth], [predicted], [logits])["confusion"] == [[1, 1], [1, 1]]


def test_correlations_are_numpys() -> None:
    truth, predicted = GENERATOR.normal(size=(80, 2)), GENERATOR.normal(size=(80, 2))
    facts = agreement_facts([REAL], [truth], [predicted], [False])
    expected = np.corrcoef(predicted.T, truth.T)[:2, 2:]
    assert np.array(facts["cross_correlation"]) == pytest.approx(expected)
    assert facts["correlation"] == pytest.approx(np.diagonal(expected).mean())


def test_outputs_of_several_regressions_stand_side_by_side() -> None:
    one, two = GENERATOR.normal(size=(80, 1)), GENERATOR.normal(size=80)
    table = np.array(
        agreement_facts([REAL, REAL], [one, two], [two[:, None], one], [False, False])["cross_correlation"]
    )
    assert table[0, 1] == pytest.approx(1.0)
    assert table[1, 0] == pytest.approx(1.0)


def test_what_does_not_vary_has_no_correlation() -> None:
    facts = agreement_facts([REAL], [GENERATOR.normal(size=(80, 1))], [np.full((80, 1), 0.3)], [False])
    assert facts["cross_correlation"] == [[None]]
    assert facts["correlation"] is None


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        (np.array([0, 1, 1]), np.array([[0.1], [np.nan], [0.2]])),
        (np.array([0, 1, 1]), np.array([[0.1], [0.2]])),
        (np.array(["a", "b", "b"]), np.array([[0.1], [0.2], [0.7]])),
        (np.array([0, 1, 1]), np.zeros((3, 5, 1))),  # a forgotten Flatten: several decisions per row
    ],
)
def test_what_cannot_be_compared_is_left_out(truth: np.ndarray, predicted: np.ndarray) -> None:
    assert "confusion" not in agreement_facts([BINARY], [truth], [predicted], [False])


def test_tables_of_many_classes_are_left_out() -> None:
    truth = np.arange(600) % 60
    task = Task("multiclass", 60, "integer", 1.0)
    assert agreement_facts([task], [truth], [np.eye(60)[truth]], [False]) == {}
