# Four pen gestures (circle left, circle right, zigzag, line) as 20 steps of (dx, dy)
import keras
import numpy as np
from keras.layers import Dense, Input, SimpleRNN
from sklearn.model_selection import train_test_split

STEPS = 20
rng = np.random.default_rng(13)


def stroke(kind):
    turn = rng.uniform(0.22, 0.4)
    heading = rng.uniform(-0.7, 0.7)
    if kind == 0:
        heading = heading + turn * np.arange(STEPS)
    elif kind == 1:
        heading = heading - turn * np.arange(STEPS)
    elif kind == 2:
        heading = heading + np.where(np.arange(STEPS) // rng.integers(2, 5) % 2, 0.9, -0.9)
    else:
        heading = np.full(STEPS, heading)
    speed = rng.uniform(0.6, 1.4)
    move = speed * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    return move + rng.normal(0, 0.2, (STEPS, 2))


kinds = rng.integers(0, 4, 1600)
strokes = np.array([stroke(k) for k in kinds], dtype="float32")
s_train, s_test, k_train, k_test = train_test_split(strokes, kinds, test_size=0.25, random_state=13)

rnn = keras.Sequential([
    Input(shape=(STEPS, 2)),
    SimpleRNN(32, activation="tanh", recurrent_initializer="orthogonal"),
    Dense(4, activation="softmax"),
])
rnn.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.003, clipnorm=1.0),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
rnn.fit(s_train, k_train, batch_size=32, epochs=20, validation_data=(s_test, k_test), verbose=0)
print("test accuracy", rnn.evaluate(s_test, k_test, verbose=0)[1])
