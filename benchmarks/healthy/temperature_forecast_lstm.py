"""Forecast of the temperature in three hours from the last day."""
import keras
import numpy as np

HOURS = 24 * 120
WINDOW = 24
AHEAD = 3

rng = np.random.default_rng(5)
hour = np.arange(HOURS)
weather = np.zeros(HOURS)
for i in range(1, HOURS):
    weather[i] = 0.98 * weather[i - 1] + rng.normal(0, 0.35)
temperature = 11 + 6 * np.sin(2 * np.pi * hour / (24 * 365)) + 5 * np.sin(2 * np.pi * (hour - 8) / 24) + weather

split = int(0.75 * HOURS)
mean, std = temperature[:split].mean(), temperature[:split].std()
series = ((temperature - mean) / std).astype("float32")
columns = np.stack([series, np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24)], axis=1).astype("float32")


def windows(start, stop):
    return keras.utils.timeseries_dataset_from_array(
        columns[start : stop - WINDOW - AHEAD + 1],
        targets=series[start + WINDOW + AHEAD - 1 : stop],
        sequence_length=WINDOW,
        batch_size=64,
        shuffle=start == 0,
        seed=0,
    )


train, valid = windows(0, split), windows(split, HOURS)

model = keras.Sequential([keras.Input((WINDOW, 3)), keras.layers.LSTM(24), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse", metrics=["mae"])
model.fit(train, validation_data=valid, epochs=10, verbose=2)
mse, mae = model.evaluate(valid, verbose=0)
print(f"mean absolute error: {mae * std:.2f} degrees")
