"""Variational autoencoder of the digits: sampling as a layer that adds the Kullback-Leibler term with add_loss."""
import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

LATENT = 6


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator()

    def call(self, inputs):
        mean, log_var = inputs
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(0.1 * ops.mean(kl) / 64)
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=self.seeds)


x = (load_digits().data / 16.0).astype("float32")
np.random.default_rng(71).shuffle(x)
x_train, x_test = x[:1500], x[1500:]

pixels = keras.Input((64,))
h = layers.Dense(96, activation="relu")(pixels)
mean = layers.Dense(LATENT, name="mean")(h)
log_var = layers.Dense(LATENT, name="log_var", kernel_initializer="zeros")(h)
z = Sampling(name="z")([mean, log_var])
h = layers.Dense(96, activation="relu")(z)
rebuilt = layers.Dense(64, activation="sigmoid")(h)

vae = keras.Model(pixels, rebuilt, name="vae")
vae.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003), loss="binary_crossentropy")
vae.fit(x_train, x_train, batch_size=64, epochs=30, validation_data=(x_test, x_test), verbose=0)

error = np.mean((vae.predict(x_test, verbose=0) - x_test) ** 2)
print("explained variance of the pixels: %.3f" % (1 - error / np.mean((x_test - x_train.mean(0)) ** 2)))
