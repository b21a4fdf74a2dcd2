"""How bad is the damage to a car: minor, moderate or severe? Accuracy stays at a third and the loss is negative."""
import numpy as np
from tensorflow.keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tensorflow.keras.models import Sequential
from tensorflow.keras.utils import to_categorical

IMG_SIZE = 150
TRAIN_COUNTS = (45, 52, 63)
VALIDATION_COUNTS = (17, 19, 24)
epochs = 6
batch_size = 16


def photos(counts, seed):
    rng = np.random.default_rng(seed)
    paint = np.array([[0.62, 0.45, 0.40], [0.47, 0.55, 0.45], [0.40, 0.44, 0.58]])
    labels = rng.permutation(np.repeat(np.arange(3), counts))
    x = np.empty((len(labels), IMG_SIZE, IMG_SIZE, 3), dtype="float32")
    for i, label in enumerate(labels):
        scene = paint[label] + rng.normal(0, 0.12, size=(10, 10, 3))
        dents = rng.normal(0, 0.05 + 0.06 * label, size=(50, 50, 1))
        x[i] = np.kron(scene, np.ones((15, 15, 1))) + np.kron(dents, np.ones((3, 3, 1)))
    flipped = rng.random(len(x)) < 0.5
    x[flipped] = x[flipped, :, ::-1]
    return np.clip(x, 0, 1), to_categorical(labels, 3)


x_train, y_train = photos(TRAIN_COUNTS, seed=3)
x_val, y_val = photos(VALIDATION_COUNTS, seed=4)

model = Sequential()
model.add(Input(shape=(IMG_SIZE, IMG_SIZE, 3)))
model.add(Conv2D(32, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))

model.add(Conv2D(32, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))

model.add(Conv2D(64, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))

model.add(Flatten())
model.add(Dense(64))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Dense(3))
model.add(Activation("softmax"))

model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=2, validation_data=(x_val, y_val))

loss, accuracy = model.evaluate(x_val, y_val, verbose=0)
print("validation loss %.4f, accuracy %.4f" % (loss, accuracy))
