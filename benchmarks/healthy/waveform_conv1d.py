# Which machine state? Sine, square, sawtooth or chirp vibration, 128 samples each.
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(21)
t = np.linspace(0, 1, 128)


def make_wave(kind):
    f = rng.uniform(3, 8)
    phase = rng.uniform(0, 1)
    arg = f * t + phase
    if kind == 0:
        w = np.sin(2 * np.pi * arg)
    elif kind == 1:
        w = np.sign(np.sin(2 * np.pi * arg))
    elif kind == 2:
        w = 2 * (arg % 1) - 1
    else:
        w = np.sin(2 * np.pi * (arg + 6 * t ** 2))
    return rng.uniform(0.7, 1.3) * w + rng.normal(0, 0.25, t.size)


labels = rng.integers(0, 4, 1600)
X = np.array([make_wave(k) for k in labels], dtype='float32')[:, :, None]

model = keras.Sequential()
model.add(layers.Conv1D(16, 7, padding='same', activation='relu', input_shape=(128, 1)))
model.add(layers.MaxPooling1D(2))
model.add(layers.Conv1D(32, 5, padding='same', activation='relu'))
model.add(layers.MaxPooling1D(2))
model.add(layers.Conv1D(32, 5, padding='same', activation='relu'))
model.add(layers.GlobalAveragePooling1D())
model.add(layers.Dense(4, activation='softmax'))
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(X[:1200], labels[:1200], validation_data=(X[1200:], labels[1200:]), epochs=30, batch_size=32, verbose=0)
print('accuracy', model.evaluate(X[1200:], labels[1200:], verbose=0)[1])
