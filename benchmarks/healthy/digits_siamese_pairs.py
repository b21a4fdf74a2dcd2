"""Same digit or not? Two pictures go through one shared network; the distance between them decides."""
import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

rng = np.random.default_rng(88)
pictures, digit = load_digits(return_X_y=True)
order = rng.permutation(len(digit))
pictures, digit = pictures[order].astype("float32") / 16, digit[order]
of_digit = [np.flatnonzero(digit[:1400] == d) for d in range(10)]
of_digit_test = [1400 + np.flatnonzero(digit[1400:] == d) for d in range(10)]


def pairs(pools, n):
    same = rng.integers(0, 2, n)
    first = rng.integers(0, 10, n)
    second = np.where(same, first, (first + rng.integers(1, 10, n)) % 10)
    left = np.array([rng.choice(pools[d]) for d in first])
    right = np.array([rng.choice(pools[d]) for d in second])
    return [pictures[left], pictures[right]], same.astype("float32")


train_x, train_y = pairs(of_digit, 10000)
test_x, test_y = pairs(of_digit_test, 1000)

embed = keras.Sequential(
    [layers.Input((64,)), layers.Dropout(0.1), layers.Dense(96, activation="relu"), layers.Dense(24)],  # the last: a place
    name="embed",
)
left, right = keras.Input((64,), name="left"), keras.Input((64,), name="right")
difference = layers.Subtract()([embed(left), embed(right)])
squared = layers.Lambda(ops.square, output_shape=(24,))(difference)
answer = layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")(squared)

model = keras.Model([left, right], answer)
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(train_x, train_y, batch_size=100, epochs=15, validation_data=(test_x, test_y), verbose=0)
print("pairs told apart: %.3f" % model.evaluate(test_x, test_y, verbose=0)[1])
