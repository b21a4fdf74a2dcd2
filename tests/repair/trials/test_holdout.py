"""The held-out rows: the same for every patch, in proportion, and never dirty."""

from __future__ import annotations

import numpy as np
from dlfix.repair.trials.holdout import MAX_SCORED, MIN_ROWS, finite_rows, held_out_rows, spread


def held(count):
    return held_out_rows(np.ones(count, dtype=bool))


def test_a_quarter_is_held_out_always_the_same():
    rows = held(1000)
    assert len(rows) == 250
    assert len(set(rows.tolist())) == 250
    assert np.array_equal(rows, held(1000))


def test_classes_in_sorted_data_are_split_in_proportion():
    labels = np.repeat([0, 1, 2], 50)  # as in iris
    assert np.bincount(labels[held(150)]).min() >= 12


def test_data_that_repeat_every_four_rows_are_not_cut_at_one_of_them():
    pattern = np.arange(400) % 4
    assert np.bincount(pattern[held(400)], minlength=4).min() >= 15


def test_too_few_rows_stay_together():
    assert len(held(MIN_ROWS - 1)) == 0
    assert len(held(MIN_ROWS)) == MIN_ROWS // 4


def test_huge_data_give_no_more_than_needed():
    assert MAX_SCORED * 0.9 < len(held(1_000_000)) <= MAX_SCORED


def test_dropping_dirty_rows_leaves_the_held_out_ones_in_place():
    dirty = np.ones(400, dtype=bool)
    dirty[[3, 50, 51, 399]] = False
    rows = held_out_rows(dirty)
    assert dirty[rows].all()
    assert np.array_equal(np.flatnonzero(dirty)[held(396)], rows)


def test_finite_rows_look_at_every_array():
    x, y = np.zeros((3, 2)), np.array([0.0, np.nan, 1.0])
    x[0, 1] = np.inf
    assert finite_rows([x, y, np.array(["a", "b", "c"])]).tolist() == [False, False, True]


def test_spread():
    assert spread(3, 10).tolist() == [0, 1, 2]
    assert spread(101, 3).tolist() == [0, 50, 100]
