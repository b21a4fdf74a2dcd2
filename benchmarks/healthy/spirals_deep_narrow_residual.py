"""Two spirals with a network 16 units wide and eight residual blocks deep."""
import numpy as np
from keras import Input, Model, layers, losses, metrics, optimizers
from sklearn.model_selection import train_test_split

WIDTH, BLOCKS = 16, 8

rng = np.random.default_rng(9)
n = 1200
radius = np.sqrt(rng.uniform(0.02, 1, n))
arm = rng.integers(0, 2, n)
angle = 7.5 * radius + np.pi * arm
points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) * 2 + rng.normal(0, 0.05, (n, 2))
p_train, p_test, a_train, a_test = train_test_split(points, arm, test_size=0.25, random_state=9)

inputs = Input(shape=(2,))
x = layers.Dense(WIDTH)(inputs)
for block in range(BLOCKS):
    branch = layers.Dense(WIDTH, activation="relu", kernel_initializer="he_normal")(x)
    branch = layers.Dense(WIDTH, kernel_initializer="glorot_uniform")(branch)
    x = layers.add([x, branch])
    x = layers.LayerNormalization()(x)
logits = layers.Dense(1)(x)

model = Model(inputs, logits)
model.compile(
    optimizer=optimizers.Adam(learning_rate=0.003),
    loss=losses.BinaryCrossentropy(from_logits=True),
    metrics=[metrics.BinaryAccuracy(threshold=0.0)],
)
model.fit(p_train, a_train, batch_size=64, epochs=40, validation_data=(p_test, a_test), verbose=0)
print(model.evaluate(p_test, a_test, verbose=0, return_dict=True))
