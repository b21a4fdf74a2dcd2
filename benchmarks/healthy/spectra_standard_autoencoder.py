"""Compress spectra of 80 channels into 5 numbers; a big error of reconstruction means a strange sample."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(15)
channel = np.linspace(0, 1, 80)
centres, widths = [0.15, 0.35, 0.5, 0.65, 0.85], [0.05, 0.03, 0.08, 0.04, 0.06]
bands = np.exp(-0.5 * ((channel - np.array(centres)[:, None]) / np.array(widths)[:, None]) ** 2)
amounts = rng.gamma(2.0, 1.0, (2000, 5))
spectra = amounts @ bands
spectra = spectra / (1 + 0.15 * spectra) + rng.normal(0, 0.03, spectra.shape)     # saturating detector

x_train, x_test = spectra[:1600], spectra[1600:]
scaler = StandardScaler()
x_train = scaler.fit_transform(x_train)
x_test = scaler.transform(x_test)

inputs = layers.Input(shape=(80,))
encoded = layers.Dense(40, activation='relu')(inputs)
encoded = layers.Dense(5, activation='linear', name='code')(encoded)
decoded = layers.Dense(40, activation='relu')(encoded)
decoded = layers.Dense(80, activation='linear')(decoded)

autoencoder = models.Model(inputs, decoded)
encoder = models.Model(inputs, encoded)
autoencoder.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.002), loss='mse')
autoencoder.fit(x_train, x_train, epochs=40, batch_size=64, shuffle=True, validation_data=(x_test, x_test), verbose=0)

rebuilt = autoencoder.predict(x_test, verbose=0)
print('explained: %.3f' % (1 - np.mean((x_test - rebuilt) ** 2) / np.mean(x_test ** 2)))
print('code of the first spectrum:', encoder.predict(x_test[:1], verbose=0).round(2))
