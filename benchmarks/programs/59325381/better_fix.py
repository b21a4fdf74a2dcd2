"""Digits with two convolutions. The training loss is almost 0 after one epoch, but the test accuracy is only 10 %."""

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS = 2
CLASSES = 10


def load_images():
    """28x28 pictures with pixels from 0 to 255, one channel."""
    digits = load_digits()
    images = np.kron(digits.images, np.ones((1, 3, 3))) * 255 / 16
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return images.astype("float32")[..., np.newaxis], digits.target


images, labels = load_images()
x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.2, random_state=0)

x_train = x_train / 255.0
x_test = x_test / 255.0

model = keras.models.Sequential()
model.add(keras.layers.Input(shape=(28, 28, 1)))

model.add(keras.layers.Conv2D(64, (3, 3), padding="same", activation="relu"))
model.add(keras.layers.MaxPooling2D(pool_size=(2, 2)))

model.add(keras.layers.Conv2D(32, (3, 3), padding="same", activation="relu"))
model.add(keras.layers.MaxPooling2D(pool_size=(2, 2)))

model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(128))
model.add(keras.layers.Activation("relu"))
model.add(keras.layers.Dense(CLASSES))
model.add(keras.layers.Activation("softmax"))

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=EPOCHS, verbose=2)

test_loss, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
print("test loss", test_loss)
print("test accuracy", test_accuracy)
