"""Round galaxy, spiral, or star? 24x24 pictures with grey values 0..255."""
import numpy as np
from keras import Sequential
from keras.layers import (
    BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
)
from keras.optimizers import Adam
from keras.utils import to_categorical

NUM_CLASSES = 3
IMG = 24

rng = np.random.default_rng(40)
yy, xx = np.mgrid[0:IMG, 0:IMG]


def picture(kind):
    cx, cy = rng.uniform(9, 15, 2)
    dx, dy = xx - cx, yy - cy
    r, phi = np.hypot(dx, dy), np.arctan2(dy, dx)
    size = rng.uniform(2.5, 4)
    if kind == 0:
        light = np.exp(-(r / size) ** 2)
    elif kind == 1:
        arms = 0.5 + 0.5 * np.cos(2 * phi - r * rng.uniform(0.7, 1.0) + rng.uniform(0, 6))
        light = np.exp(-(r / (1.7 * size)) ** 2) * arms
    else:
        spikes = np.exp(-np.abs(dx) / 0.6) * np.exp(-np.abs(dy) / 5) + np.exp(-np.abs(dy) / 0.6) * np.exp(-np.abs(dx) / 5)
        light = spikes
    light = rng.uniform(90, 200) * light + rng.normal(25, 12, r.shape)
    return np.clip(light, 0, 255).astype('uint8')


labels = rng.integers(0, NUM_CLASSES, 1200)
images = np.array([picture(k) for k in labels])

x_train, x_test = images[:900], images[900:]
y_train, y_test = to_categorical(labels[:900], NUM_CLASSES), to_categorical(labels[900:], NUM_CLASSES)
x_train = x_train.reshape(-1, IMG, IMG, 1).astype('float32') / 255
x_test = x_test.reshape(-1, IMG, IMG, 1).astype('float32') / 255

model = Sequential()
model.add(Input(shape=(IMG, IMG, 1)))
model.add(Conv2D(16, kernel_size=(3, 3), activation='relu'))
model.add(BatchNormalization(momentum=0.9))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Conv2D(32, kernel_size=(3, 3), activation='relu'))
model.add(BatchNormalization(momentum=0.9))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(32, activation='relu'))
model.add(Dropout(0.5))
model.add(Dense(NUM_CLASSES, activation='softmax'))

model.compile(loss='categorical_crossentropy', optimizer=Adam(learning_rate=0.001), metrics=['accuracy'])
model.fit(x_train, y_train, batch_size=32, epochs=12, verbose=1, validation_data=(x_test, y_test))
print('Test accuracy:', model.evaluate(x_test, y_test, verbose=0)[1])
