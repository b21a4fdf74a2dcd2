"""One-block transformer: which of four topics does a short text talk about most?"""
import keras
import numpy as np
from keras import layers

WORDS_PER_TOPIC, TOPICS, LENGTH, DIM = 12, 4, 16, 32
VOCABULARY = WORDS_PER_TOPIC * TOPICS + 2  # padding and begin


@keras.saving.register_keras_serializable()
class TokenAndPosition(layers.Layer):
    def __init__(self, vocabulary, length, dim, **kwargs):
        super().__init__(**kwargs)
        self.token = layers.Embedding(vocabulary, dim)
        self.position = layers.Embedding(length, dim)

    def build(self, input_shape):
        self.token.build(input_shape)
        self.position.build((input_shape[-1],))

    def call(self, x):
        return self.token(x) + self.position(keras.ops.arange(x.shape[-1]))


def sentences(n, rng):
    """Each sentence talks about two topics; the label is the one that gets more words."""
    tokens = np.zeros((n, LENGTH), "int32")
    labels = np.zeros(n, "int32")
    tokens[:, 0] = 1
    for i in range(n):
        major, minor = rng.choice(TOPICS, 2, replace=False)
        share = rng.integers(9, 13)
        topics = np.array([major] * share + [minor] * (LENGTH - 1 - share))
        rng.shuffle(topics)
        tokens[i, 1:] = 2 + topics * WORDS_PER_TOPIC + rng.integers(0, WORDS_PER_TOPIC, LENGTH - 1)
        labels[i] = major
    return tokens, labels


rng = np.random.default_rng(2)
x_train, y_train = sentences(2000, rng)
x_test, y_test = sentences(500, rng)

inputs = keras.Input((LENGTH,), dtype="int32")
x = TokenAndPosition(VOCABULARY, LENGTH, DIM)(inputs)
attended = layers.MultiHeadAttention(num_heads=2, key_dim=16)(x, x)
x = layers.LayerNormalization()(layers.Add()([x, attended]))
feed = layers.Dense(DIM)(layers.Dense(64, activation="relu")(x))
x = layers.LayerNormalization()(layers.Add()([x, feed]))
x = layers.GlobalAveragePooling1D()(x)
x = layers.Dropout(0.1)(x)
outputs = layers.Dense(TOPICS, activation="softmax")(x)
model = keras.Model(inputs, outputs)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=64, epochs=8, validation_data=(x_test, y_test), verbose=2)
print("test accuracy", model.evaluate(x_test, y_test, verbose=0)[1])
