"""Two moons; the network ends in a logit and the loss does the rest."""
import keras
import numpy as np
from sklearn.datasets import make_moons

points, side = make_moons(1000, noise=0.15, random_state=0)
train, test = slice(0, 800), slice(800, None)

model = keras.Sequential()
model.add(keras.Input((2,)))
for _ in range(3):
    model.add(keras.layers.Dense(16))
    model.add(keras.layers.LeakyReLU(negative_slope=0.1))
model.add(keras.layers.Dense(1))
model.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
)
model.fit(points[train], side[train], epochs=30, batch_size=32, validation_data=(points[test], side[test]), verbose=0)
logits = model.predict(points[test], verbose=0)[:, 0]
print("accuracy:", np.mean((logits > 0) == side[test]))
