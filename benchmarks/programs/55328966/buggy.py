"""Digits from a table of pixels: the loss does not move and the accuracy is that of guessing."""

import numpy as np
from sklearn.datasets import load_digits
from tensorflow import keras
from tensorflow.keras import layers, regularizers

N_TRAIN = 5000
N_TEST = 2000
LAMBDA = 0.0


def to_rows(images, labels, n, rng):
    """One row per picture as in the csv files: the label, then 784 pixels from 0 to 255."""
    rows = np.zeros((n, 785))
    for i, k in enumerate(rng.integers(0, len(images), size=n)):
        picture = np.zeros((28, 28))
        top, left = rng.integers(1, 4, size=2)
        picture[top : top + 24, left : left + 24] = np.kron(images[k], np.ones((3, 3)))
        rows[i, 0] = labels[k]
        rows[i, 1:] = np.round(picture * 255 / 16).ravel()
    return rows


digits = load_digits()
rng = np.random.default_rng(11)
train = to_rows(digits.images[:1300], digits.target[:1300], N_TRAIN, rng)
test = to_rows(digits.images[1300:], digits.target[1300:], N_TEST, rng)

x_train = train[:, 1:].astype("float32")
x_test = test[:, 1:].astype("float32")
y_train = keras.utils.to_categorical(train[:, 0], 10)
y_test = keras.utils.to_categorical(test[:, 0], 10)
print(x_train.shape, y_train.shape, x_test.shape, y_test.shape)

model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(layers.Dense(784))
model.add(layers.Dense(50, kernel_regularizer=regularizers.l2(LAMBDA)))
model.add(layers.Activation("relu"))
model.add(layers.Dense(10, kernel_regularizer=regularizers.l2(LAMBDA)))
model.add(layers.Activation("sigmoid"))

sgd = keras.optimizers.SGD(learning_rate=0.0001)
model.compile(optimizer=sgd, loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=10, verbose=2)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", loss)
print("Test accuracy:", accuracy)
