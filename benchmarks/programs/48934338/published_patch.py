"""Fit a noisy parabola. Whatever x is, the network predicts the same number."""
import numpy as np
from tensorflow import keras
from tensorflow.keras.layers import Activation, Dense

LEARNING_RATE = 0.001
EPOCHS = 500

rng = np.random.default_rng(50)
x = np.arange(0, 5, 0.1)
noise = rng.standard_normal(len(x)) ** 3
y = 5 * x ** 2 + noise

model = keras.Sequential()
model.add(keras.Input(shape=(1,)))
model.add(Dense(50))
model.add(Activation('relu'))
model.add(Dense(30, kernel_initializer='random_uniform'))
model.add(Activation('relu'))
model.add(Dense(1))

sgd = keras.optimizers.SGD(learning_rate=LEARNING_RATE)
model.compile(loss='mean_squared_error', optimizer=sgd, metrics=['accuracy'])
model.fit(x, y, epochs=EPOCHS, verbose=0)

predictions = model.predict(x, verbose=0).ravel()
print('loss', model.evaluate(x, y, verbose=0)[0], 'variance of y', np.var(y))
print(np.round(predictions[::10], 2), np.round(y[::10], 2))
