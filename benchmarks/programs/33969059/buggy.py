"""Learning 2a + b + c/2 + 2.2 from examples. The network answers 1 whatever I feed it, and the loss never moves."""

import numpy as np
from tensorflow.keras.layers import Activation, Dense, Dropout, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import SGD

TRAIN_ROWS = 4000
TEST_ROWS = 1000
WEIGHTS = np.array([2.0, 1.0, 0.5])
OFFSET = 2.2

rng = np.random.default_rng(42)


def generate(rows):
    features = rng.uniform(0, 10000, size=(rows, 3))
    targets = features @ WEIGHTS + OFFSET
    return features, targets.reshape(-1, 1)


X_train, y_train = generate(TRAIN_ROWS)
X_test, y_test = generate(TEST_ROWS)

model = Sequential()
model.add(Input(shape=(3,)))
model.add(Dense(3, kernel_initializer="uniform"))
model.add(Activation("tanh"))
model.add(Dropout(0.5))
model.add(Dense(2, kernel_initializer="uniform"))
model.add(Activation("tanh"))
model.add(Dropout(0.5))
model.add(Dense(1, kernel_initializer="uniform"))
model.add(Activation("softmax"))

sgd = SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
model.compile(loss="mean_squared_error", optimizer=sgd, metrics=["accuracy"])

model.fit(X_train, y_train, epochs=20, shuffle="batch", verbose=0)

print("test loss:", model.evaluate(X_test, y_test, verbose=0)[0])
print("first predictions:", model.predict(X_test[:5], verbose=0).ravel())
print("first targets:    ", y_test[:5].ravel())
