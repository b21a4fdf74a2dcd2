"""Diabetes yes or no from eight measurements, my first network. It trains, but it could be better, I think."""

import numpy as np
from keras.layers import Activation, Dense, Input
from keras.models import Sequential


def load_table(n=768, seed=42):
    """Eight columns in their own units, a zero where a value is missing, and the diagnosis."""
    rng = np.random.default_rng(seed)
    health = rng.normal(size=n)
    age = np.clip(21 + rng.gamma(1.3, 9.5, n), 21, 81).round()
    pregnancies = np.clip(rng.poisson(1 + (age - 21) * 0.17), 0, 17)
    glucose = np.clip(121 + 22 * health + 21 * rng.normal(size=n), 44, 199).round()
    pressure = np.clip(66 + 0.2 * age + 11 * rng.normal(size=n), 24, 122).round()
    bmi = np.clip(32.4 + 2.5 * health + 6.4 * rng.normal(size=n), 18.2, 67.1).round(1)
    skin = np.clip(29 + 0.9 * (bmi - 32) + 8 * rng.normal(size=n), 7, 99).round()
    insulin = np.clip(np.exp(4.8 + 0.4 * health + 0.55 * rng.normal(size=n)), 14, 846).round()
    pedigree = np.clip(rng.lognormal(-0.95, 0.6, n), 0.078, 2.42).round(3)
    score = (
        1.1 * (glucose - 121) / 30
        + 0.65 * (bmi - 32) / 7
        + 0.4 * (pregnancies - 4) / 3.4
        + 0.35 * (pedigree - 0.47) / 0.33
        + 0.2 * (age - 33) / 12
    )
    diagnosis = score + rng.logistic(size=n) > np.quantile(score, 0.71)
    for column, missing in ((glucose, 5), (pressure, 35), (skin, 227), (insulin, 374), (bmi, 11)):
        column[rng.choice(n, missing, replace=False)] = 0
    columns = [pregnancies, glucose, pressure, skin, insulin, bmi, pedigree, age]
    return np.column_stack([*columns, diagnosis]).astype("float64")


dataset = load_table()
X = dataset[:, 0:8]
Y = dataset[:, 8]
print("share of ones: %.3f" % Y.mean())

model = Sequential()
model.add(Input(shape=(8,)))
model.add(Dense(12))
model.add(Activation("relu"))
model.add(Dense(8))
model.add(Activation("relu"))
model.add(Dense(1))
model.add(Activation("sigmoid"))

model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X, Y, epochs=75, batch_size=10, verbose=0)

scores = model.evaluate(X, Y, verbose=0)
print("%s: %.2f%%" % (model.metrics_names[-1], scores[1] * 100))
