# Soil moisture as a fraction between 0 and 1: sigmoid output and squared error.
from __future__ import annotations

import numpy as np
import tensorflow as tf
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler


def measure(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rain = rng.gamma(1.5, 4.0, n)
    temperature = rng.normal(16, 6, n)
    clay = rng.beta(2, 3, n)
    days = rng.integers(0, 12, n)
    wet = 0.18 * rain + 2.5 * clay - 0.09 * temperature - 0.22 * days + rng.normal(0, 0.25, n)
    return np.column_stack([rain, temperature, clay, days]), 1 / (1 + np.exp(-wet))


def build(width: int = 32) -> tf.keras.Model:
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(4,)),
            tf.keras.layers.Dense(width, activation="sigmoid"),
            tf.keras.layers.Dense(width, activation="relu"),
            tf.keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
    return model


def main() -> None:
    x_train, y_train = measure(2000, seed=1)
    x_val, y_val = measure(500, seed=2)
    scaler = StandardScaler().fit(x_train)
    x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)
    model = build()
    model.fit(x_train, y_train, batch_size=50, epochs=30, validation_data=(x_val, y_val), verbose=0)
    print(f"R2 {r2_score(y_val, model.predict(x_val, verbose=0)[:, 0]):.3f}")


if __name__ == "__main__":
    main()
