"""How far has diabetes progressed after a year? A score from 25 to 346, and the loss stays at 29,000.

Two things are wrong here.
"""

import keras
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split


def load():
    x, y = load_diabetes(return_X_y=True)
    return train_test_split(x, y, test_size=0.2, random_state=1)


def build_model(width=32):
    model = keras.Sequential()
    model.add(layers.Input((10,)))
    model.add(layers.Dense(width, activation="relu"))
    model.add(layers.Dense(width, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=1e-3), loss="mse", metrics=["mae"])
    return model


def main():
    x_train, x_test, y_train, y_test = load()
    model = build_model()
    log = keras.callbacks.CSVLogger("diabetes_log.csv")
    model.fit(x_train, y_train, epochs=20, batch_size=16, validation_data=(x_test, y_test), callbacks=[log], verbose=0)
    predictions = model.predict(x_test, verbose=0).ravel()
    print("R2 on the test set: %.3f" % r2_score(y_test, predictions))
    model.save("diabetes.keras")


if __name__ == "__main__":
    main()
