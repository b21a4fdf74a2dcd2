"""Which of two candidates wins a county, from 16 columns of census data. Changing the inputs hardly moves the output."""

import keras
import numpy as np
from keras.layers import Activation, BatchNormalization, Dense, Dropout

COLUMNS = {
    # name: (mean, spread)
    "population": (90000, 1.2),
    "population_change": (1.5, None),
    "age_under_5": (6, 0.2),
    "age_under_18": (22.5, 0.15),
    "age_over_65": (17, 0.25),
    "female": (50, 0.03),
    "white": (78, 0.2),
    "black": (9, 1.0),
    "hispanic": (8, 1.0),
    "foreign_born": (4.5, 0.8),
    "bachelor": (20, 0.4),
    "veterans": (6500, 1.1),
    "home_value": (130000, 0.5),
    "income": (46000, 0.25),
    "persons_per_household": (2.5, 0.1),
    "density": (250, 1.4),
}


def load_counties(rows):
    rng = np.random.default_rng(17)
    x, y = [], []
    for _ in range(rows):
        z = rng.normal(size=len(COLUMNS))
        row = [
            mean + 2 * value if spread is None else mean * np.exp(spread * value)
            for value, (mean, spread) in zip(z, COLUMNS.values())
        ]
        x.append(row)
        y.append(int(z[10] + z[7] - z[4] + 0.5 * z[15] + 0.3 * rng.normal() > 0))
    return np.array(x), np.array(y)


X, winner = load_counties(9)
Y = keras.utils.to_categorical(winner, 2)

model = keras.Sequential()
model.add(keras.Input((X.shape[1],)))
model.add(BatchNormalization())
model.add(Dense(64, kernel_initializer="uniform"))
model.add(Activation("tanh"))
model.add(Dropout(0.5))
model.add(Dense(64, kernel_initializer="uniform"))
model.add(Activation("tanh"))
model.add(Dropout(0.5))
model.add(Dense(2, kernel_initializer="uniform"))
model.add(Activation("sigmoid"))

sgd = keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
model.compile(loss="binary_crossentropy", optimizer=sgd, metrics=["accuracy"])
model.fit(X, Y, epochs=20, batch_size=16, verbose=0)

loss, accuracy = model.evaluate(X, Y, verbose=0)
print("loss %.4f, accuracy %.4f" % (loss, accuracy))
print(model.predict(X, verbose=0).round(3))
