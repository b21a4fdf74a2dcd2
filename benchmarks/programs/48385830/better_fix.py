"""MNIST with one hidden layer, after a book that does it in plain numpy. The loss is nan at once."""
import keras
import numpy as np
from sklearn.datasets import load_digits

EPOCHS = 30
BATCH_SIZE = 10
LEARNING_RATE = 0.1


def vectorized(labels):
    return np.eye(10, dtype='float32')[labels]


def load_data():
    digits = load_digits()
    images = np.kron(digits.images, np.ones((1, 3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))) * (255 / 16)
    order = np.random.default_rng(30).permutation(len(images))
    x = images[order].reshape(-1, 784).astype('float32') / 255
    y = vectorized(digits.target[order])
    return (x[:1397], y[:1397]), (x[1397:], y[1397:])


(training_data, training_labels), (test_data, test_labels) = load_data()

model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(30, activation='sigmoid'))
model.add(keras.layers.Dense(10, activation='softmax'))
model.compile(optimizer=keras.optimizers.SGD(learning_rate=LEARNING_RATE),
              loss='categorical_crossentropy',
              metrics=['accuracy'])

model.fit(training_data, training_labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)

loss, accuracy = model.evaluate(test_data, test_labels, verbose=0)
print('loss', loss, 'accuracy', accuracy)
