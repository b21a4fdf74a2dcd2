"""Bearing faults from vibrations: a residual 1-D network, gradients accumulated over four small batches."""
import keras
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split

rng = np.random.default_rng(90)
LENGTH = 160


def record(state):
    t = np.arange(LENGTH)
    signal = np.sin(2 * np.pi * t / rng.uniform(28, 36) + rng.uniform(0, 6.3))
    if state:
        period = {1: 16, 2: 24, 3: 40}[state]
        hits = (t + rng.integers(0, period)) % period
        signal = signal + 1.5 * np.exp(-hits / 3.0) * np.cos(1.9 * hits)
    return signal + rng.normal(0, 0.3, LENGTH)


state = rng.integers(0, 4, 1200)
records = np.array([record(s) for s in state])[..., np.newaxis]
r_train, r_test, s_train, s_test = train_test_split(records, state, test_size=0.25, random_state=90)


def block(x, filters, stride):
    shortcut = layers.Conv1D(filters, 1, strides=stride, use_bias=False)(x)
    x = layers.Conv1D(filters, 5, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.ReLU()(x)
    x = layers.Conv1D(filters, 5, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(layers.Add()([shortcut, x]))


inputs = keras.Input((LENGTH, 1))
x = block(inputs, 12, 2)
x = block(x, 24, 2)
x = layers.GlobalAveragePooling1D()(x)
model = keras.Model(inputs, layers.Dense(4, activation="softmax")(x))
model.compile(
    keras.optimizers.Adam(0.01, gradient_accumulation_steps=4),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
model.fit(r_train, s_train, batch_size=16, epochs=12, validation_data=(r_test, s_test), verbose=2)
print("test accuracy:", model.evaluate(r_test, s_test, verbose=0)[1])
