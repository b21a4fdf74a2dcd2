"""Predict one column of a small table from two others. The predictions are much too small, some are exactly 0."""
import numpy as np
from tensorflow.keras.layers import Activation, Dense, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import SGD


def load_table(n=17):
    rng = np.random.default_rng(2071)
    x = rng.normal(0.65, 0.9, size=(n, 2))
    y = 0.25 + 0.9 * x[:, 0] + 0.1 * x[:, 1] + rng.normal(0, 0.5, size=n)
    return x.astype("float32"), y.astype("float32")


X, Y = load_table()

model = Sequential()
model.add(Input(shape=(2,)))
model.add(Dense(4))
model.add(Activation("relu"))
model.add(Dense(1))
model.add(Activation("tanh"))

model.compile(loss="mean_squared_error", optimizer=SGD(learning_rate=0.01), metrics=["MSE"])
history = model.fit(X, Y, epochs=500, batch_size=10, verbose=2)

print("final loss", history.history["loss"][-1])
for target, guess in zip(Y, model.predict(X, verbose=0).ravel()):
    print("%7.3f %7.3f" % (target, guess))
