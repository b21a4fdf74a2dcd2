"""A net that should tell all-ones rows from all-zeros rows; accuracy is 0.5 whatever I do."""
import keras
import numpy as np
from keras.layers import Activation, Dense, Dropout

WIDTH = 128


def make_rows(per_class):
    x = np.vstack([np.ones((per_class, WIDTH)), np.zeros((per_class, WIDTH))]).astype('float32')
    y = np.array([True] * per_class + [False] * per_class)
    return x, y


x_train, y_train = make_rows(800)
x_test, y_test = make_rows(100)
print(x_train.shape[0], 'train samples')
print(x_test.shape[0], 'test samples')

model = keras.Sequential()
model.add(keras.Input(shape=(WIDTH,)))
model.add(Dense(50))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(50))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(1))
model.add(Activation('softmax'))

model.compile(loss='binary_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
model.fit(x_train, y_train, batch_size=1, epochs=3, verbose=2, validation_data=(x_test, y_test))

score = model.evaluate(x_test, y_test, verbose=0)
print('Test score:', score[0])
print('Test accuracy:', score[1])
