"""Handwritten digits with a small convolutional network (functional style). The loss jumps and then freezes at 2.30."""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow.keras import layers, models, optimizers

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=12)
parser.add_argument("--lr", type=float, default=0.3)
args = parser.parse_args()

digits = load_digits()
images = (digits.images / 16.0).astype(np.float32)[..., np.newaxis]
x_train, x_val, y_train, y_val = train_test_split(images, digits.target, test_size=0.2, random_state=0)

inputs = layers.Input(shape=(8, 8, 1))
x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
x = layers.MaxPooling2D()(x)
x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
x = layers.Flatten()(x)
x = layers.Dense(64, activation="relu")(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = models.Model(inputs, outputs)

optimizer = optimizers.Adam(learning_rate=args.lr)
model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=args.epochs, batch_size=64)
