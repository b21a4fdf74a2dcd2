"""Large models: their weights are not held across a step, and what is recorded is the same."""

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_an_update_is_estimated_from_a_part_of_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras
    from dlfix.diagnose.probe import kept_entries

    monkeypatch.setattr(kept_entries, "_ENTRIES", 2000)
    variables = [keras.Variable(np.zeros((300, 200), "float32")), keras.Variable(np.zeros(7, "float32"))]
    kept = kept_entries.KeptEntries.of(variables)
    assert [len(part) for part in kept.parts] == [1936, 7]  # every 31st: 30 shares a divisor with 200
    change = np.random.default_rng(0).normal(size=(300, 200)).astype("float32")
    variables[0].assign(change)
    variables[1].assign(np.arange(7, dtype="float32"))
    first, second = kept.update_norms(variables)
    assert first == pytest.approx(np.linalg.norm(change), rel=0.05)
    assert second == pytest.approx(np.sqrt(91), rel=1e-6)
    assert not kept_entries.too_large_to_hold(variables)


def test_looking_ahead_records_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras
    from dlfix.diagnose.probe import stepping
    from dlfix.diagnose.probe.callback import Localizer

    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    y = (x.sum(1) > 0).astype("float32")

    def run() -> tuple[Any, list[np.ndarray]]:
        keras.utils.set_random_seed(4)
        parts = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1, "sigmoid")]
        model = keras.Sequential([keras.Input((6,)), *parts])
        model.compile("adam", "binary_crossentropy")
        localizer = Localizer(verbose=0)
        model.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0, callbacks=[localizer])
        assert localizer.notes == ()
        assert localizer.trace is not None
        return localizer.trace.fits[0].statistics, [v.numpy() for v in model.variables]

    small, weights = run()
    monkeypatch.setattr(stepping, "too_large_to_hold", lambda variables: True)
    large, same = run()
    assert list(small.steps) == [0, 1, 2, 3]
    assert list(large.steps) == [1, 2, 3]  # Keras has traced its own step by then
    for a, b in zip(weights, same, strict=True):
        np.testing.assert_array_equal(a, b)
    for name, values in small.layers.items():
        np.testing.assert_allclose(large.layers[name], values[1:], rtol=1e-4, atol=1e-7, err_msg=name)
    np.testing.assert_allclose(large.loss_before, small.loss_before[1:], rtol=1e-5)
    assert np.isnan(large.loss_after).all()
