"""Small models of every kind that a replay must equal, each with its batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

Made = tuple[Any, Any, Any, Any]  # model, x, y, sample_weight
RNG = np.random.default_rng(3)
MODELS: dict[str, Callable[[], Made]] = {}


def model(make: Callable[[], Made]) -> Callable[[], Made]:
    MODELS[make.__name__] = make
    return make


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def classes(rows: int, count: int = 3) -> np.ndarray:
    return RNG.integers(0, count, rows)


def chain(shape: tuple[int, ...], *parts: Any, loss: str = "mse", y: Any = None, x: Any = None) -> Made:
    made = keras.Sequential([keras.Input(shape), *parts])
    made.compile(keras.optimizers.SGD(0.05), loss)
    rows = 6
    x = normal(rows, *shape) if x is None else x
    return made, x, normal(rows, *made.output_shape[1:]) if y is None else y, None


@model
def dense_relu_softmax() -> Made:
    return chain((5,), L.Dense(7, "relu"), L.Dense(3, "softmax"), loss="sparse_categorical_crossentropy", y=classes(6))


@model
def dense_sigmoid_binary() -> Made:
    y = classes(6, 2).astype("float32")[:, None]
    return chain((5,), L.Dense(7, "tanh"), L.Dense(1), L.Activation("sigmoid"), loss="binary_crossentropy", y=y)


@model
def softmax_layer() -> Made:
    y = np.eye(3, dtype="float32")[classes(6)]
    return chain((5,), L.Dense(3), L.Softmax(), loss="categorical_crossentropy", y=y)


@model
def softmax_in_the_middle() -> Made:
    return chain((5,), L.Dense(4, "softmax"), L.Dense(3, "softmax"), L.Dense(2))


@model
def convolution_1d() -> Made:
    return chain((9, 2), L.Conv1D(4, 3, activation="relu"), L.MaxPooling1D(2), L.GlobalMaxPooling1D(), L.Dense(2))


@model
def convolution_2d() -> Made:
    parts = [L.Conv2D(4, 3, activation="relu"), L.AveragePooling2D(2), L.Conv2DTranspose(2, 3, strides=2)]
    return chain((8, 8, 2), *parts, L.ZeroPadding2D(), L.UpSampling2D(), L.Flatten(), L.Dense(2))


@model
def convolution_3d() -> Made:
    return chain((5, 5, 5, 1), L.Conv3D(3, 2, activation="elu"), L.MaxPooling3D(2), L.GlobalAveragePooling3D())


@model
def depthwise_and_separable() -> Made:
    parts = [L.DepthwiseConv2D(3), L.SeparableConv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D()]
    return chain((8, 8, 2), *parts)


@model
def normalizations() -> Made:
    normalization = L.Normalization()
    normalization.adapt(normal(20, 6))
    parts = [L.Rescaling(0.5, offset=0.1), normalization, L.Dense(8), L.BatchNormalization(), L.ReLU()]
    return chain((6,), *parts, L.LayerNormalization(), L.GroupNormalization(2), L.UnitNormalization(), L.Dense(2))


@model
def random_layers() -> Made:
    parts = [L.Dropout(0.4), L.Dense(8), L.GaussianNoise(0.3), L.AlphaDropout(0.2), L.GaussianDropout(0.2)]
    return chain((6,), *parts, L.Dense(2))


@model
def spatial_dropout() -> Made:
    return chain((6, 4), L.SpatialDropout1D(0.3), L.Conv1D(3, 2), L.Flatten(), L.Dense(2))


@model
def activations() -> Made:
    kinds = [L.LeakyReLU(), L.PReLU(), L.ELU(), L.Activation("swish"), L.Activation("gelu"), L.Activation("selu")]
    kinds += [L.Activation("softplus"), L.Activation("hard_sigmoid"), L.Softmax(), L.Activation("exponential")]
    return chain((6,), *[part for kind in kinds for part in (L.Dense(6), kind)])


@model
def embedding_and_masking() -> Made:
    x = RNG.integers(0, 9, (6, 7))
    parts = [L.Embedding(9, 5, mask_zero=True), L.LSTM(4, return_sequences=True), L.GlobalAveragePooling1D()]
    return chain((7,), *parts, L.Dense(2), x=x)


@model
def recurrent() -> Made:
    parts = [L.LSTM(4, return_sequences=True, dropout=0.2, recurrent_dropout=0.2), L.GRU(3, return_sequences=True)]
    return chain((5, 3), *parts, L.Bidirectional(L.LSTM(3)), L.Dense(2))


@model
def simple_recurrent_and_time_distributed() -> Made:
    return chain((5, 3), L.TimeDistributed(L.Dense(4, "relu")), L.SimpleRNN(4), L.RepeatVector(3), L.GRU(2))


@model
def convolutional_recurrent() -> Made:
    return chain((3, 6, 6, 1), L.ConvLSTM2D(2, 3), L.Flatten(), L.Dense(2))


@model
def attention() -> Made:
    inputs = keras.Input((5, 6))
    hidden = L.MultiHeadAttention(2, 3, dropout=0.2)(inputs, inputs)
    hidden = L.LayerNormalization()(L.Add()([inputs, hidden]))
    outputs = L.Dense(2)(L.GlobalAveragePooling1D()(hidden))
    made = keras.Model(inputs, outputs)
    made.compile(keras.optimizers.SGD(0.05), "mse")
    return made, normal(4, 5, 6), normal(4, 2), None


@model
def branches_and_arithmetic() -> Made:
    first, second = keras.Input((4,), name="first"), keras.Input((3,), name="second")
    left, right = L.Dense(5, "relu")(first), L.Dense(5)(second)
    joined = L.Concatenate()([left, right * 2.0 - 1.0])
    joined = keras.ops.concatenate([joined, keras.ops.exp(left) / 3.0], axis=-1)
    joined = L.Multiply()([joined, joined])
    made = keras.Model([first, second], L.Dense(2)(joined + L.Dense(1)(joined)))
    made.compile(keras.optimizers.SGD(0.05), "mae")
    return made, [normal(6, 4), normal(6, 3)], normal(6, 2), None


@model
def shared_layers() -> Made:
    shared = L.Dense(4, "tanh", kernel_regularizer="l2")
    first, second = keras.Input((4,)), keras.Input((4,))
    made = keras.Model([first, second], L.Dot(1)([shared(shared(first)), shared(second)]))
    made.compile(keras.optimizers.SGD(0.05), "mse")
    return made, [normal(6, 4), normal(6, 4)], normal(6, 1), None


@model
def nested_models() -> Made:
    inner = keras.Sequential([keras.Input((4,)), L.Dense(5, "relu"), L.Dropout(0.3), L.Dense(4)], name="inner")
    inputs = keras.Input((4,))
    middle = keras.Model(inputs, L.Add()([inner(inputs), inputs]), name="middle")
    made = keras.Sequential([keras.Input((4,)), middle, inner, L.Dense(2)])
    made.compile(keras.optimizers.SGD(0.05), "mse")
    return made, normal(6, 4), normal(6, 2), None


@model
def two_outputs_with_weights() -> Made:
    inputs = keras.Input((4,))
    hidden = L.Dense(6, "relu", activity_regularizer="l1")(inputs)
    outputs = {"kind": L.Dense(3, "softmax", name="kind")(hidden), "size": L.Dense(1, name="size")(hidden)}
    made = keras.Model(inputs, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    made.compile(keras.optimizers.SGD(0.05), losses, loss_weights={"kind": 0.3, "size": 2.0})
    weights = {"kind": np.abs(normal(6)), "size": np.abs(normal(6))}
    return made, normal(6, 4), {"kind": classes(6), "size": normal(6, 1)}, weights


class Scaled(L.Layer):
    """A layer of a user's: weights of its own, an inner layer, and a loss that it adds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = L.Dense(4, "relu")

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(4,), initializer="ones", name="scale")
        self.inner.build(shape)

    def call(self, inputs: Any) -> Any:
        hidden = self.inner(inputs) * self.scale
        self.add_loss(0.1 * keras.ops.mean(hidden**2))
        return tf.math.softplus(hidden)


