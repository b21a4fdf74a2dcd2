"""Compress digit images to 16 numbers and back."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

images = load_digits().data.astype("float32") / 16.0
train, test = images[:1500], images[1500:]

encoder = keras.Sequential([layers.Input((64,)), layers.Dense(48, activation="relu"), layers.Dense(16)], name="encoder")
decoder = keras.Sequential(
    [layers.Input((16,)), layers.Dense(48, activation="relu"), layers.Dense(64, activation="sigmoid")], name="decoder"
)
autoencoder = keras.Sequential([encoder, decoder])
autoencoder.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy")
autoencoder.fit(train, train, epochs=60, batch_size=64, validation_data=(test, test), verbose=0)

restored = autoencoder.predict(test, verbose=0)
pca = PCA(16).fit(train)
print("error of the autoencoder:", np.mean((restored - test) ** 2))
print("error of 16 components:  ", np.mean((pca.inverse_transform(pca.transform(test)) - test) ** 2))
