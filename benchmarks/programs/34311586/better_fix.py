"""XOR, the hello world of neural networks. Whatever I feed it, the answer is 1."""
import numpy as np
from keras.layers import Activation, Dense
from keras.models import Sequential
from keras.optimizers import Adam

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 0], [1, 1]], dtype='float32')
y = np.array([[0], [1], [1], [0], [0], [0]], dtype='float32')

model = Sequential()
model.add(Dense(4, input_dim=2, kernel_initializer='glorot_uniform'))
model.add(Activation('tanh'))
model.add(Dense(3, kernel_initializer='glorot_uniform'))
model.add(Activation('tanh'))
model.add(Dense(1, kernel_initializer='glorot_uniform'))
model.add(Activation('sigmoid'))

adam = Adam(learning_rate=0.05)
model.compile(loss='binary_crossentropy', optimizer=adam)
model.fit(x, y, epochs=500, verbose=0)

print('loss:', model.evaluate(x, y, verbose=0))
print(model.predict(x, verbose=0))