@model
def custom_layer() -> Made:
    return chain((5,), L.Dense(4), Scaled(), L.Lambda(lambda t: t * t), L.Identity(), L.Dropout(0.0), L.Dense(2))


class Block(L.Layer):
    """Groups layers and has no weights of its own: flattened."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.first, self.second, self.norm = L.Dense(units, "relu"), L.Dense(units), L.BatchNormalization()

    def call(self, inputs: Any, training: Any = None) -> Any:
        hidden = self.norm(self.second(self.first(inputs)), training=training)
        return tf.nn.relu(hidden + inputs)


class Subclassed(keras.Model):
    """Layers, groups, code in between, a weight of the model's own, one layer used twice and a raw softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.tied, self.head = Block(4), L.Dense(4, "tanh"), L.Dense(3)
        self.gain = self.add_weight(shape=(), initializer="ones", name="gain")
        self.drop = L.Dropout(0.3)

    def call(self, inputs: Any, training: Any = None) -> Any:
        hidden = self.block(inputs / 2.0, training=training)
        hidden = self.tied(self.tied(hidden) * self.gain) + tf.reduce_mean(hidden, axis=-1, keepdims=True)
        hidden = self.drop(hidden, training=training)
        return tf.nn.softmax(self.head(hidden))


@model
def subclassed() -> Made:
    made = Subclassed()
    x = normal(6, 4)
    made(x)
    made.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    return made, x, classes(6), np.abs(normal(6))


@model
def tied_weights() -> Made:
    class Tied(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = L.Embedding(9, 4)

        def call(self, tokens: Any) -> Any:
            hidden = keras.ops.mean(self.embedding(tokens), axis=1)
            return keras.ops.matmul(hidden, keras.ops.transpose(self.embedding.embeddings))

    made = Tied()
    x = RNG.integers(0, 9, (6, 5))
    made(x)
    made.compile(keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made, x, classes(6, 9), None


@model
def frozen_layers() -> Made:
    made, x, y, _ = chain((5,), L.Dense(7, "relu"), L.BatchNormalization(), L.Dense(2))
    made.layers[0].trainable = False
    made.layers[1].trainable = False
    made.compile(keras.optimizers.SGD(0.05), "mse")
    return made, x, y, None


@model
def mixed_precision() -> Made:
    policy = keras.mixed_precision.DTypePolicy("mixed_float16")
    parts = [L.Dense(7, "relu", dtype=policy), L.BatchNormalization(dtype=policy), L.Dense(3, dtype=policy)]
    made = keras.Sequential([keras.Input((5,)), *parts, L.Activation("softmax", dtype="float32")])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=64.0)
    made.compile(optimizer, "sparse_categorical_crossentropy")
    return made, normal(6, 5), classes(6), None
