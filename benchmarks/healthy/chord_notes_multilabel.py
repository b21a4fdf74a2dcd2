"""Which of the twelve notes sound? Several at once, from a short spectrum."""
import keras
import numpy as np

RATE, SAMPLES = 4000, 1024
rng = np.random.default_rng(40)
pitch = 220.0 * 2 ** (np.arange(12) / 12)
time = np.arange(SAMPLES) / RATE


def chord():
    notes = np.zeros(12)
    notes[rng.choice(12, rng.integers(1, 5), replace=False)] = 1
    sound = rng.normal(0, 0.3, SAMPLES)
    for f in pitch[notes == 1]:
        for harmonic, strength in ((1, 1.0), (2, 0.5), (3, 0.25)):
            sound += rng.uniform(0.5, 1) * strength * np.sin(2 * np.pi * harmonic * f * time + rng.uniform(0, 2 * np.pi))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(SAMPLES)))[40:360]
    return np.log1p(spectrum), notes


spectra, notes = (np.array(part, "float32") for part in zip(*(chord() for _ in range(2000))))
spectra -= spectra[:1600].mean()
spectra /= spectra[:1600].std()

model = keras.Sequential(
    [
        keras.Input((spectra.shape[1],)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(12, activation="sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
model.fit(spectra[:1600], notes[:1600], validation_data=(spectra[1600:], notes[1600:]), epochs=20, verbose=0)
found = model.predict(spectra[1600:], verbose=0) > 0.5
print("notes right:", np.mean(found == notes[1600:]))
print("chords fully right:", np.mean((found == notes[1600:]).all(1)))
