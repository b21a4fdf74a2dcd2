"""How the benchmark of planted numerical errors judges what was named."""

from __future__ import annotations

import pytest
from traces import breakdown

from benchmarks.numerical_errors.measure import _judged
from benchmarks.numerical_errors.report import document, table

EXPECTED = (7, "forward", ("dense_1",), "operation")

pytestmark = pytest.mark.slow  # the benchmark's modules import TensorFlow


def test_operation_direction_and_cause_must_all_be_right() -> None:
    what = ("Dense", "output overflows")
    assert _judged(what, EXPECTED, breakdown(), 1.0).right
    assert not _judged(what, EXPECTED, breakdown("backward"), 1.0).right
    assert not _judged(what, EXPECTED, breakdown(operation="dense"), 1.0).right
    assert not _judged(what, EXPECTED, breakdown(operation="dense_10"), 1.0).right
    assert not _judged(what, EXPECTED, breakdown(cause="weights"), 1.0).right
    nothing = _judged(what, EXPECTED, None, 1.0)
    assert not nothing.right
    assert not nothing.exact
    late = _judged(what, EXPECTED, breakdown(step=8, exact=False), 1.0)
    assert late.right
    assert not late.right_step


def test_the_table_names_what_was_missed() -> None:
    rows = [_judged(("Dense", "output overflows"), EXPECTED, found, 1.0) for found in (breakdown(), None)]
    data = document(rows)
    assert (data["plantings"], data["right"]) == (2, 1)
    text = table(data)
    assert "| Dense | output overflows | forward | 1 of 2 |" in text
    assert "- Dense, output overflows, step 7: nothing" in text
