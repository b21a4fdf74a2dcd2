"""Find 15 points in grey pictures of faces. The loss jumps about and never gets small."""
import numpy as np
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.optimizers import Adam
from scipy.ndimage import gaussian_filter

N_PICTURES = 500
SIZE = 96
N_KEYPOINTS = 15


def load():
    rng = np.random.default_rng(96)
    pictures = gaussian_filter(rng.normal(size=(N_PICTURES, SIZE, SIZE)), sigma=(0, 6, 6))
    pictures = np.clip(128 + 64 * pictures / pictures.std(), 0, 255).astype('uint8')
    X = (pictures.reshape(N_PICTURES, -1) / 255).astype('float32')

    weights = gaussian_filter(rng.normal(size=(2 * N_KEYPOINTS, SIZE, SIZE)), sigma=(0, 6, 6))
    points = (X - X.mean(axis=0)) @ weights.reshape(2 * N_KEYPOINTS, -1).T
    points = 48 + 46 * points / np.abs(points).max(axis=0)
    y = ((points - 48) / 48).astype('float32')
    return X, y


def create_model():
    model = Sequential()
    model.add(Input(shape=(SIZE * SIZE,)))
    model.add(Dense(50))
    model.add(Dense(100))
    model.add(Dense(2 * N_KEYPOINTS))
    return model


X, y = load()
print('X.shape', X.shape, 'y.shape', y.shape)

model = create_model()
optimizer = Adam(learning_rate=0.1)
model.compile(loss='mean_squared_error', optimizer=optimizer, metrics=['accuracy'])
hist = model.fit(X, y, epochs=100, verbose=0)
print('loss', hist.history['loss'][-1])
