"""Three cultivars of wine from 13 chemical measurements, in the style of an old tutorial. It hardly beats guessing."""

import numpy as np
from keras.layers import Activation, Dense, Dropout
from keras.models import Sequential
from keras.utils import to_categorical
from sklearn.datasets import load_wine

np.random.seed(7)

EPOCHS = 40
BATCH_SIZE = 16

dataset = load_wine()
order = np.random.permutation(len(dataset.data))
features = dataset.data[order]
labels = to_categorical(dataset.target[order], 3)

model = Sequential()
model.add(Dense(16, input_dim=13))
model.add(Activation("tanh"))
model.add(Dropout(0.1))
model.add(Dense(3))
model.add(Activation("softmax"))

model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

history = model.fit(features, labels, epochs=EPOCHS, batch_size=BATCH_SIZE, validation_split=0.25, verbose=2)
print("best validation accuracy: %.3f" % max(history.history["val_accuracy"]))
