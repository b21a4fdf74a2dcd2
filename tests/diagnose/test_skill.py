"""Skill: what it rewards, what it does not, and that shapes never broadcast across rows."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.diagnose.findings import Task
from dlfix.diagnose.skill import Score, combine, score

BINARY = Task("binary", 2, "zero_one", 1.0)
SIGNED = Task("binary", 2, "signed", 1.0)
TEN = Task("multiclass", 10, "integer", 1.0)
ONE_HOT = Task("multiclass", 10, "one_hot", 1.0)
LABELS = Task("multilabel", 3, "multi_hot", 1.0)
REAL = Task("regression", None, "real", 1.0)
DIGITS = np.arange(100) % 10
GENERATOR = np.random.default_rng(1)


def test_zero_is_trivial_and_one_is_perfect():
    labels = np.array([0, 1] * 10)
    assert score(BINARY, labels, labels[:, None] * 0.8 + 0.1).skill == 1.0
    assert score(BINARY, labels, np.full((20, 1), 0.7)).skill == 0.0
    assert score(BINARY, labels, 1.0 - labels).skill == -1.0


def test_logits_are_divided_at_zero():
    labels = np.array([0, 1] * 10)
    logits = (labels - 0.5) * 0.6  # -0.3 and 0.3: both below one half
    assert score(BINARY, labels, logits, from_logits=True).skill == 1.0
    assert score(BINARY, labels, logits).skill == 0.0


def test_signed_labels_are_divided_at_zero():
    labels = np.array([-1, 1] * 10)
    assert score(SIGNED, labels, labels * 0.1).skill == 1.0


def test_two_columns_for_one_label():
    labels = np.array([0, 1, 1, 0] * 5)
    assert score(BINARY, labels, np.eye(2)[labels]).skill == 1.0


def test_columns_may_be_ids_from_one():
    labels = DIGITS + 1
    task = Task("multiclass", 10, "one_based", 1.0)
    assert score(task, labels, np.eye(11)[labels]).skill == 1.0
    assert score(task, labels, np.eye(10)[labels - 1]).skill == 1.0


def test_one_column_for_many_classes_takes_the_nearest():
    assert score(TEN, DIGITS, DIGITS[:, None] + 0.4).skill == 1.0
    assert score(TEN, DIGITS, DIGITS[:, None] + 0.6).score == pytest.approx(0.1)


def test_one_hot_labels_are_judged_by_the_largest_entry():
    """All entries below one half are 90 % right entry by entry, and say nothing."""
    labels = np.eye(10)[DIGITS]
    result = score(ONE_HOT, labels, np.full((100, 10), 0.1))
    assert result.score == pytest.approx(0.1)
    assert result.skill == pytest.approx(0.0)


def test_uneven_classes_are_balanced():
    labels = np.array([0] * 90 + [1] * 10)
    result = score(BINARY, labels, np.zeros((100, 1)))
    assert (result.metric, result.skill) == ("balanced_accuracy", 0.0)
    assert score(BINARY, np.array([0, 1] * 50), np.zeros((100, 1))).metric == "accuracy"


def test_labels_of_multilabel_tasks_count_one_by_one():
    labels = GENERATOR.integers(0, 2, (200, 3))
    assert score(LABELS, labels, labels * 0.9).skill == 1.0
    assert abs(score(LABELS, labels, np.zeros((200, 3))).skill) < 0.1
    half_right = labels.copy()
    half_right[:, 0] = 1 - half_right[:, 0]
    assert 0.2 < score(LABELS, labels, half_right).skill < 0.5


def test_r2_is_the_mean_over_columns():
    labels = GENERATOR.normal(size=(100, 2)) * [1, 1000]
    predictions = labels.copy()
    predictions[:, 0] = labels[:, 0].mean()
    assert score(REAL, labels, predictions).skill == pytest.approx(0.5)


def test_r2_of_images_is_taken_over_all_pixels():
    images = GENERATOR.uniform(size=(50, 8, 8))
    images[:, 0, 0] = 1e-3 * GENERATOR.uniform(size=50)  # a border pixel that hardly varies
    predictions = images.copy()
    predictions[:, 0, 0] += 0.1
    assert score(REAL, images, predictions).skill > 0.9


def test_a_column_never_meets_other_rows():
    labels = GENERATOR.normal(size=50)
    assert score(REAL, labels, labels[:, None]).skill == 1.0
    assert score(REAL, labels[:, None], labels).skill == 1.0


def test_a_forgotten_flatten_is_judged_place_by_place():
    labels = GENERATOR.normal(size=50)
    assert score(REAL, labels, np.repeat(labels[:, None, None], 7, axis=1)).skill == 1.0
    result = score(REAL, labels, GENERATOR.normal(size=(50, 7, 1)))
    assert result.skill is not None
    assert result.skill < 0


def test_sequences():
    labels = GENERATOR.integers(0, 4, (30, 6))
    task = Task("multiclass", 4, "integer", 1.0)
    assert score(task, labels, np.eye(4)[labels]).skill == 1.0
    assert score(Task("multiclass", 4, "one_hot", 1.0), np.eye(4)[labels], np.eye(4)[labels]).skill == 1.0


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_not_finite_has_diverged(broken):
    predictions = np.full((20, 1), 0.5)
    predictions[3] = broken
    result = score(BINARY, np.array([0, 1] * 10), predictions)
    assert result.diverged
    assert result.skill == -1.0


def test_skill_never_falls_below_the_floor():
    labels = GENERATOR.normal(size=50)
    assert score(REAL, labels, labels + 1e9).skill == -1.0


def test_one_class_has_no_score():
    result = score(BINARY, np.ones(20), np.ones((20, 1)))
    assert result.skill is None
    assert "same class" in result.reason


def test_rows_without_a_label_are_left_out():
    labels = np.array([0.0, 1.0, np.nan, 1.0, 0.0])
    assert score(BINARY, labels, np.array([0.0, 1.0, 1.0, 1.0, 0.0])).skill == 1.0


def test_predictions_for_other_rows_are_no_score():
    assert score(BINARY, np.array([0, 1]), np.zeros((3, 1))).skill is None


def test_several_outputs_count_alike():
    good = Score(1.0, "accuracy", 1.0, 0.5, 20)
    poor = Score(0.0, "r2", 0.0, 0.0, 20)
    assert combine([good, poor]).skill == 0.5
    assert combine([good, Score(None, "r2", None, None, 0, reason="constant")]).skill == 1.0
    assert combine([good, Score(-1.0, "r2", None, None, 20, diverged=True)]).diverged
