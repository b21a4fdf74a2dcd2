"""The deep MNIST tutorial rewritten in Keras. The loss turns into nan after a few steps."""
import keras
import numpy as np
from keras.initializers import Constant
from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Reshape
from sklearn.datasets import load_digits

BATCH_SIZE = 50
EPOCHS = 5


def read_data_sets():
    digits = load_digits()
    images = np.kron(digits.images / 16, np.ones((1, 3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype("float32")
    labels = keras.utils.to_categorical(digits.target, 10)
    order = np.random.default_rng(600).permutation(len(images))
    train, test = order[:1200], order[1200:1600]
    return images[train], labels[train], images[test], labels[test]


def conv_layer(model, filters):
    model.add(Conv2D(filters, (5, 5), padding="same", bias_initializer=Constant(0.1)))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(2, 2), padding="same"))


train_images, train_labels, test_images, test_labels = read_data_sets()

model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(Reshape((28, 28, 1)))
conv_layer(model, 32)
conv_layer(model, 64)
model.add(Reshape((1, 7 * 7 * 64)))
model.add(Dense(1024, bias_initializer=Constant(0.1)))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Flatten())
model.add(Dense(10))
model.add(Activation("softmax"))

model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(train_images, train_labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=2)

loss, accuracy = model.evaluate(test_images, test_labels, verbose=0)
print("test loss:", loss, "test accuracy:", accuracy)
