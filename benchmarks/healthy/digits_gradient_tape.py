"""A training loop written out, run eagerly: GradientTape, shuffled batches, accuracy counted by hand."""
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS = 10
BATCH = 64
LEARNING_RATE = 0.002

images, labels = load_digits(return_X_y=True)
images = (images / 16.0).astype("float32")
labels = labels.astype("int64")
x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.2, random_state=18)

model = tf.keras.Sequential(
    [
        tf.keras.layers.Input(shape=(64,)),
        tf.keras.layers.Dense(64, activation="relu"),
        tf.keras.layers.Dense(32, activation="relu"),
        tf.keras.layers.Dense(10),
    ]
)
optimizer = tf.keras.optimizers.Adam(learning_rate=LEARNING_RATE)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

batches = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(len(x_train), seed=18).batch(BATCH)
for epoch in range(EPOCHS):
    losses = []
    for x_batch, y_batch in batches:
        with tf.GradientTape() as tape:
            logits = model(x_batch, training=True)
            loss = loss_fn(y_batch, logits)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        losses.append(float(loss))
    guessed = tf.argmax(model(x_test, training=False), axis=1).numpy()
    print(f"epoch {epoch + 1:2d}  loss {np.mean(losses):.4f}  test accuracy {np.mean(guessed == y_test):.4f}")
