"""Learn a parabola. The error stops at about 2300 within a few epochs and never falls below."""

import keras
import numpy as np
from keras.layers import Activation, Dense
from sklearn.model_selection import train_test_split

x = np.arange(-10, 10.05, 0.1)
y = x**2 + 3
y = (y - y.mean()) / y.std()

x_train, x_test, y_train, y_test = train_test_split(x.reshape(-1, 1), y.reshape(-1, 1), random_state=1)
print(len(x_train), "to train,", len(x_test), "to test")

model = keras.models.Sequential()
model.add(keras.Input((1,)))
model.add(Dense(5))
model.add(Activation("sigmoid"))
model.add(Dense(1))
model.add(Activation("linear"))

model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(learning_rate=0.05), metrics=["accuracy"])
model.fit(x_train, y_train, epochs=400, batch_size=150, verbose=0)

print("train:", model.evaluate(x_train, y_train, verbose=0))
print("test:", model.evaluate(x_test, y_test, verbose=0))
for value, wanted, found in zip(x_test[:5], y_test[:5], model.predict(x_test[:5], verbose=0)):
    print(value, wanted, found)
