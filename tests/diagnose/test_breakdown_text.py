"""A breakdown in one sentence."""

from __future__ import annotations

import math

from dlfix.diagnose.breakdown_text import place_of, sentence_of, state_of
from dlfix.diagnose.trace import TensorRange
from traces import breakdown


def value(nan: int = 0, infinite: int = 0) -> TensorRange:
    return TensorRange("output", math.nan, math.nan, math.nan, nan, infinite, nan + infinite)


def test_operations_that_finite_numbers_went_into() -> None:
    assert sentence_of(breakdown("backward", tensor="gradient of kernel", value=value(nan=3), detail=None)) == (
        "Layer 1 (dense_1), backward: gradient of kernel is NaN; what goes in is finite and reaches 209 (input)."
    )


def test_a_broken_tensor_among_what_goes_in_is_told() -> None:
    text = sentence_of(breakdown(inputs=(TensorRange("weight bias", 0.0, 1.0, 0.5, 2, 0, 4),), detail=None))
    assert text.endswith("of what goes in, weight bias is not finite either.")
    assert sentence_of(breakdown(inputs=(), detail=None)).endswith("nothing that can be measured goes in.")


def test_data_and_weights() -> None:
    of_loss = {"operation": "loss", "kind": "loss", "layer": None}
    assert sentence_of(breakdown("loss", "data", tensor="target", value=value(1, 1), **of_loss)) == (
        "The loss: target holds NaN and infinity among the labels or sample weights."
    )
    assert sentence_of(breakdown("forward", "data", tensor="input", value=value(1))) == (
        "Layer 1 (dense_1), forward: input holds NaN in the data."
    )
    assert sentence_of(breakdown("forward", "weights", tensor="weight bias", value=value(0, 1))) == (
        "Layer 1 (dense_1), forward: weight bias held infinity already before the step."
    )


def test_places_that_are_no_layers() -> None:
    assert place_of(breakdown(layer=None, kind="glue", operation="before head (Log)")) == "The code before head (Log)"
    assert place_of(breakdown(layer=None, kind="Add", operation="add")) == "Operation add"
    assert state_of(value(1, 1)) == "NaN and infinite"
