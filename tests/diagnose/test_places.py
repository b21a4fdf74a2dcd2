"""Trees on windows: a class for each place of a sequence or a picture."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.diagnose.findings import Task
from dlfix.diagnose.places import score_places
from dlfix.diagnose.reference import ON_WINDOWS, reference_scores
from dlfix.diagnose.trace import DataSample

GENERATOR = np.random.default_rng(0)
WORDS = GENERATOR.integers(1, 40, (300, 20))
#: 1 behind a word of the first ten, else 0.
TAGS = np.pad(WORDS[:, :-1] <= 10, ((0, 0), (1, 0))).astype(int)
TAGGING = Task("binary", 2, "zero_one", 1.0)
PICTURES = GENERATOR.random((60, 12, 12, 1))
BRIGHT = (PICTURES > 0.5).astype(int)


def halves(inputs: np.ndarray, labels: np.ndarray) -> tuple[tuple[list[np.ndarray], np.ndarray], ...]:
    middle = len(labels) // 2
    return ([inputs[:middle]], labels[:middle]), ([inputs[middle:]], labels[middle:])


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        (WORDS, TAGS),
        (WORDS, TAGS[..., None]),
        (np.stack([WORDS, GENERATOR.integers(0, 9, WORDS.shape)], -1).astype(float), TAGS),
        (PICTURES, BRIGHT),
        (PICTURES[..., 0], BRIGHT),
    ],
)
def test_what_stands_around_a_place_tells_its_class(inputs: np.ndarray, labels: np.ndarray) -> None:
    found = score_places(TAGGING, *halves(inputs, labels))
    assert found is not None
    assert found.skill is not None
    assert found.skill > 0.9


def test_one_hot_tags() -> None:
    found = score_places(Task("multiclass", 2, "one_hot", 1.0), *halves(WORDS, np.eye(2)[TAGS]))
    assert found is not None
    assert found.skill is not None
    assert found.skill > 0.9


def test_what_comes_later_in_a_sequence_is_not_looked_at() -> None:
    coming = np.pad(WORDS[:, 1:] <= 20, ((0, 0), (0, 1))).astype(int)
    found = score_places(TAGGING, *halves(WORDS, coming))
    assert found is not None
    assert found.skill is not None
    assert found.skill < 0.2


def test_padded_sequences_are_left_alone() -> None:
    padded, tags = WORDS.copy(), TAGS.copy()
    padded[::3, 12:], tags[::3, 12:] = 0, 0
    assert score_places(TAGGING, *halves(padded, tags)) is None


def test_labels_of_other_places_are_left_alone() -> None:
    assert score_places(TAGGING, *halves(WORDS, TAGS[:, :10])) is None
    assert score_places(TAGGING, *halves(WORDS, TAGS[:, 5])) is None


def test_it_is_among_the_reference_learners() -> None:
    found = reference_scores(DataSample((WORDS,), (TAGS,)), TAGGING, tokens=True)
    assert found.best_name == ON_WINDOWS
    assert found.best is not None
    assert found.best > 0.95
