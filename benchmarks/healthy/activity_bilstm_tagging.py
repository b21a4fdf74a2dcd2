"""Label every time step of a movement record: rest, walk or run."""
import keras
import numpy as np
from keras import layers

STEPS = 40
rng = np.random.default_rng(6)


def record():
    state = np.repeat(rng.integers(0, 3, 4), 10)
    time = np.arange(STEPS)
    strength = np.array([0.05, 0.6, 1.5])[state]
    frequency = np.array([0.0, 0.15, 0.3])[state]
    wave = np.sin(2 * np.pi * np.cumsum(frequency) + rng.uniform(0, 2 * np.pi))
    both = np.stack([strength * wave, strength * np.abs(np.cos(2 * np.pi * frequency * time))], axis=1)
    return both + rng.normal(0, 0.15, both.shape), state


signals, states = (np.array(part) for part in zip(*(record() for _ in range(600))))

model = keras.Sequential(
    [
        keras.Input((STEPS, 2)),
        layers.Bidirectional(layers.LSTM(16, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(3, activation="softmax")),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(signals[:480], states[:480], validation_data=(signals[480:], states[480:]), epochs=10, batch_size=32, verbose=2)
print("steps labelled correctly:", model.evaluate(signals[480:], states[480:], verbose=0)[1])
