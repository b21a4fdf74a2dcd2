"""How many bikes are hired in an hour? Poisson regression on hour, weekday and weather."""
import numpy as np
from sklearn.metrics import r2_score
from tensorflow import keras

rng = np.random.default_rng(33)
n = 3000
hour = rng.integers(0, 24, n)
weekend = (rng.random(n) < 2 / 7).astype(float)
temperature = rng.normal(14, 8, n)
rain = (rng.random(n) < 0.2).astype(float)

commute = np.exp(-((hour - 8) ** 2) / 4) + np.exp(-((hour - 17.5) ** 2) / 6)
leisure = np.exp(-((hour - 14) ** 2) / 18)
rate = np.exp(0.8 + 2.0 * (1 - weekend) * commute + 1.8 * weekend * leisure + 0.035 * temperature - 0.8 * rain)
count = rng.poisson(rate).astype("float32")

features = np.column_stack([np.eye(24)[hour], weekend, (temperature - 14) / 8, rain]).astype("float32")
train, test = slice(0, 2400), slice(2400, None)

inputs = keras.Input((features.shape[1],))
x = keras.layers.Dense(32, activation="relu")(inputs)
x = keras.layers.Dense(16, activation="relu")(x)
outputs = keras.layers.Dense(1, activation="exponential")(x)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="poisson", metrics=["mae"])
model.fit(features[train], count[train], epochs=40, batch_size=64, validation_split=0.1, verbose=0)

expected = model.predict(features[test], verbose=0)[:, 0]
print("R2 of the expected counts:", round(r2_score(count[test], expected), 3))
print("with the true rate it is: ", round(r2_score(count[test], rate[test]), 3))
