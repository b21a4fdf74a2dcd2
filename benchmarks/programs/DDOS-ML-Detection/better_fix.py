"""Normal traffic and four kinds of DDoS attacks. The validation accuracy is flat near 0.9: everything is called normal."""

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler
from tensorflow import keras
from tensorflow.keras.layers import Dense, Dropout

ROWS = 20000
ATTACKS = ["Normal", "UDP-Flood", "Smurf", "SIDDOS", "HTTP-FLOOD"]


def load_traffic():
    """One row per packet: addresses and ids, nominal codes, counters, rates and times, and the kind of traffic."""
    rng = np.random.default_rng(7)
    label = rng.choice(5, size=ROWS, p=[0.896, 0.042, 0.03, 0.018, 0.014])

    def by_class(*values, spread):
        return np.array(values)[label] * np.exp(rng.normal(0, spread, ROWS))

    def code(*shares):
        chances = np.array(shares).cumsum(axis=1)[label]
        return (rng.random(ROWS)[:, None] > chances[:, :-1]).sum(axis=1)

    packets = by_class(900, 9000, 4000, 2500, 1500, spread=0.8)
    size = by_class(900, 1500, 400, 700, 60, spread=0.35)
    start = rng.uniform(0, 40, ROWS)
    delay = by_class(0.02, 0.08, 0.05, 0.2, 0.03, spread=0.6)
    frame = pd.DataFrame({
        "SRC_ADD": rng.integers(0, 25, ROWS) + rng.integers(0, 9, ROWS) / 10,
        "DES_ADD": rng.integers(0, 25, ROWS) + rng.integers(0, 9, ROWS) / 10,
        "PKT_ID": rng.integers(1, 6_000_000, ROWS),
        "FROM_NODE": rng.integers(0, 25, ROWS),
        "TO_NODE": rng.integers(0, 25, ROWS),
        "PKT_TYPE": code([0.5, 0.3, 0.15, 0.05], [0.1, 0.85, 0.0, 0.05], [0.05, 0.05, 0.0, 0.9],
                         [0.85, 0.05, 0.05, 0.05], [0.9, 0.0, 0.1, 0.0]),
        "PKT_SIZE": size,
        "FLAGS": code([0.7, 0.2, 0.1], [0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]),
        "FID": rng.integers(0, 200, ROWS),
        "SEQ_NUMBER": rng.integers(0, 45_000, ROWS),
        "NUMBER_OF_PKT": packets,
        "NUMBER_OF_BYTE": packets * size,
        "NODE_NAME_FROM": rng.integers(0, 12, ROWS),
        "NODE_NAME_TO": rng.integers(0, 12, ROWS),
        "PKT_IN": start + delay * rng.uniform(0.1, 0.4, ROWS),
        "PKT_OUT": start + delay * rng.uniform(0.4, 0.8, ROWS),
        "PKT_R": start + delay,
        "PKT_DELAY_NODE": delay * rng.uniform(0.0, 0.2, ROWS),
        "PKT_RATE": by_class(330, 1200, 800, 250, 450, spread=0.4),
        "BYTE_RATE": by_class(330_000, 1_800_000, 500_000, 200_000, 90_000, spread=0.4),
        "PKT_AVG_SIZE": size * np.exp(rng.normal(0, 0.1, ROWS)),
        "UTILIZATION": np.clip(by_class(0.3, 0.9, 0.6, 0.35, 0.3, spread=0.3), 0, 1),
        "PKT_DELAY": delay,
        "PKT_SEND_TIME": start,
        "PKT_RESEVED_TIME": start + delay,
        "FIRST_PKT_SENT": rng.uniform(0, 2, ROWS),
        "LAST_PKT_RESEVED": rng.uniform(40, 50, ROWS),
    })
    return frame, label


frame, y = load_traffic()

frame = frame.drop(columns=["SRC_ADD", "DES_ADD", "PKT_ID", "FROM_NODE", "TO_NODE", "FID", "SEQ_NUMBER"])
nominal = ["PKT_TYPE", "FLAGS", "NODE_NAME_FROM", "NODE_NAME_TO"]
numeric = frame.columns.difference(nominal, sort=False)
frame[numeric] = StandardScaler().fit_transform(frame[numeric])
x = pd.get_dummies(frame, columns=nominal).values.astype("float32")
print("features", x.shape, "attacks", np.bincount(y))

for label in y:
    if label != 0:
        y[label] = 1

y = keras.utils.to_categorical(y, len(ATTACKS))

model = keras.models.Sequential()
model.add(keras.layers.Input((x.shape[1],)))
model.add(Dense(22, activation="relu", kernel_initializer="uniform"))
model.add(Dropout(0.1))
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.1))
model.add(Dense(128, activation="relu"))
model.add(Dropout(0.1))
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.1))
model.add(Dense(5, activation="softmax"))

model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x, y, epochs=2, validation_split=0.1, verbose=2)

print("validation loss", history.history["val_loss"][-1])
print("validation accuracy", history.history["val_accuracy"][-1])
