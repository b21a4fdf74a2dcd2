"""Mixup in a train_step of one's own: every batch is blended with itself in another order."""
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits


class Mixup(keras.Model):
    """Functional model whose training step blends rows and labels."""

    def train_step(self, data):
        x, y = data
        share = tf.random.uniform((), 0.0, 0.3)
        other = tf.random.shuffle(tf.range(tf.shape(x)[0]))
        x = (1 - share) * x + share * tf.gather(x, other)
        y = (1 - share) * y + share * tf.gather(y, other)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


digits = load_digits()
rng = np.random.default_rng(14)
order = rng.permutation(len(digits.images))
pictures = digits.images[order, :, :, None].astype("float32") / 16
onehot = keras.utils.to_categorical(digits.target[order], 10)

inputs = keras.Input((8, 8, 1))
x = layers.Conv2D(16, 3, activation="relu", padding="same")(inputs)
x = layers.Conv2D(32, 3, activation="relu", padding="same", strides=2)(x)
x = layers.Flatten()(x)
x = layers.Dense(48, activation="relu")(x)
outputs = layers.Dense(10, activation="softmax")(x)

model = Mixup(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(0.002), loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(
    pictures[:1400], onehot[:1400], epochs=15, batch_size=32, validation_data=(pictures[1400:], onehot[1400:]), verbose=2
)
