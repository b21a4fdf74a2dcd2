"""XOR with a small network. After four hundred epochs all four outputs are still about 0.5."""

import numpy as np
from keras.layers import Activation, Dense, Input
from keras.models import Sequential
from keras.optimizers import SGD

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
y = np.array([[0], [1], [1], [0]], dtype="float32")

model = Sequential()
model.add(Input(shape=(2,)))
model.add(Dense(4, kernel_initializer="glorot_uniform"))
model.add(Activation("sigmoid"))
model.add(Dense(1, kernel_initializer="glorot_uniform"))
model.add(Activation("sigmoid"))

sgd = SGD(learning_rate=0.05, momentum=0.11, nesterov=True)
model.compile(loss="mean_absolute_error", optimizer=sgd, metrics=["accuracy"])
model.fit(X, y, epochs=400, batch_size=4, verbose=0)

loss, accuracy = model.evaluate(X, y, verbose=0)
print("loss %.4f, accuracy %.2f" % (loss, accuracy))
print(model.predict(X, verbose=0))
