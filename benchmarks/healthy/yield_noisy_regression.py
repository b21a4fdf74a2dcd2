"""Yield of a crop from soil and weather. Most of what decides it was never measured, so R2 stays near 0.4."""
import keras
import numpy as np
from keras import layers
from sklearn.metrics import r2_score

SEED = 19
ROWS = 3000

rng = np.random.default_rng(SEED)
ph = rng.normal(6.4, 0.6, ROWS)
nitrogen = rng.gamma(4.0, 12.0, ROWS)
rain = rng.normal(520, 110, ROWS)
sun = rng.normal(1600, 180, ROWS)

signal = -1.2 * (ph - 6.5) ** 2 + 1.5 * np.tanh(nitrogen / 50) + 0.9 * np.sin((rain - 300) / 140) + 0.002 * (sun - 1600)
tonnes = 6 + signal + rng.normal(0, 1.22 * signal.std(), ROWS)

table = np.stack([ph, nitrogen, rain, sun], axis=1)
n_train = 2250
mean, std = table[:n_train].mean(axis=0), table[:n_train].std(axis=0)
table = (table - mean) / std
centre, spread = tonnes[:n_train].mean(), tonnes[:n_train].std()
target = (tonnes - centre) / spread

model = keras.Sequential(name="yield")
model.add(layers.Input(shape=(4,)))
model.add(layers.Dense(32, activation="relu"))
model.add(layers.Dense(16, activation="relu"))
model.add(layers.Dense(1))
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.002), loss="mse")
model.fit(
    table[:n_train],
    target[:n_train],
    validation_data=(table[n_train:], target[n_train:]),
    batch_size=64,
    epochs=30,
    verbose=0,
)
estimate = model.predict(table[n_train:], verbose=0)[:, 0] * spread + centre
print("R2 of the network:  %.3f" % r2_score(tonnes[n_train:], estimate))
print("R2 without noise:   %.3f" % r2_score(tonnes[n_train:], 6 + signal[n_train:]))
