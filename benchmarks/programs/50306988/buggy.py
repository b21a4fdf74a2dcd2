"""Two squares in the plane that do not even touch, and my network says 0.5 accuracy in every epoch."""

import numpy as np
from keras.layers import Activation, Dense, Input
from keras.models import Sequential
from keras.utils import to_categorical

rng = np.random.default_rng(3)

PER_CLASS = 100


def make_points(n):
    a = rng.uniform(0.2, 0.4, size=(n, 2))
    b = rng.uniform(0.5, 0.7, size=(n, 2))
    points = np.vstack([a, b])
    labels = np.repeat([0, 1], n)
    order = rng.permutation(2 * n)
    return points[order], labels[order]


X, y = make_points(PER_CLASS)
Y = to_categorical(y, 2)
print("data", X.shape, Y.shape)

model = Sequential()
model.add(Input(shape=(2,)))
model.add(Dense(2))
model.add(Activation("sigmoid"))
model.add(Dense(2))
model.add(Activation("softmax"))

model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X, Y, epochs=5, verbose=2)

loss, acc = model.evaluate(X, Y, verbose=0)
print("loss %.4f accuracy %.4f" % (loss, acc))
