"""Regression with a few gross outliers in the training targets, hence a loss of our own."""
import keras
import numpy as np
from keras import ops
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score

DELTA = 1.0

x, y = make_friedman1(n_samples=2000, n_features=6, noise=0.5, random_state=9)
center, spread = y.mean(), y.std()
target = ((y - center) / spread).astype("float32")

noisy = target[:1500].copy()
hit = np.random.default_rng(1).choice(1500, 30, replace=False)
noisy[hit] += 4.0


def pseudo_huber(y_true, y_pred):
    error = (y_true - y_pred) / DELTA
    return ops.mean(DELTA**2 * (ops.sqrt(1.0 + ops.square(error)) - 1.0), axis=-1)


model = keras.Sequential(
    [
        keras.layers.Input((6,)),
        keras.layers.Dense(64, activation="swish"),
        keras.layers.Dense(32, activation="swish"),
        keras.layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=pseudo_huber)
model.fit(x[:1500], noisy, epochs=40, batch_size=64, verbose=0)
print("R2 on clean rows:", round(r2_score(target[1500:], model.predict(x[1500:], verbose=0)[:, 0]), 3))
