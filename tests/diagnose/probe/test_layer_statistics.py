"""The fast formulas against the definitions, written out."""

import math

import numpy as np
import pytest
from dlfix.diagnose.probe import layer_statistics
from dlfix.diagnose.probe.layer_statistics import (
    ACTIVATION_STATISTICS,
    activation_statistics,
    gradient_statistics,
    nonfinite_share,
    norm,
    output_gradient_norm,
    sparse_gradient_statistics,
    spread_and_largest,
    weight_statistics,
)


def measured(x: np.ndarray, dying: bool = True, bounds: tuple[float, float] | None = (-1.0, 1.0)) -> dict[str, float]:
    return dict(zip(ACTIVATION_STATISTICS, activation_statistics(x, dying, bounds), strict=True))


def defined(x: np.ndarray) -> dict[str, float]:
    """The same by definition, in double precision."""
    x = x.astype(np.float64)
    finite = np.isfinite(x)
    clean = np.where(finite, x, 0.0)
    units = x.reshape(-1, x.shape[-1])
    return {
        "activation_mean": x[finite].mean(),
        "activation_std": x[finite].std(),
        "activation_min": x[finite].min(),
        "activation_max": x[finite].max(),
        "activation_nonfinite": 1 - finite.mean(),
        "zero_fraction": (x == 0).mean(),
        "batch_std": clean.std(axis=0).mean(),
        "dead_fraction": (units <= 0).all(axis=0).mean(),
        "saturated_fraction": ((x <= -0.99) | (x >= 0.99)).mean(),
    }


@pytest.mark.parametrize("shape", [(32, 7), (8, 5, 6), (4, 3, 5, 2), (4, 1)])
@pytest.mark.parametrize("kind", ["plain", "shifted", "relu", "huge", "broken", "half"])
def test_activations(shape: tuple[int, ...], kind: str) -> None:
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    if kind == "shifted":
        x += 1000
    elif kind == "relu":
        x = np.maximum(x, 0)
        x[..., 0] = 0
    elif kind == "huge":
        x *= np.float32(1e25)
    elif kind == "broken":
        x[0, 0], x[1, ..., -1] = np.nan, np.inf
    elif kind == "half":
        x = x.astype(np.float16)
    found = measured(x)
    if kind == "broken":
        del found["dead_fraction"]  # NaN is neither dead nor alive
    for name, value in found.items():
        assert value == pytest.approx(defined(x)[name], rel=1e-3, abs=1e-6), name


def test_what_a_layer_does_not_have_is_unknown() -> None:
    found = measured(np.ones((1, 3), np.float32), dying=False, bounds=None)
    assert math.isnan(found["dead_fraction"])
    assert math.isnan(found["saturated_fraction"])
    assert math.isnan(found["batch_std"])  # one example
    assert np.isnan(list(measured(np.zeros((0, 3), np.float32)).values())).all()
    assert math.isnan(measured(np.full((2, 2), np.nan, np.float32))["activation_mean"])


def test_a_large_tensor_is_sampled_over_all_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_statistics, "MAX_ENTRIES", 4096)
    x = np.random.default_rng(0).normal(size=(16, 40, 64)).astype(np.float32)
    x[..., ::2] += 5  # every second unit: a stride of two would see one kind only
    x[3, 7, 9] = np.nan
    x[5, 5, 5] = 77.0
    found, wanted = measured(x), defined(x)
    assert found["activation_max"] == 77.0
    assert found["activation_nonfinite"] == pytest.approx(1 / x.size)
    assert found["activation_mean"] == pytest.approx(wanted["activation_mean"], abs=0.3)
    assert found["batch_std"] == pytest.approx(wanted["batch_std"], rel=0.1)


def test_norms_at_the_ends_of_the_range() -> None:
    for scale in (1e-25, 1.0, 1e25):
        x = (np.random.default_rng(0).normal(size=1000) * scale).astype(np.float32)
        assert norm([x[:300], x[300:]]) == pytest.approx(float(np.linalg.norm(x.astype(np.float64))), rel=1e-5)
    assert norm([np.zeros(3, np.float32)]) == 0.0
    assert math.isnan(norm([np.array([1, np.nan], np.float32)]))
    assert norm([np.array([1, -np.inf], np.float32)]) == math.inf
    assert nonfinite_share([np.array([1, -np.inf], np.float32), np.zeros(2, np.float32)]) == 0.25


def test_weights() -> None:
    weights = [np.array([[1.0, -3.0]], np.float32), np.array([2.0], np.float32)]
    assert weight_statistics(weights) == pytest.approx((math.sqrt(14), 3.0, 0.0))
    assert np.isnan(weight_statistics([])).all()
    assert weight_statistics([np.array([1.0, np.nan], np.float32)])[2] == 0.5


def test_initial_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_statistics, "MAX_ENTRIES", 100)
    weights = np.random.default_rng(0).normal(3, 0.1, size=(25, 41)).astype(np.float32)
    assert spread_and_largest(weights) == pytest.approx((weights.std(), weights.max()), rel=1e-5)
    assert spread_and_largest(np.full((7, 60), 1.1, np.float32))[0] == pytest.approx(0, abs=1e-7)
    assert spread_and_largest(np.array([-2.0, 1.0], np.float32))[1] == 2.0
    assert math.isnan(spread_and_largest(np.array([np.nan, 1.0], np.float32))[0])


def test_output_gradient_is_per_example() -> None:
    gradient = np.array([[3.0, 4.0], [0.0, 5.0]], np.float32)
    assert output_gradient_norm(gradient) == pytest.approx(5.0)
    assert math.isnan(output_gradient_norm(np.zeros((0, 2), np.float32)))


def test_a_sparse_gradient_is_that_of_the_dense_one() -> None:
    generator = np.random.default_rng(0)
    indices = np.array([4, 1, 4, 4, 0])
    values = generator.normal(size=(5, 3)).astype(np.float32)
    before = generator.normal(size=(6, 3)).astype(np.float32)
    after = before + generator.normal(size=(6, 3)).astype(np.float32)
    dense = np.zeros_like(before)
    np.add.at(dense, indices, values)
    found = sparse_gradient_statistics(values, indices, before, after)
    np.testing.assert_allclose(found, gradient_statistics(dense, before, after), rtol=1e-5)
    broken = values.copy()
    broken[1, 0] = np.nan
    dense[1, 0] = np.nan
    found = sparse_gradient_statistics(broken, indices, before, after)
    assert found[1] == pytest.approx(gradient_statistics(dense, before, after)[1])
    assert list(sparse_gradient_statistics(values[:0], indices[:0], before, after)) == [0.0, 0.0, 0.0]
