"""Digit tags with a wide dense network: after five epochs I am still well below what others report."""
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow import keras
from tensorflow.keras.layers import Activation, Dense, Dropout
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import SGD

NUM_CLASSES = 10
BATCH_SIZE = 50
EPOCHS = 5


def load_images():
    digits = load_digits()
    images = np.kron(digits.images, np.ones((1, 3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return (images * 255.0 / 16.0).astype('float32'), digits.target


images, labels = load_images()
X = images.reshape(-1, 784) / 255.0
Y = keras.utils.to_categorical(labels, NUM_CLASSES)
X_train, X_test, y_train, y_test = train_test_split(X, Y, test_size=297, random_state=7)
print(X_train.shape, y_train.shape)

model = Sequential()
model.add(Dense(5000, input_dim=X_train.shape[1]))
model.add(Activation('relu'))
model.add(Dropout(0.1))
model.add(Dense(600))
model.add(Activation('relu'))
model.add(Dropout(0.1))
model.add(Dense(NUM_CLASSES))
model.add(Activation('sigmoid'))

sgd = SGD(learning_rate=0.01, momentum=0.9, nesterov=True)
model.compile(loss='binary_crossentropy', optimizer=sgd, metrics=['accuracy'])

model.fit(X_train, y_train, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=2)

loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
print('test loss', loss)
print('test accuracy', accuracy)
