"""Tasks as judged from labels, over the ways people spell them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dlfix.diagnose.task import array_facts, infer_task

GENERATOR = np.random.default_rng(0)
DIGITS = GENERATOR.integers(0, 10, 500)


def infer(labels, **hints):
    return infer_task(array_facts("y", np.asarray(labels)), **hints)


@pytest.mark.parametrize(
    ("labels", "kind", "encoding", "classes"),
    [
        pytest.param([0, 1, 1, 0], "binary", "zero_one", 2, id="xor"),
        pytest.param([[0.0], [1.0], [1.0]], "binary", "zero_one", 2, id="column of 0/1"),
        pytest.param([True, False] * 20, "binary", "zero_one", 2, id="booleans"),
        pytest.param([-1, 1] * 20, "binary", "signed", 2, id="signed"),
        pytest.param([1, 2] * 20, "binary", "one_based", 2, id="1/2"),
        pytest.param([0, 255] * 20, "binary", "other_integer", 2, id="0/255"),
        pytest.param([0, 1 / 255] * 20, "binary", "scaled_integer", 2, id="two classes / 255"),
        pytest.param(DIGITS, "multiclass", "integer", 10, id="digits"),
        pytest.param(DIGITS + 1, "multiclass", "one_based", 10, id="digits from 1"),
        pytest.param(DIGITS.astype("float32") / 255, "multiclass", "scaled_integer", 10, id="digits / 255"),
        pytest.param(np.eye(10)[DIGITS], "multiclass", "one_hot", 10, id="one-hot digits"),
        pytest.param(np.eye(2)[DIGITS % 2], "multiclass", "one_hot", 2, id="one-hot of two classes"),
        pytest.param(np.eye(10)[DIGITS] / 255, "multiclass", "scaled_integer", 10, id="one-hot / 255"),
        pytest.param(np.eye(10)[DIGITS] * 0.9 + 0.01, "multiclass", "one_hot", 10, id="smoothed one-hot"),
        pytest.param(np.eye(10)[DIGITS] * 2 - 1, "multiclass", "signed", 10, id="signed one-hot"),
        pytest.param(np.eye(5)[DIGITS[:60] % 5].reshape(12, 5, 5), "multiclass", "one_hot", 5, id="one-hot sequences"),
        pytest.param(GENERATOR.integers(0, 26, 2000), "multiclass", "integer", 26, id="letters"),
        pytest.param(GENERATOR.integers(0, 100, 5000), "multiclass", "integer", 100, id="100 classes"),
        pytest.param(GENERATOR.integers(0, 2, (300, 4)), "multilabel", "multi_hot", 4, id="multi-hot"),
        pytest.param(GENERATOR.normal(size=300), "regression", "real", None, id="reals"),
        pytest.param(GENERATOR.integers(25, 347, 442), "regression", "real", None, id="diabetes-like whole numbers"),
        pytest.param(GENERATOR.normal(45, 14, 900).clip(18, 90).round(), "regression", "real", None, id="ages"),
        pytest.param([2, 4, 6, 8, 10], "regression", "real", None, id="a toy line"),
        pytest.param(GENERATOR.integers(1, 11, 900) / 2, "regression", "real", None, id="half stars"),
        pytest.param(GENERATOR.uniform(size=(40, 8, 8, 1)), "regression", "real", None, id="images"),
        pytest.param(GENERATOR.normal(size=(100, 3)), "regression", "real", None, id="three columns"),
    ],
)
def test_kind_and_encoding(labels, kind, encoding, classes):
    task = infer(labels)
    assert (task.kind, task.encoding, task.classes) == (kind, encoding, classes)
    assert task.confidence >= 0.6


def test_one_class_can_neither_be_learned_nor_scored():
    task = infer(np.ones(50))
    assert (task.kind, task.classes) == ("unknown", 1)
    assert "nothing to learn" in task.text


def test_one_used_column_is_one_class():
    assert infer(np.eye(3)[[1] * 20]).kind == "unknown"


def test_labels_that_are_not_numbers():
    assert infer(np.array(["cat", "dog"])).kind == "unknown"
    assert infer([math.nan, math.nan]).kind == "unknown"


def test_ambiguous_labels_are_not_sure():
    wine_quality = GENERATOR.choice(6, 1600, p=[0.01, 0.03, 0.43, 0.40, 0.12, 0.01]) + 3
    counts = GENERATOR.poisson(3, 1000)
    assert infer(wine_quality).confidence < 0.7
    assert infer(counts).confidence < 0.7


def test_loss_and_output_break_ties_only():
    quality = GENERATOR.choice(6, 1600, p=[0.01, 0.03, 0.43, 0.40, 0.12, 0.01]) + 3
    assert infer(quality, loss="sparse_categorical_crossentropy", output_units=9).kind == "multiclass"
    assert infer(quality, loss="mean_squared_error", output_units=1).kind == "regression"
    assert infer(DIGITS, loss="mean_squared_error", output_units=1).kind == "multiclass"
    assert (
        infer(GENERATOR.normal(size=300), loss="sparse_categorical_crossentropy", output_units=9).kind == "regression"
    )


def test_words_of_a_vocabulary():
    words = GENERATOR.integers(0, 5000, 20_000)
    assert infer(words).kind == "regression"
    assert infer(words, loss="sparse_categorical_crossentropy", output_units=5000).kind == "multiclass"


def test_facts_count_what_is_not_finite():
    facts = array_facts("x", np.array([[1.0, np.nan], [3.0, np.inf], [5.0, 2.0]]))
    assert facts.nonfinite == 2
    assert (facts.minimum, facts.maximum) == (1.0, 5.0)
    assert facts.column_mean == (3.0, 2.0)
    assert facts.unique == (1.0, 2.0, 3.0, 5.0)


def test_facts_of_a_part_tell_the_size_of_the_whole():
    facts = array_facts("x", np.zeros((10, 3)), rows=1000)
    assert facts.shape == (1000, 3)
    assert facts.rows_seen == 10


def test_facts_against_plain_numpy():
    values = GENERATOR.normal(size=(200, 5)).astype("float32")
    facts = array_facts("x", values)
    assert facts.mean == pytest.approx(values.mean(), abs=1e-6)
    assert facts.std == pytest.approx(values.std(), abs=1e-6)
    assert facts.column_std == pytest.approx(values.std(axis=0), abs=1e-6)
    assert facts.row_sums == pytest.approx((values.sum(axis=1).min(), values.sum(axis=1).max()), abs=1e-5)
    assert facts.unique is None
