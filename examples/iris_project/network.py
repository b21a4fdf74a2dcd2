"""The network of the iris project."""

from tensorflow import keras
from tensorflow.keras.layers import Dense

LEARNING_RATE = 0.00001


def make_network(inputs: int, classes: int) -> keras.Model:
    """A small classifier, compiled."""
    network = keras.Sequential(name="iris")
    network.add(keras.Input(shape=(inputs,)))
    network.add(Dense(24, activation="relu"))
    network.add(Dense(24, activation="relu"))
    network.add(Dense(classes, activation="softmax"))
    network.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        metrics=["accuracy"],
    )
    return network
