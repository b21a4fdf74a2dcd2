"""I want the gradient of the output with respect to the input, but it is zero everywhere."""
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(3)
x_train = rng.random((1000, 5, 1))
y_train = rng.random((1000, 5, 1))

model = keras.Sequential()
model.add(keras.Input(shape=(5, 1)))
model.add(layers.Dense(60))
model.add(layers.Activation('relu'))
model.add(layers.Dense(50))
model.add(layers.Activation('relu'))
model.add(layers.Dense(1))
model.add(layers.Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])

history = model.fit(x_train, y_train, epochs=5, batch_size=1, verbose=0)
print('loss', history.history['loss'])


def gradient_at(point):
    point = tf.Variable(point, dtype='float32')
    with tf.GradientTape() as tape:
        inputs = tf.broadcast_to(point, (1, 5))[..., tf.newaxis]
        outputs = model(inputs)
    return tape.gradient(outputs, point)


print('gradient', gradient_at(np.full((1, 5), 0.5)).numpy())
