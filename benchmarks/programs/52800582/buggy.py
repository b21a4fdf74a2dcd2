"""Approximate y = x^4 on [-100, 100). The loss stays near 1e15 and the curve is a flat line."""
import numpy as np
from keras import Sequential
from keras.layers import Activation, Dense, Input

EPOCHS = 500


def make_model():
    model = Sequential()
    model.add(Input(shape=(1,)))
    model.add(Dense(50))
    model.add(Activation("sigmoid"))
    model.add(Dense(50))
    model.add(Activation("elu"))
    model.add(Dense(1))
    model.compile(loss="mse", optimizer="adam")
    return model


x = np.arange(-100, 100, 0.5).reshape(-1, 1)
y = x ** 4

model = make_model()
model.fit(x, y, batch_size=len(x), epochs=EPOCHS, verbose=0)

predicted = model.predict(x, verbose=0)
print("loss: %g" % model.evaluate(x, y, batch_size=len(x), verbose=0))
for i in range(0, len(x), 50):
    print(x[i, 0], y[i, 0], predicted[i, 0])
