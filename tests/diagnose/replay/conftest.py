"""Fixtures of the replay: everything here computes with TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def fresh_keras() -> Iterator[None]:
    import keras

    keras.utils.set_random_seed(5)
    yield
    keras.backend.clear_session()
