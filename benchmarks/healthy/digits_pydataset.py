"""Digits with random shifts, augmented batch by batch in a PyDataset."""
import math

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class ShiftedDigits(keras.utils.PyDataset):
    def __init__(self, images, labels, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.rng = np.random.default_rng(0)
        self.order = np.arange(len(images))

    def __len__(self):
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        shift = self.rng.integers(-1, 2)
        return np.roll(self.images[rows], shift, axis=1), self.labels[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.order)


digits = load_digits()
images = np.pad(digits.images / 16.0, ((0, 0), (1, 1), (1, 1)))[..., None].astype("float32")
x_train, x_test, y_train, y_test = train_test_split(images, digits.target, test_size=0.2, random_state=1)

model = keras.Sequential(
    [
        layers.Input((10, 10, 1)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.25),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer=keras.optimizers.Nadam(2e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(ShiftedDigits(x_train, y_train, 32), epochs=12, validation_data=(x_test, y_test), verbose=2)
print("accuracy", model.evaluate(x_test, y_test, verbose=0)[1])
