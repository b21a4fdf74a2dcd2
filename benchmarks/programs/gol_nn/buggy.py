"""Learn one step of the Game of Life on a tiny torus. The predicted boards are often wrong."""
import keras
import numpy as np
from keras.layers import Activation, Conv2D

SIZE = 3
N_TRAIN = 8000
N_TEST = 2000


def step(boards):
    neighbours = sum(np.roll(boards, (dy, dx), axis=(1, 2))
                     for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))
    return ((neighbours == 3) | ((boards == 1) & (neighbours == 2))).astype('float32')


def make_dataset(rng, n):
    boards = rng.integers(0, 2, size=(n, SIZE, SIZE)).astype('float32')
    wrapped = np.pad(boards, ((0, 0), (1, 1), (1, 1)), mode='wrap')
    return wrapped[..., np.newaxis], step(boards)[..., np.newaxis]


def build_model():
    model = keras.Sequential([keras.Input(shape=(SIZE + 2, SIZE + 2, 1))])
    model.add(Conv2D(10, (3, 3), padding='valid'))
    model.add(Activation('relu'))
    model.add(Conv2D(20, (1, 1), padding='same'))
    model.add(Activation('relu'))
    model.add(Conv2D(1, (1, 1), padding='same'))
    model.add(Activation('sigmoid'))
    model.compile(loss='binary_crossentropy',
                  optimizer=keras.optimizers.Adam(learning_rate=0.001), metrics=['accuracy'])
    return model


if __name__ == '__main__':
    rng = np.random.default_rng(42)
    x_train, y_train = make_dataset(rng, N_TRAIN)
    x_test, y_test = make_dataset(rng, N_TEST)

    model = build_model()
    model.fit(x_train, y_train, batch_size=64, epochs=2, verbose=2, validation_data=(x_test, y_test))

    predicted = model.predict(x_test, verbose=0) > 0.5
    print('loss', model.evaluate(x_test, y_test, verbose=0))
    print('boards fully right:', np.mean(np.all(predicted == y_test, axis=(1, 2, 3))))
