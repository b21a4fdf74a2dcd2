"""Ten classes of 32x32 colour pictures. The loss starts very high and the accuracy crawls."""

import numpy as np
from tensorflow.keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tensorflow.keras.models import Sequential
from tensorflow.keras.utils import to_categorical

num_classes = 10
batch_size = 32
epochs = 5

rng = np.random.default_rng(10)
base_colour = rng.uniform(60, 195, size=(num_classes, 3))
stripe_colour = rng.normal(0, 1, size=(num_classes, 3))
frequency = rng.uniform(0.25, 1.2, size=num_classes)
direction = rng.uniform(0, np.pi, size=num_classes)


def make_pictures(count):
    """Striped surfaces: every class has its colours, its width of stripes and its direction; light and position vary."""
    labels = rng.integers(0, num_classes, size=count)
    rows, columns = np.mgrid[0:32, 0:32]
    pictures = np.empty((count, 32, 32, 3), dtype="float32")
    for i, label in enumerate(labels):
        angle = direction[label] + rng.normal(0, 0.15)
        wave = np.sin(frequency[label] * (rows * np.sin(angle) + columns * np.cos(angle)) + rng.uniform(0, 2 * np.pi))
        colour = base_colour[label] + rng.normal(0, 45, size=3)
        picture = colour + 35 * wave[..., None] * stripe_colour[label] + rng.normal(0, 30, size=(32, 32, 3))
        pictures[i] = np.clip(picture * rng.uniform(0.6, 1.2), 0, 255)
    return np.floor(pictures), labels


x_train, y_train = make_pictures(800)
x_test, y_test = make_pictures(400)

x_train = x_train / 255.0
x_test = x_test / 255.0
y_train = to_categorical(y_train, num_classes)
y_test = to_categorical(y_test, num_classes)
print("x_train shape:", x_train.shape)

model = Sequential()
model.add(Input(shape=x_train.shape[1:]))
model.add(Conv2D(64, (3, 3), kernel_initializer="he_normal"))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))

model.add(Conv2D(256, (2, 2), kernel_initializer="he_normal"))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))

model.add(Flatten())
model.add(Dense(1024))
model.add(Activation("relu"))
model.add(Dropout(0.4))
model.add(Dense(num_classes))
model.add(Activation("softmax"))

model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_data=(x_test, y_test), shuffle=True, verbose=2)

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
