"""Reference learners on scikit-learn's data, and on data that would break naive ones."""

from __future__ import annotations

import time

import numpy as np
import pytest
from dlfix.diagnose import reference
from dlfix.diagnose.findings import ReferenceScores
from dlfix.diagnose.random_patches import RandomPatches
from dlfix.diagnose.reference import LINEAR_CODE, ON_NEIGHBOURHOODS, ON_PATCHES, reference_scores
from dlfix.diagnose.reference_learners import KERNEL, PERCEPTRON
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


def test_an_autoencoder_has_no_reference_but_a_linear_code_half_as_wide() -> None:
    x = datasets.load_digits().data / 16
    assert scores(x, x).best is None
    assert scores(x, x, code=1).best is None  # half of it is nothing
    narrow, wide = (reference_scores(DataSample((x,), (x,)), infer_task(array_facts("y", x)), code=n) for n in (8, 32))
    assert narrow.best_name == wide.best_name == LINEAR_CODE
    assert 0.3 < (narrow.best or 0) < (wide.best or 0) < 1


def test_pictures_are_rebuilt_from_a_linear_code_in_their_own_shape() -> None:
    x = datasets.load_digits().images[..., None] / 16
    flat, task = x.reshape(len(x), -1), infer_task(array_facts("y", x))
    found = reference_scores(DataSample((x,), (x,)), task, code=32)
    assert found.best == pytest.approx(reference_scores(DataSample((flat,), (flat,)), task, code=32).best or 0)


@pytest.mark.parametrize("learner", [KERNEL, PERCEPTRON])
def test_smooth_functions_are_learned(learner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "LEARNERS", (learner,))
    x, y = datasets.make_friedman1(800, noise=0.5, random_state=0)
    assert (scores(x, y).best or 0) > 0.85
    assert (scores(x, np.column_stack([y, -y])).best or 0) > 0.85
    assert (scores(x, (y > np.median(y)).astype(int)).best or 0) > 0.6
    assert scores(x[:20], y[:20]).best is None  # too few rows for it


