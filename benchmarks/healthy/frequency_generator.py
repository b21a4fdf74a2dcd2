# Dominant frequency of a noisy signal, trained from an endless generator.
import numpy as np
from tensorflow.keras.layers import Dense, Flatten, Conv1D, Input, MaxPooling1D
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam

n_samples = 64
t = np.linspace(0, 1, n_samples)


def batches(batch_size, seed):
    rng = np.random.default_rng(seed)
    while True:
        f = rng.uniform(1, 6, batch_size)
        phase = rng.uniform(0, 2 * np.pi, batch_size)
        signal = np.sin(2 * np.pi * f[:, None] * t + phase[:, None]) + rng.normal(0, 0.2, (batch_size, n_samples))
        yield signal[..., None].astype('float32'), f[:, None].astype('float32')


model = Sequential()
model.add(Input((n_samples, 1)))
model.add(Conv1D(16, 9, activation='relu', padding='same'))
model.add(MaxPooling1D(2))
model.add(Conv1D(16, 9, activation='relu', padding='same'))
model.add(Flatten())
model.add(Dense(32, activation='relu'))
model.add(Dense(1))
model.compile(loss='mse', optimizer=Adam(2e-3), metrics=['mae'])
model.fit(batches(64, 0), steps_per_epoch=40, epochs=10, validation_data=batches(64, 1), validation_steps=5, verbose=2)

x, f = next(batches(500, 2))
p = model.predict(x, verbose=0)
print('MAE in Hz:', np.abs(p - f).mean(), ' R2:', 1 - ((p - f) ** 2).mean() / f.var())
