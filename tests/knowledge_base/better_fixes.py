"""What the audit's better fixes change, taken from their wording in the case file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wanted:
    """A change that must be produced.

    Attributes:
        kind: The kind of fault that it answers.
        layer: Of the case's model.
        values: Any of them will do; empty where only the setting counts.
    """

    kind: str
    layer: int | None = None
    values: tuple[Any, ...] = ()
    before: Any = None


def want(kind: str, *values: Any, layer: int | None = None) -> Wanted:
    return Wanted(kind, layer, values)


#: What the audit's better fixes change, from their wording in the case file. A fix may change more than the faults that
#: the case lists; the setting is then taken for suspect as well.
BETTER: dict[str, tuple[Wanted, ...]] = {
    "48385830": (
        want("hidden_activation", "sigmoid", "relu", layer=0),
        want("output_activation", "softmax", layer=1),
        want("loss", "categorical_crossentropy"),
        want("initializer", "default", layer=0),
        want("initializer", "default", layer=1),
        want("learning_rate", 0.1),
    ),
    "44164749": (want("epochs", 20), want("batch_size", 200)),
    "31556268": (
        want("loss", "binary_crossentropy"),
        want("hidden_activation", "tanh", layer=0),
        want("optimizer", "Adam"),
        want("learning_rate", 0.05),
    ),
    "50306988": (want("input_scaling"), want("learning_rate", 0.05), want("epochs", 500)),
    "48251943": (want("output_activation", "linear", layer=1),),
    "33969059": (
        want("input_scaling"),
        want("target_scaling"),
        want("output_activation", "linear", layer=4),
        want("dropout", 0.0, layer=1),
        want("dropout", 0.0, layer=3),
        want("learning_rate", 0.01),
    ),
    "34311586": (
        want("output_activation", "sigmoid", layer=2),
        want("loss", "binary_crossentropy"),
        want("hidden_activation", "tanh", layer=0),
        want("hidden_activation", "tanh", layer=1),
        want("units", 4, layer=0),
        want("units", 4, layer=1),
        want("initializer", "default", layer=0),
        want("initializer", "default", layer=1),
        want("optimizer", "Adam"),
        want("learning_rate", 0.05),
    ),
    "39217567": (
        want("hidden_activation", "relu", layer=0),
        want("hidden_activation", "relu", layer=1),
        want("units", 256, layer=0),
        want("units", 256, layer=1),
        want("loss", "binary_crossentropy"),
        want("learning_rate", 0.01),
        want("optimizer", "Adam"),
    ),
    "48934338": (want("target_scaling"), want("input_scaling"), want("learning_rate", 0.01)),
    "47724077": (want("feature_encoding"), want("input_scaling")),
    "59325381": (
        want("label_encoding"),
        want("evaluation"),
        want("hidden_activation", "relu", layer=0),
        want("hidden_activation", "relu", layer=2),
    ),
    "41372874": (want("training_data", "rows of both classes"),),
    "34673164": (
        want("input_scaling"),
        want("loss", "categorical_crossentropy"),
        want("learning_rate", 0.01),
        want("training_data", "more rows"),
    ),
    "48221692": (want("output_activation", "linear", layer=1), want("target_scaling"), want("optimizer", "Adam")),
    "45337371": (want("output_activation", "sigmoid", layer=2), want("training_data", "learnable targets")),
    "45442843": (
        want("input_scaling"),
        want("output_activation", "sigmoid", layer=1),
        want("loss", "binary_crossentropy"),
        want("learning_rate", 0.05),
    ),
    "31627380": (want("input_scaling"), want("feature_encoding"), want("evaluation", "column 1")),
    "58609115": (want("input_scaling", "log-standardize"), want("feature_encoding", "fractional part")),
    "DDOS-ML-Detection": (
        want("input_scaling"),
        want("feature_encoding"),
        *(want("dropout", 0.1, layer=layer) for layer in (1, 3, 5, 7)),
    ),
    "keras-super-resolution": (
        want("loss", "mean_squared_error"),
        want("learning_rate", 0.001),
        want("layers", "residual"),
    ),
    "FacialKeypointsDetection": (
        want("learning_rate", 0.001),
        want("hidden_activation", "relu", layer=0),
        want("hidden_activation", "relu", layer=1),
    ),
    "keras_catsdogs": (
        *(want("kernel_size", 3, layer=layer) for layer in (0, 2, 4)),
        want("training_data", "inserted RandomRotation"),
        want("overfitting", "inserted Dropout"),
    ),
    "kerasma": (want("input_scaling"), want("evaluation", "validation_split")),
    "kaggle-melbourne_properties": (want("input_scaling"), want("target_scaling")),
    "gol_nn": (want("learning_rate", 0.01), want("epochs", 20)),
    "hotdog-sandwich": (
        *(want("strides", 1, layer=layer) for layer in (0, 3, 6)),
        want("strides", "inserted MaxPooling2D"),
        *(want("dropout", 0.2, layer=layer) for layer in (1, 4, 7)),
    ),
}

#: Better fixes that leave the program as it is.
NOTHING_TO_FIX = {"50481178", "Traffic-Sign-Classifier", "MovieReviews_Keras", "Averaging_Neural_Networks"}
