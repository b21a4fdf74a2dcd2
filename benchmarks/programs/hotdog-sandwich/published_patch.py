"""Is it a sandwich? Grey pictures of sandwiches against pictures of other food; the accuracy stays near one half."""

import numpy as np
from scipy import ndimage
from sklearn.model_selection import train_test_split
from tensorflow import keras
from tensorflow.keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, Input
from tensorflow.keras.models import Sequential

IMG_SIZE = 128
PHOTOS_PER_CLASS = 400
IMAGES_PER_CLASS = 2000
EPOCHS = 15


class Photos:
    """Draws pictures of 32x32 points: food is heaps of round bits, a sandwich has a few layers."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def bits(self, count):
        picture = np.zeros((32, 32))
        rows, columns = np.indices(picture.shape)
        for _ in range(count):
            y, x = self.rng.uniform(0, 32, 2)
            picture[(rows - y) ** 2 + (columns - x) ** 2 < self.rng.uniform(1.5, 5) ** 2] = self.rng.uniform(0, 255)
        return picture

    def food(self):
        return self.bits(30)

    def sandwich(self):
        picture = self.bits(24)
        top = self.rng.integers(4, 14)
        left = self.rng.integers(0, 10)
        right = self.rng.integers(22, 33)
        for _ in range(4):
            height = self.rng.integers(2, 5)
            picture[top : top + height, left:right] = self.rng.uniform(0, 255)
            top += height
        return picture

    def prepare(self, picture, size):
        """Turn, blur, enlarge and equalise one picture; values from 0 to 1."""
        picture = ndimage.rotate(picture, self.rng.uniform(-30, 30), reshape=False, order=1, mode="reflect")
        picture = picture + self.rng.normal(0, 12, picture.shape)
        picture = np.kron(picture, np.ones((size // 32, size // 32)))
        picture = ndimage.gaussian_filter(picture, self.rng.uniform(0.5, 1.5) * size / 64)
        picture = np.clip(picture, 0, 255) / 255
        shares, edges = np.histogram(picture, bins=64, range=(0, 1))
        return np.interp(picture, edges[1:], np.cumsum(shares) / picture.size)


def load_data():
    photos = Photos(8)
    images, labels = [], []
    for label, draw in enumerate([photos.food, photos.sandwich]):
        taken = [draw() for _ in range(PHOTOS_PER_CLASS)]
        for i in range(IMAGES_PER_CLASS):
            images.append(photos.prepare(taken[i % PHOTOS_PER_CLASS], IMG_SIZE))
            labels.append(label)
    X = np.array(images, dtype="float32")[..., np.newaxis]
    Y = keras.utils.to_categorical(labels, 2)
    return train_test_split(X, Y, test_size=0.2, random_state=4)


def build_model():
    model = Sequential()
    model.add(Input((IMG_SIZE, IMG_SIZE, 1)))
    model.add(Conv2D(16, (8, 8), strides=4))
    model.add(Activation("elu"))
    model.add(Conv2D(32, (5, 5), strides=2))
    model.add(Activation("elu"))
    model.add(Conv2D(64, (5, 5), strides=2))
    model.add(Activation("elu"))
    model.add(Dropout(0.2))
    model.add(Flatten())
    model.add(Dense(512))
    model.add(Activation("elu"))
    model.add(Dense(2))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    X_train, X_test, Y_train, Y_test = load_data()
    model = build_model()
    model.fit(X_train, Y_train, epochs=EPOCHS, validation_split=0.1, verbose=2)
    print("test loss %.4f, test accuracy %.4f" % tuple(model.evaluate(X_test, Y_test, verbose=0)))
