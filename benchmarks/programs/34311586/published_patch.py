"""XOR, the hello world of neural networks. Whatever I feed it, the answer is 1."""
import numpy as np
from keras.layers import Activation, Dense
from keras.models import Sequential
from keras.optimizers import SGD

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 0], [1, 1]], dtype='float32')
y = np.array([[0], [1], [1], [0], [0], [0]], dtype='float32')

model = Sequential()
model.add(Dense(2, input_dim=2, kernel_initializer='random_uniform'))
model.add(Activation('sigmoid'))
model.add(Dense(3, kernel_initializer='random_uniform'))
model.add(Activation('sigmoid'))
model.add(Dense(1, kernel_initializer='random_uniform'))
model.add(Activation('sigmoid'))

sgd = SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
model.compile(loss='mean_squared_error', optimizer=sgd)
model.fit(x, y, epochs=3000, batch_size=4, verbose=0)

print('loss:', model.evaluate(x, y, verbose=0))
print(model.predict(x, verbose=0))
