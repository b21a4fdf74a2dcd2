"""Two kinds of small colour pictures, four convolutions: it hardly gets better than guessing."""
import numpy as np
from tensorflow import keras
from tensorflow.keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, RandomFlip
from tensorflow.keras.models import Sequential

img_rows, img_cols, channels = 64, 64, 3
nb_classes = 2
nb_epoch = 10
batch_size = 10


def draw_pictures(rng, n):
    labels = rng.integers(0, 2, size=n)
    coarse = rng.integers(60, 140, size=(n, 8, 8, channels))
    pictures = np.kron(coarse, np.ones((1, 8, 8, 1))) + rng.normal(0, 12, size=(n, img_rows, img_cols, channels))
    for picture, label in zip(pictures, labels):
        for _ in range(25):
            row, col = rng.integers(2, 57, size=2)
            as_cross = rng.random() < (0.95 if label else 0.05)
            for i in range(5):
                if as_cross:
                    picture[row + i, [col + i, col + 4 - i]] += 80
                else:
                    picture[row + 2, col + i] += 80
                    picture[row + i, col + 2] += 80
    return np.clip(pictures, 0, 255).astype('uint8'), labels


rng = np.random.default_rng(64)
x_train, y_train = draw_pictures(rng, 400)
x_test, y_test = draw_pictures(rng, 200)
X_train = x_train.astype('float32') / 255
X_test = x_test.astype('float32') / 255
Y_train = keras.utils.to_categorical(y_train, nb_classes)
Y_test = keras.utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(keras.Input(shape=(img_rows, img_cols, channels)))
model.add(RandomFlip('horizontal'))
model.add(Conv2D(16, (3, 3)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Conv2D(32, (3, 3)))
model.add(Activation('relu'))
model.add(Conv2D(32, (3, 3)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Conv2D(32, (3, 3)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dropout(0.25))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))

model.compile(loss='categorical_crossentropy',
              optimizer=keras.optimizers.Adadelta(learning_rate=1.0),
              metrics=['accuracy'])

model.fit(X_train, Y_train, batch_size=batch_size, epochs=nb_epoch,
          verbose=2, validation_data=(X_test, Y_test))

score = model.evaluate(X_test, Y_test, verbose=0)
print('Test loss:', score[0])
print('Test accuracy:', score[1])
