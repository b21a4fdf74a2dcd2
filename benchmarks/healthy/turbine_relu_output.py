# Power of a wind turbine (MW, never negative) from wind speed, direction and air density.
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(3)
N = 2500
wind = rng.weibull(2.0, N) * 8.5
direction = rng.uniform(0, 2 * np.pi, N)
density = rng.normal(1.22, 0.05, N)

curve = np.clip((wind ** 3 - 3 ** 3) / (12 ** 3 - 3 ** 3), 0, 1)
wake = 1 - 0.25 * np.exp(-((direction - np.pi) / 0.4) ** 2)
power = np.clip(2.0 * curve * wake * density / 1.22 + rng.normal(0, 0.03, N) * (curve > 0), 0, None)

X = np.stack([wind / 10, np.cos(direction), np.sin(direction), (density - 1.22) / 0.05], 1).astype('float32')
y = power.astype('float32')

model = tf.keras.Sequential([
    tf.keras.layers.Input((4,)),
    tf.keras.layers.Dense(48, activation='relu'),
    tf.keras.layers.Dense(48, activation='relu'),
    tf.keras.layers.Dense(1, activation='relu', bias_initializer='ones'),
])
model.compile(optimizer='adam', loss='mse', metrics=['mae'])
model.fit(X[:2000], y[:2000], epochs=40, batch_size=32, validation_data=(X[2000:], y[2000:]), verbose=0)
mse, mae = model.evaluate(X[2000:], y[2000:], verbose=0)
print('MAE %.4f MW, R2 %.4f' % (mae, 1 - mse / y[2000:].var()))
