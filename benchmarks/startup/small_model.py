"""What is started: a script about as small as a Keras script can be."""

import keras
import numpy as np

x = np.linspace(-1.0, 1.0, 64).reshape(32, 2)
y = (x.sum(axis=1) > 0).astype(float)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
model.fit(x, y, epochs=1, verbose=0)
