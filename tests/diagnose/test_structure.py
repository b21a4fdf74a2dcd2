"""What a model's structure says, from its facts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import traces
from dlfix.diagnose.structure import code_width, has_bottleneck


@pytest.mark.parametrize(
    ("units", "expected"),
    [((64, 16), False), ((16, 16), False), ((8, 16), True), ((64, 8, 64, 16), True)],
    ids=["wide", "as wide as the output", "narrow", "narrow between wide ones"],
)
def test_a_bottleneck_is_narrower_than_the_output(units: tuple[int, ...], expected: bool) -> None:
    assert has_bottleneck(traces.model(traces.dense_layers(*[(one, "relu") for one in units]))) is expected


def test_pictures_count_by_their_pixels_and_unknown_shapes_are_no_bottleneck() -> None:
    wide, narrow, last = traces.dense_layers((64, "relu"), (8, "relu"), (16, "linear"))
    last = replace(last, output_shape=(None, 4, 4, 1))
    assert has_bottleneck(traces.model((wide, narrow, last)))
    assert not has_bottleneck(traces.model((wide, replace(narrow, output_shape=(None, None)), last)))
    assert not has_bottleneck(traces.model((wide, replace(narrow, output_shape=None), last)))


def test_only_a_plain_autoencoder_has_a_code() -> None:
    plain = traces.dense_layers((32, "relu"), (4, "linear"), (32, "relu"), (16, "sigmoid"))
    assert code_width(traces.model(plain)) == 4
    assert code_width(traces.model(traces.dense_layers((32, "relu"), (16, "sigmoid")))) == 0  # no bottleneck
    for odd in (
        replace(plain[0], class_name="GaussianNoise"),
        replace(plain[0], class_name="LSTM"),
        replace(plain[1], class_name="Sampling"),
        replace(plain[1], config={"activity_regularizer": {"class_name": "L1"}}),
    ):
        assert code_width(traces.model(tuple(odd if layer.index == odd.index else layer for layer in plain))) == 0
    assert code_width(replace(traces.model(plain), kind="subclassed")) == 0
    pooled = replace(plain[1], class_name="MaxPooling2D", output_shape=(None, 2, 2, 2))
    assert code_width(traces.model((plain[0], pooled, *plain[2:]))) == 8
