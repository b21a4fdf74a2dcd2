"""Squeezes noisy pictures of blobs through 24 numbers, so that only what is common to them comes out again."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(17)
grid = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), axis=-1)


def draw(count):
    centres = rng.uniform(4, 12, size=(count, 1, 1, 2))
    widths = rng.uniform(2, 4, size=(count, 1, 1))
    clean = np.exp(-((grid - centres) ** 2).sum(axis=-1) / (2 * widths**2))[..., np.newaxis]
    return (clean + rng.normal(scale=0.1, size=clean.shape)).astype("float32"), clean.astype("float32")


noisy, clean = draw(2000)

autoencoder = keras.Sequential(
    [
        keras.Input(shape=(16, 16, 1)),
        layers.Flatten(),
        layers.Dense(96, activation="relu"),
        layers.Dense(24, activation="relu"),
        layers.Dense(96, activation="relu"),
        layers.Dense(256, activation="sigmoid"),
        layers.Reshape((16, 16, 1)),
    ]
)
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
history = autoencoder.fit(noisy, clean, epochs=25, batch_size=32, validation_split=0.2, verbose=0)
print("loss", history.history["loss"][-1], "validation", history.history["val_loss"][-1])
