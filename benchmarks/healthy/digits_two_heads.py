"""One trunk, two answers: which digit it is, and how much ink was used."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

digits = load_digits()
order = np.random.default_rng(2).permutation(len(digits.target))
images = (digits.images / 16.0)[order][..., None].astype("float32")
target = digits.target[order]
ink = digits.images.mean(axis=(1, 2))[order].astype("float32")
ink = (ink - ink.mean()) / ink.std()

inputs = keras.Input((8, 8, 1), name="image")
trunk = layers.Conv2D(24, 3, activation="relu", padding="same")(inputs)
trunk = layers.MaxPooling2D()(trunk)
trunk = layers.Flatten()(trunk)
trunk = layers.Dense(48, activation="relu")(trunk)
digit = layers.Dense(10, activation="softmax", name="digit")(trunk)
amount = layers.Dense(1, name="ink")(trunk)

model = keras.Model(inputs, {"digit": digit, "ink": amount})
model.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss={"digit": "sparse_categorical_crossentropy", "ink": "mse"},
    loss_weights={"digit": 1.0, "ink": 0.5},
    metrics={"digit": "accuracy", "ink": "mae"},
)
model.fit(images[:1400], {"digit": target[:1400], "ink": ink[:1400]}, epochs=20, batch_size=32, verbose=0)
print(model.evaluate(images[1400:], {"digit": target[1400:], "ink": ink[1400:]}, verbose=0, return_dict=True))
