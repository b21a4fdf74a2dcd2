"""The page about coverage names every check, and only checks that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dlfix.diagnose.checks import all_checks

PAGE = (Path(__file__).parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith("|---")
]
#: The peers' catalogue, by a word of each row that has to be there.
SYMPTOMS = (
    "NaN or infinity in loss",
    "explodes",
    "lower bound",
    "Loss flat",
    "Loss rises",
    "Accuracy flat",
    "Accuracy slow",
    "Accuracy zero",
    "Oscillating",
    "Vanishing",
    "Exploding",
    "all zero",
    "mean of zero",
    "Unchanged",
    "Dead",
    "Saturated",
    "range does not cover",
    "Large hidden",
    "Weight variance",
    "Large weights",
    "Update ratio",
    "Overfitting",
    "suspiciously",
    "Imbalanced",
    "Confusion",
    "Stalled",
    "padding",
    "mutation",
    "Missing non-linearity",
    "Stacked activations",
    "Last activation",
    "one unit",
    "Loss against",
    "Input range",
    "Input type",
    "NaN among",
    "Axes",
    "Learning rate out",
    "Number of epochs",
    "Batch size",
    "Strong dropout",
    "Constant initial",
    "Initial biases",
    "Bias before",
    "Dropout before normalization",
    "Dropout before max",
    "Flatten",
    "Kernel or pool",
    "Filters that",
    "Pooling pattern",
    "No validation",
    "Missing preprocessing",
)


def named_checks() -> set[str]:
    return set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", PAGE))


def test_every_named_check_exists_and_every_check_is_named() -> None:
    assert named_checks() == {check.id for check in all_checks()}


@pytest.mark.parametrize("word", SYMPTOMS)
def test_every_row_of_the_catalogue_is_there(word: str) -> None:
    assert any(word in row[0] for row in ROWS), word


@pytest.mark.parametrize("row", [row for row in ROWS if row[-1] != "Here"], ids=lambda row: row[0][:40])
def test_every_row_has_a_check_or_a_reason(row: list[str]) -> None:
    has_check = re.search(r"`[a-z]+(?:-[a-z]+)*`", row[-1])
    reason = row[-1].partition(":")[2] or row[-1]
    assert has_check or len(reason.split()) >= 6


def test_the_number_of_cells_is_the_same_in_each_table() -> None:
    assert {len(row) for row in ROWS} == {2, 3}
