"""Takes noise out of pictures with a small convolutional network that predicts what to subtract."""

import numpy as np
import keras
from keras import layers
from scipy.ndimage import gaussian_filter


def make_pictures(count, rng):
    pictures = gaussian_filter(rng.normal(size=(count, 24, 24, 1)), (0, 2, 2, 0))
    low = pictures.min(axis=(1, 2, 3), keepdims=True)
    high = pictures.max(axis=(1, 2, 3), keepdims=True)
    clean = (pictures - low) / (high - low)
    for picture in clean:
        top, left = rng.integers(0, 16, 2)
        picture[top : top + 8, left : left + 8] = rng.uniform()
    noisy = clean + rng.normal(scale=0.15, size=clean.shape)
    return noisy.astype("float32"), clean.astype("float32")


rng = np.random.default_rng(41)
x_train, y_train = make_pictures(600, rng)
x_val, y_val = make_pictures(150, rng)

inputs = keras.Input((24, 24, 1))
hidden = layers.Conv2D(24, 3, padding="same", activation="relu")(inputs)
hidden = layers.Conv2D(24, 3, padding="same", activation="relu")(hidden)
noise = layers.Conv2D(1, 3, padding="same")(hidden)
model = keras.Model(inputs, layers.Subtract()([inputs, noise]))
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
model.fit(x_train, y_train, validation_data=(x_val, y_val), batch_size=32, epochs=12, verbose=2)
print("error before", np.mean((x_val - y_val) ** 2), "after", model.evaluate(x_val, y_val, verbose=0))