def pictures_and_their_blur(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Blots, and for each pixel the mean of the nine around it."""
    noise = np.random.default_rng(3).random((count, 16, 16, 3))
    x = (noise + np.roll(noise, 1, axis=1) + np.roll(noise, 1, axis=2)) / 3
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return x, sum((padded[:, i : i + 16, j : j + 16] for i in range(3) for j in range(3)), np.zeros_like(x)) / 9


@pytest.mark.parametrize("count", [30, 200], ids=["too few to hold any out", "held out"])
@pytest.mark.parametrize("spelling", ["with channels", "channels first", "one channel", "no channels"])
def test_pictures_to_pictures_are_judged_pixel_by_pixel(count: int, spelling: str) -> None:
    x, y = pictures_and_their_blur(count)
    if spelling == "channels first":
        x = np.moveaxis(x, -1, 1)
    elif spelling != "with channels":
        x, y = (part[..., :1] if spelling == "one channel" else part[..., 0] for part in (x, y))
    found = scores(x, y)
    assert (found.best_name, (found.best or 0) > 0.9) == (ON_NEIGHBOURHOODS, True)


def test_a_network_with_a_bottleneck_is_not_measured_pixel_by_pixel() -> None:
    x, y = pictures_and_their_blur(100)
    assert scores(x, y, bottleneck=True).best_name != ON_NEIGHBOURHOODS


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
        DataSample((np.full((80, 16, 16, 1), np.nan),), (np.arange(80) % 2,)),
        DataSample((np.ones((80, 16, 16, 3), np.uint8),), (np.arange(80) % 2,)),
        DataSample((np.full((80, 16, 16), np.inf),), (np.arange(80) % 2,)),
    ],
    ids=["none", "empty", "three rows", "one class", "text", "all missing", "no pixels", "blank", "infinite pixels"],
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


def marked_pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Small slanted strokes anywhere before a background of blocks; the target is the share of those that rise."""
    generator = np.random.default_rng(seed)
    blocks = np.kron(generator.uniform(60, 140, (count, 5, 5)), np.ones((1, 6, 6)))
    pictures = blocks + generator.normal(0, 8, blocks.shape)
    share = generator.integers(0, 2, count) * 0.8 + 0.1
    stroke = np.arange(5)
    for picture, rising in zip(pictures, share, strict=True):
        for _ in range(12):
            top, left = generator.integers(0, 26, 2)
            columns = left + (4 - stroke if generator.random() < rising else stroke)
            picture[top + stroke, columns] += 60
    return pictures, share


@pytest.mark.parametrize("channel", [None, 1, 3], ids=["no channels", "channels first", "channels last"])
def test_small_patterns_anywhere_in_pictures(channel: int | None) -> None:
    pictures, share = marked_pictures(600, seed=0)
    x = pictures if channel is None else np.expand_dims(pictures, channel)
    labels = (share > 0.5).astype(int)
    found = scores(x, labels)
    assert found.best_name == ON_PATCHES
    assert (found.best or 0) > 0.85
    others = scores(x.reshape(len(x), -1), labels)  # what is left when it is no picture: linear, neighbours, trees
    assert (others.best or 0) < 0.3


def test_small_patterns_that_set_numbers() -> None:
    pictures, share = marked_pictures(600, seed=1)
    found = scores(pictures[..., np.newaxis], np.stack([share, 3 - 2 * share], axis=1))
    assert found.best_name == ON_PATCHES
    assert (found.best or 0) > 0.6


def test_pictures_beside_a_validation_set_of_the_script() -> None:
    pictures, share = marked_pictures(500, seed=2)
    labels = np.eye(2)[(share > 0.5).astype(int)]
    x = pictures[..., np.newaxis].astype(np.float32)
    sample = DataSample((x[:400],), (labels[:400],), (x[400:],), (labels[400:],))
    found = reference_scores(sample, infer_task(array_facts("y", labels)))
    assert (found.best_name, found.rows) == (ON_PATCHES, 100)
    elsewhere = DataSample(sample.inputs, sample.targets, (x[400:, :-1],), sample.validation_targets)
    assert reference_scores(elsewhere, infer_task(array_facts("y", labels))).best_name != ON_PATCHES


def test_pictures_of_noise_have_no_skill() -> None:
    generator = np.random.default_rng(0)
    found = scores(generator.normal(size=(900, 24, 24, 3)), generator.integers(0, 3, 900))
    assert found.best is not None
    assert found.best < 0.15


def test_digits_ask_for_no_more_than_a_small_network_reaches() -> None:
    digits = datasets.load_digits()
    large = np.pad(np.kron(digits.images, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))
    found = scores(large[..., np.newaxis], digits.target)
    assert found.best is not None
    assert 0.95 < found.best <= 0.99


@pytest.mark.parametrize(
    ("shape", "outputs", "tokens"),
    [
        ((40,), (), False),
        ((30, 14), (), False),
        ((24, 24), (), False),
        ((16, 16, 16, 3), (), False),
        ((8, 8, 1), (), False),
        ((24, 24, 1), (), True),
        ((24, 24, 1), (24, 24, 1), False),
    ],
    ids=["table", "sequence", "square sequence", "video", "tiny pictures", "tokens", "one class per pixel"],
)
def test_random_patches_are_for_pictures_only(
    shape: tuple[int, ...], outputs: tuple[int, ...], tokens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(_: np.ndarray) -> None:
        raise AssertionError("not for these")

    monkeypatch.setattr(reference, "RandomPatches", unexpected)
    generator = np.random.default_rng(0)
    x = generator.integers(0, 9, (80, *shape)) if tokens else generator.normal(size=(80, *shape))
    y = generator.integers(0, 2, (80, *outputs))
    reference_scores(DataSample((x,), (y,)), infer_task(array_facts("y", y)), tokens=tokens)


def test_responses_depend_on_the_training_pictures_alone() -> None:
    pictures, _ = marked_pictures(80, seed=3)
    bank, again = RandomPatches(pictures[:40]), RandomPatches(pictures[:40].copy())
    table = bank.of(pictures[40:])
    assert np.array_equal(table, again.of(pictures[40:]))
    assert np.allclose(table[:3], bank.of(pictures[40:43]), atol=1e-4)


def test_pictures_stay_within_the_time() -> None:
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (1000, 64, 64, 3), dtype=np.uint8)
    started = time.process_time()
    bank = RandomPatches(x[:600])
    assert bank.of(x).shape == (1000, 960)
    assert time.process_time() - started < 10  # about 1 alone


def test_the_same_pictures_give_the_same_scores() -> None:
    pictures, share = marked_pictures(300, seed=4)
    labels = (share > 0.5).astype(int)
    first, second = (scores(pictures[..., np.newaxis], labels) for _ in range(2))
    assert (first.best, first.best_name) == (second.best, second.best_name)


def test_what_held_out_rows_teach_is_asked_where_training_rows_teach_little() -> None:
    x, y = datasets.load_digits(return_X_y=True)
    task, wrong = infer_task(array_facts("y", y)), np.random.default_rng(0).permutation(y[:1200])
    spoiled = reference_scores(DataSample((x[:1200],), (wrong,), (x[1200:],), (y[1200:],)), task)
    assert (spoiled.best or 0) < 0.2
    assert (spoiled.held_out or 0) > 0.85
    assert spoiled.held_out_rows == 149
    sound = reference_scores(DataSample((x[:1200],), (y[:1200],), (x[1200:],), (y[1200:],)), task)
    few = reference_scores(DataSample((x[:1200],), (wrong,), (x[1200:1260],), (y[1200:1260],)), task)
    assert sound.held_out is None
    assert few.held_out is None
    hopeless = reference_scores(DataSample((x[:600],), (wrong[:600],), (x[600:1200],), (wrong[600:],)), task)
    assert (hopeless.held_out or 0) < 0.2
