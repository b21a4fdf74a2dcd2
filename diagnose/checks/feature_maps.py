"""Convolutional networks whose maps shrink to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..findings import Symptom
from ..trace import LayerFacts
from .registry import check
from .subject import Subject

#: Smallest number of features that a single pixel may have without being a bottleneck.
ENOUGH_FEATURES = 64
#: Smallest picture that has anything to shrink.
PICTURE = 16


@check("collapsed-feature-maps", requires=("model layers",))
def collapsed_feature_maps(subject: Subject) -> Iterator[Symptom]:
    """Strides, kernels or pooling shrink the maps to a single pixel of a few features.

    Symptom: A convolution or pooling layer puts out a map of 1 by 1 with fewer than 64 features, from pictures of at
        least 16 by 16.
    Why: All that the classifier gets to know of a picture are those few numbers, and where a pattern was is lost.
    Threshold and its source: Structural; LeNet-5 ends in 120 features and VGG in 512, the cases keras_catsdogs and
        hotdog-sandwich in 20 and 32.
    When not: Output layers, global pooling, and autoencoders, whose code is narrow on purpose.
    """
    model, outputs = subject.fit.model, {head.layer.index for head in subject.heads}
    if any("Transpose" in layer.class_name or "UpSampling" in layer.class_name for layer in model.layers):
        return
    pictures = [_size(layer.input_shape) for layer in model.layers if not layer.inbound]
    if not any(size is not None and min(size) >= PICTURE for size in pictures):
        return
    for layer in model.layers:
        if layer.index not in outputs and _collapses(layer):
            yield Symptom(
                "collapsed-feature-maps",
                f"Behind layer {layer.index} ({layer.name}) a single pixel of {layer.units} features is left.",
                value=float(layer.units or 0),
                threshold=float(ENOUGH_FEATURES),
                layer=subject.reference_to(layer),
                strength=0.7,
            )
            return


def _collapses(layer: LayerFacts) -> bool:
    shrinks = "Conv2D" in layer.class_name or "Pooling2D" in layer.class_name
    if not shrinks or layer.class_name.startswith(("Global", "Adaptive")):
        return False
    few = layer.units is not None and layer.units < ENOUGH_FEATURES
    return few and _size(layer.output_shape) == (1, 1) and _size(layer.input_shape) != (1, 1)


def _size(shape: tuple[int | None, ...] | None) -> tuple[int, int] | None:
    """Height and width of a map with channels last."""
    if shape is None or len(shape) != 4 or shape[1] is None or shape[2] is None:
        return None
    return shape[1], shape[2]
