"""Reference learners on scikit-learn's data, and on data that would break naive ones."""

from __future__ import annotations

import time

import numpy as np
import pytest
from dlfix.diagnose.findings import ReferenceScores
from dlfix.diagnose.reference import reference_scores
from dlfix.diagnose.task import array_facts, infer_task
from dlfix.diagnose.trace import DataSample
from sklearn import datasets


def scores(x: np.ndarray, y: np.ndarray, **options: bool) -> ReferenceScores:
    return reference_scores(DataSample((x,), (y,)), infer_task(array_facts("y", y)), **options)


@pytest.mark.parametrize(
    ("load", "least"),
    [
        (datasets.load_iris, 0.85),
        (datasets.load_wine, 0.9),
        (datasets.load_breast_cancer, 0.85),
        (datasets.load_digits, 0.93),
        (datasets.load_diabetes, 0.3),
    ],
    ids=lambda item: getattr(item, "__name__", None),
)
def test_real_data(load: object, least: float) -> None:
    x, y = load(return_X_y=True)  # type: ignore[operator]
    found = scores(x, y)
    assert found.best is not None
    assert least <= found.best <= 1
    assert found.trivial == 0
    assert found.linear is not None


def test_one_hot_labels_score_like_class_ids() -> None:
    x, y = datasets.load_wine(return_X_y=True)
    assert scores(x, np.eye(3)[y]).best == pytest.approx(scores(x, y).best or 0, abs=0.03)


def test_huge_scales_do_not_fool_the_linear_learner() -> None:
    x, y = datasets.load_wine(return_X_y=True)
    scaled = x * np.logspace(-6, 9, x.shape[1]) + 1e5
    assert scores(scaled, y).linear == pytest.approx(scores(x, y).linear or 0, abs=0.05)


def test_what_is_not_linear_shows_in_the_difference() -> None:
    x, y = datasets.make_circles(400, noise=0.05, factor=0.4, random_state=0)
    found = scores(x, y)
    assert (found.linear or 0) < 0.2
    assert (found.best or 0) > 0.9


def test_noise_has_no_skill() -> None:
    generator = np.random.default_rng(0)
    found = scores(generator.normal(size=(400, 5)), generator.integers(0, 2, 400))
    assert found.best is not None
    assert found.best < 0.2


def test_the_scripts_own_validation_rows_are_used() -> None:
    x, y = datasets.load_iris(return_X_y=True)
    wrong = (y + 1) % 3
    task = infer_task(array_facts("y", y))
    found = reference_scores(DataSample((x,), (y,), (x[::3],), (wrong[::3],)), task)
    assert found.best == 0
    assert found.best_name == "constant prediction"
    assert found.rows == 50


def test_four_rows_can_be_learned_by_heart() -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = scores(x, np.array([0, 1, 1, 0]))
    assert found.best == 1
    assert found.linear == 0


@pytest.mark.parametrize("rows", [10, 20, 39])
def test_few_rows_of_noise_are_not_learned_by_heart(rows: int) -> None:
    generator = np.random.default_rng(1)
    found = scores(generator.normal(size=(rows, 3)), generator.normal(size=rows))
    assert found.best is not None
    assert found.best < 0.5


def test_missing_values() -> None:
    x, y = datasets.load_iris(return_X_y=True)
    x[::7, 1], x[3, 2] = np.nan, np.inf
    assert (scores(x, y).best or 0) > 0.8
    real, target = datasets.load_diabetes(return_X_y=True)
    target[5] = np.nan
    assert (scores(real, target).best or 0) > 0.3


def test_wide_inputs_stay_within_the_time() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 100_000)).astype(np.float32)
    started = time.monotonic()
    found = scores(x, generator.integers(0, 2, 300))
    assert found.best is not None
    assert time.monotonic() - started < 30  # generous: test machines are shared


def test_images_of_any_shape() -> None:
    digits = datasets.load_digits()
    assert (scores(digits.images[..., np.newaxis], digits.target).best or 0) > 0.9


def test_several_columns_of_targets() -> None:
    x, y = datasets.make_regression(300, 6, n_targets=3, random_state=0)
    assert (scores(x, y).linear or 0) > 0.95


def test_multilabel() -> None:
    x, y = datasets.make_multilabel_classification(500, n_features=12, n_classes=4, random_state=0)
    assert (scores(x, y).best or 0) > 0.3


def test_targets_with_many_columns() -> None:
    x = datasets.load_digits().data / 16
    assert (scores(x, np.roll(x, 1, axis=1)).linear or 0) > 0.9


def test_an_autoencoder_has_no_reference() -> None:
    x = datasets.load_digits().data / 16
    assert scores(x, x).best is None


def test_several_inputs_and_outputs() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 300, 3))
    total, sign = (a + b).sum(axis=1), (a.sum(axis=1) > 0).astype(int)
    found = reference_scores(DataSample((a, b), (total, sign)), infer_task(array_facts("y", total)))
    assert found.linear is not None
    assert found.linear > 0.8


def test_tokens_are_counted() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 500)
    x = generator.integers(10, 2000, (500, 20))
    x[np.arange(500), generator.integers(0, 20, 500)] = np.where(y, 5, 6)
    assert (scores(x, y, tokens=True).best or 0) > 0.9


@pytest.mark.parametrize(
    "sample",
    [
        None,
        DataSample((), ()),
        DataSample((np.zeros((3, 2)),), (np.array([0, 1, 0]),)),
        DataSample((np.zeros((50, 2)),), (np.ones(50),)),
        DataSample((np.array([["a"]] * 50),), (np.arange(50) % 2,)),
        DataSample((np.full((50, 2), np.nan),), (np.arange(50) % 2,)),
    ],
    ids=["none", "empty", "three rows", "one class", "text", "all missing"],
)
def test_what_cannot_be_learned_ends_nothing(sample: DataSample | None) -> None:
    y = sample.targets[0] if sample and sample.targets else np.arange(4)
    found = reference_scores(sample, infer_task(array_facts("y", y)))
    assert found.best is None or found.best <= 0.2


def test_the_same_sample_gives_the_same_scores() -> None:
    x, y = datasets.load_wine(return_X_y=True)
    task = infer_task(array_facts("y", y))
    first, second = (reference_scores(DataSample((x,), (y,)), task, seconds=120) for _ in range(2))
    assert (first.best, first.linear, first.best_name) == (second.best, second.linear, second.best_name)
