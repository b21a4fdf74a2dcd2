"""Digits through a tf.data pipeline. The cross-entropy is high from the start and accuracy crawls around chance."""

import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

config = {"classes": 10, "hidden": 64, "batch": 32, "epochs": 15}

data, target = load_digits(return_X_y=True)
data = (data / 16.0).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(data, target, test_size=0.2, random_state=3)


def dataset(x, y, training):
    y = tf.one_hot(y, config["classes"])
    ds = tf.data.Dataset.from_tensor_slices((x, y))
    if training:
        ds = ds.shuffle(len(x))
    return ds.batch(config["batch"]).prefetch(tf.data.AUTOTUNE)


train_ds = dataset(x_train, y_train, training=True)
test_ds = dataset(x_test, y_test, training=False)

model = tf.keras.Sequential(
    [
        tf.keras.Input(shape=(64,)),
        tf.keras.layers.Dense(config["hidden"], activation="relu"),
        tf.keras.layers.Dense(config["hidden"], activation="relu"),
        tf.keras.layers.Dense(config["classes"], activation="relu"),
    ]
)
model.compile(
    optimizer=tf.keras.optimizers.SGD(learning_rate=0.1, momentum=0.9),
    loss=tf.keras.losses.CategoricalCrossentropy(),
    metrics=["accuracy"],
)
model.fit(train_ds, validation_data=test_ds, epochs=config["epochs"])
