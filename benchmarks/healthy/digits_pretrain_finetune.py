"""Few labels: an autoencoder learns from all pictures, a classifier on its encoder from 300 of them, in two phases."""
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import layers

x, y = load_digits(return_X_y=True)
x = x / 16.0
shuffled = np.random.RandomState(10).permutation(len(x))
x, y = x[shuffled], y[shuffled]
x_test, y_test = x[1400:], y[1400:]
x_all, x_few, y_few = x[:1400], x[:300], y[:300]

encoder = tf.keras.Sequential([
    layers.Input((64,)), layers.Dense(128, activation='relu'), layers.Dense(32, activation='relu'),
], name='encoder')
decoder = tf.keras.Sequential([
    layers.Input((32,)), layers.Dense(128, activation='relu'), layers.Dense(64, activation='sigmoid'),
], name='decoder')

# pre-training without labels
autoencoder = tf.keras.Sequential([encoder, decoder])
autoencoder.compile(tf.keras.optimizers.Adam(2e-3), loss='mse')
autoencoder.fit(x_all, x_all, epochs=12, batch_size=64, verbose=0)

# phase 1: only the new layer learns
encoder.trainable = False
classifier = tf.keras.Sequential([encoder, layers.Dense(10, activation='softmax')])
classifier.compile(tf.keras.optimizers.Adam(1e-2), loss='sparse_categorical_crossentropy', metrics=['accuracy'])
classifier.fit(x_few, y_few, epochs=25, batch_size=32, validation_data=(x_test, y_test), verbose=0)
print('frozen encoder:', classifier.evaluate(x_test, y_test, verbose=0)[1])

# phase 2: everything learns, slowly
encoder.trainable = True
classifier.compile(tf.keras.optimizers.Adam(5e-4), loss='sparse_categorical_crossentropy', metrics=['accuracy'])
classifier.fit(x_few, y_few, epochs=20, batch_size=32, validation_data=(x_test, y_test), verbose=0)
print('fine-tuned:', classifier.evaluate(x_test, y_test, verbose=0)[1])
