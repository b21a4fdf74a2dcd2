# Autoencoder for vibration windows between -1 and 1; later used to find odd windows.
import numpy as np
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

rng = np.random.default_rng(14)
t = np.arange(48) / 48


def window():
    a, b = rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.3)
    p, q = rng.uniform(0, 2 * np.pi, 2)
    return a * np.sin(2 * np.pi * 2 * t + p) + b * np.sin(2 * np.pi * 5 * t + q) + rng.normal(0, 0.02, t.size)


windows = np.clip(np.array([window() for _ in range(2000)]), -1, 1).astype('float32')
x_train, x_test = windows[:1600], windows[1600:]

inputs = Input(shape=(48,))
x = Dense(32, activation='tanh')(inputs)
code = Dense(6, activation='linear')(x)
x = Dense(32, activation='tanh')(code)
outputs = Dense(48, activation='tanh')(x)

ae = Model(inputs, outputs)
ae.compile('adam', 'mse')
ae.fit(x_train, x_train, epochs=40, batch_size=32, shuffle=True, validation_data=(x_test, x_test), verbose=0)
err = np.mean((ae.predict(x_test, verbose=0) - x_test) ** 2)
print('reconstruction error %.5f, variance of the signal %.5f' % (err, x_test.var()))
