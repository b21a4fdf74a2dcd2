"""Eight bits in, eight bits out. Whatever I train, every output bit stays near 0.5."""

import numpy as np
from keras.layers import Activation, Dense
from keras.models import Sequential
from keras.optimizers import SGD


def all_codes():
    return np.array([[(n >> bit) & 1 for bit in range(8)] for n in range(256)], dtype="float32")


def make_data(seed):
    x = all_codes()
    y = x.copy()
    return x, y


X, Y = make_data(7)

model = Sequential()
model.add(Dense(8, input_shape=(8,), kernel_initializer="random_normal"))
model.add(Activation("relu"))
model.add(Dense(8, kernel_initializer="random_normal"))
model.add(Activation("relu"))
model.add(Dense(8, kernel_initializer="random_normal"))
model.add(Activation("sigmoid"))

sgd = SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
model.compile(loss="binary_crossentropy", optimizer=sgd, metrics=["accuracy"])
history = model.fit(X, Y, epochs=150, batch_size=1, verbose=0)

print("loss at the end:", history.history["loss"][-1])
bits = np.round(model.predict(X, verbose=0))
print("right bits: %.3f" % np.mean(bits == Y))
