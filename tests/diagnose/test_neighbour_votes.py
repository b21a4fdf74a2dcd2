"""Leave-one-out votes, against leaving rows out one by one."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.diagnose.neighbour_votes import RIDGE, contradicted, neighbourhood, next_row_resemblance, voted_skill
from dlfix.diagnose.trace import DataSample
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier

GENERATOR = np.random.default_rng(0)
X, LABELS = load_iris(return_X_y=True)
IRIS = DataSample((X,), (LABELS,))


def test_votes_are_those_of_scikit_learn_without_the_row() -> None:
    known = neighbourhood(IRIS)
    assert known is not None
    rows = known.features
    apart = np.unique(rows, axis=0, return_counts=True)[1].max()
    votes = known.votes(np.eye(3)[LABELS])
    for row in range(0, 150, 10):
        others = np.delete(np.arange(150), row)
        learner = KNeighborsClassifier(10).fit(rows[others], LABELS[others])
        made = learner.predict_proba(rows[row : row + 1])[0]
        assert np.abs(made - votes[row]).max() <= 0.1 * apart  # rows at the same distance may take each other's place


def test_ridge_without_the_row_is_ridge_fitted_without_the_row() -> None:
    known = neighbourhood(IRIS)
    assert known is not None
    targets = np.eye(3)[LABELS]
    design = np.column_stack([np.ones(150), known.features])
    penalty = RIDGE * 150 * np.eye(5)
    penalty[0, 0] = 0.0
    predicted = known.linear(targets)
    for row in (0, 60, 149):
        others = np.delete(np.arange(150), row)
        part = design[others]
        weights = np.linalg.solve(part.T @ part + penalty, part.T @ targets[others])
        assert predicted[row] == pytest.approx(design[row] @ weights)


def test_planted_noise_is_found_where_it_was_planted() -> None:
    known = neighbourhood(IRIS)
    assert known is not None
    wrong = GENERATOR.choice(150, 20, replace=False)
    noisy = LABELS.copy()
    noisy[wrong] = (noisy[wrong] + 1) % 3
    flagged = np.flatnonzero(contradicted(known, noisy))
    assert len(set(flagged) & set(wrong)) >= 0.8 * len(flagged)
    assert len(set(flagged) & set(wrong)) >= 8
    assert contradicted(known, LABELS).mean() < 0.02


def test_neighbours_of_unrelated_labels_tell_nothing() -> None:
    known = neighbourhood(IRIS)
    assert known is not None
    assert voted_skill(known, LABELS) > 0.9
    assert abs(voted_skill(known, GENERATOR.permutation(LABELS))) < 0.3


def test_wide_inputs_keep_their_neighbours() -> None:
    wide = np.concatenate([X, GENERATOR.normal(size=(150, 3))], axis=1) @ GENERATOR.normal(size=(7, 500))
    known = neighbourhood(DataSample((wide,), (LABELS,)))
    assert known is not None
    assert known.features.shape == (150, 64)
    assert known.explained(np.eye(3)[LABELS]) > 0.5


def test_few_rows_and_text_are_left_alone() -> None:
    assert neighbourhood(DataSample((X[:40],), (LABELS[:40],))) is None
    assert neighbourhood(DataSample((X.astype(str),), (LABELS,))) is None
    assert neighbourhood(DataSample((np.ones((90, 3)),), (np.arange(90),))) is None


def test_windows_over_a_series_are_told_from_rows_of_their_own() -> None:
    series = GENERATOR.normal(size=210)
    windows = np.stack([series[start : start + 200] for start in range(8)], axis=1)
    rows = np.arange(200)
    assert next_row_resemblance(DataSample((windows[..., None],), (rows,)), rows) > 0.99
    assert next_row_resemblance(DataSample((GENERATOR.normal(size=(200, 64)),), (rows,)), rows) < 0.4
    assert next_row_resemblance(DataSample((np.ones((200, 2)),), (rows,)), rows) == 0.0
