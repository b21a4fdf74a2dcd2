"""Teach a network to average two numbers."""
import numpy as np
from keras.layers import Dense, Input
from keras.models import Sequential

NUM_PAIRS = 5000

rng = np.random.default_rng(2022)
pairs = rng.integers(0, 101, size=(NUM_PAIRS, 2))
averages = pairs.mean(axis=1)

inputs = pairs / 100
outputs = averages / 100

model = Sequential()
model.add(Input(shape=(2,)))
model.add(Dense(2))
model.add(Dense(1))
model.compile(optimizer='rmsprop', loss='mean_squared_error', metrics=['accuracy'])
model.fit(inputs, outputs, epochs=10, batch_size=10, verbose=2)

questions = np.array([[10, 20], [0, 100], [75, 25], [99, 97]])
answers = model.predict(questions / 100, verbose=0) * 100
for (a, b), answer in zip(questions, answers):
    print(f'({a} + {b}) / 2 = {(a + b) / 2}, network: {answer[0]:.2f}')
print('loss', model.evaluate(inputs, outputs, verbose=0)[0])
