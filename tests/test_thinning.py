from __future__ import annotations

import pytest

from dlfix.thinning import thin


@pytest.mark.parametrize(("length", "limit"), [(0, 5), (3, 5), (5, 5), (1000, 7), (300, 2)])
def test_thinning_keeps_both_ends(length: int, limit: int) -> None:
    indices = thin(length, limit)
    assert len(indices) == min(length, limit)
    assert indices == sorted(set(indices))
    if length:
        assert (indices[0], indices[-1]) == (0, length - 1)
