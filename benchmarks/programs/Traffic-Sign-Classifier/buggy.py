"""Traffic signs, 43 classes, 32x32 colour pictures."""

import numpy as np
from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, Input, Lambda, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils import to_categorical
from sklearn.model_selection import train_test_split

CLASSES = 43
SAMPLES = 5000
BATCH_SIZE = 512
EPOCHS = 10


def load_signs(seed=43):
    """Every class is a pattern of its own, seen under varying light, a little shifted, and never without noise."""
    rng = np.random.default_rng(seed)
    patterns = np.kron(rng.uniform(0, 255, size=(CLASSES, 8, 8, 3)), np.ones((1, 4, 4, 1)))
    shares = np.geomspace(1, 11, CLASSES)
    labels = rng.choice(CLASSES, size=SAMPLES, p=shares / shares.sum())
    images = np.empty((SAMPLES, 32, 32, 3), dtype="float32")
    for i, label in enumerate(labels):
        image = np.roll(patterns[label], rng.integers(-2, 3, size=2), axis=(0, 1))
        image = image * rng.uniform(0.4, 1.1) + rng.uniform(-20, 20) + rng.normal(0, 12, size=image.shape)
        images[i] = np.clip(image, 0, 255)
    return images, labels


def build_model():
    model = Sequential()
    model.add(Input(shape=(32, 32, 3)))
    model.add(Lambda(lambda x: x / 255.0 - 0.5))

    # let the network choose its own colour space
    model.add(Conv2D(3, (1, 1)))
    model.add(Activation("relu"))

    model.add(Conv2D(16, (5, 5), strides=(2, 2)))
    model.add(Activation("relu"))
    model.add(Conv2D(32, (3, 3)))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))

    model.add(Conv2D(64, (3, 3)))
    model.add(Activation("relu"))
    model.add(Conv2D(128, (3, 3)))
    model.add(Activation("relu"))

    model.add(Flatten())
    model.add(Dropout(0.5))
    model.add(Dense(128))
    model.add(Activation("relu"))
    model.add(Dropout(0.5))
    model.add(Dense(CLASSES))
    model.add(Activation("softmax"))
    return model


if __name__ == "__main__":
    X, y = load_signs()
    y = to_categorical(y, CLASSES)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)

    model = build_model()
    model.compile(loss="categorical_crossentropy", optimizer=Adam(learning_rate=0.001), metrics=["accuracy"])
    model.fit(X_train, y_train, batch_size=BATCH_SIZE, epochs=EPOCHS, validation_data=(X_val, y_val), verbose=2)
    print("validation loss %.3f, accuracy %.3f" % tuple(model.evaluate(X_val, y_val, verbose=0)))
