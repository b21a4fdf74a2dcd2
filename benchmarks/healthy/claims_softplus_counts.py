"""Number of claims per policy, most of them 0: Poisson loss behind a softplus."""
import keras
import numpy as np
from sklearn.metrics import d2_tweedie_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(64)
n = 5000
age = rng.uniform(18, 85, n)
power = rng.integers(4, 12, n)
exposure = rng.uniform(0.2, 1.0, n)
density = rng.lognormal(6, 1.2, n)
frequency = exposure * np.exp(-1.3 + 1.6 * np.exp(-(age - 18) / 12) + 0.12 * (power - 7) + 0.35 * (np.log(density) - 6))
claims = rng.poisson(frequency)

X = np.column_stack([age, power, exposure, np.log(density)])
X_train, X_test, y_train, y_test, _, true_test = train_test_split(X, claims, frequency, test_size=0.3, random_state=64)
standard = StandardScaler().fit(X_train)
X_train, X_test = standard.transform(X_train), standard.transform(X_test)

model = keras.Sequential()
model.add(keras.layers.Input((4,)))
model.add(keras.layers.Dense(20, activation="relu"))
model.add(keras.layers.Dense(10, activation="relu"))
model.add(keras.layers.Dense(1, activation="softplus"))
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003), loss="poisson")
model.fit(X_train, y_train, batch_size=64, epochs=25, validation_data=(X_test, y_test), verbose=0)

mu = model.predict(X_test, verbose=0)[:, 0]
print("explained deviance:      ", round(d2_tweedie_score(y_test, mu, power=1), 3))
print("with the true frequency: ", round(d2_tweedie_score(y_test, true_test, power=1), 3))
