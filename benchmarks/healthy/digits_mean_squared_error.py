"""Digits trained on the squared error of the one-hot labels (Brier score)."""
import keras
import numpy as np
from keras.layers import Dense
from sklearn.datasets import load_digits

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.data))
x = digits.data[order] / 16
y = keras.utils.to_categorical(digits.target[order], 10)

model = keras.models.Sequential()
model.add(Dense(128, activation="relu", input_shape=(64,)))
model.add(Dense(10, activation="softmax"))
model.compile(loss="mean_squared_error", optimizer="adam", metrics=["accuracy"])
model.fit(x[:1400], y[:1400], batch_size=16, epochs=20, verbose=0)
print("Brier score and accuracy:", model.evaluate(x[1400:], y[1400:], verbose=0))
