"""Residual network on digits; logits out, smoothed labels, cosine learning rate."""
import keras
from keras import layers, ops
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

WIDTH, BLOCKS, EPOCHS, BATCH = 64, 3, 25, 64


def residual_block(x):
    shortcut = x
    x = layers.LayerNormalization()(x)
    x = layers.Dense(WIDTH, activation="gelu")(x)
    x = layers.Dense(WIDTH)(x)
    return layers.Add()([x, shortcut])


images, target = load_digits(return_X_y=True)
one_hot = keras.utils.to_categorical(target)
x_train, x_test, y_train, y_test = train_test_split(images / 16.0, one_hot, test_size=0.25, random_state=11)

inputs = keras.Input((64,))
x = layers.Dense(WIDTH)(inputs)
for _ in range(BLOCKS):
    x = residual_block(x)
outputs = layers.Dense(10)(layers.LayerNormalization()(x))
model = keras.Model(inputs, outputs)

steps = EPOCHS * (len(x_train) // BATCH + 1)
model.compile(
    optimizer=keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
    loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    metrics=["accuracy"],
)
model.fit(x_train, y_train, epochs=EPOCHS, batch_size=BATCH, validation_data=(x_test, y_test), verbose=0)

probabilities = ops.softmax(model.predict(x_test, verbose=0))
print("held-out accuracy", float((probabilities.numpy().argmax(1) == y_test.argmax(1)).mean()))
