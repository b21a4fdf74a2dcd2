# Learn to see on the digits 0-4, then reuse the frozen convolutions for 5-9.
import numpy as np
from sklearn.datasets import load_digits
from tensorflow.keras import layers, models, optimizers

digits = load_digits()
x = digits.images[..., np.newaxis] / 16.0
y = digits.target

shuffled = np.random.default_rng(3).permutation(len(y))
x, y = x[shuffled], y[shuffled]

low = y < 5
x_low, y_low = x[low], y[low]
x_high, y_high = x[~low], y[~low] - 5

base = models.Sequential([
    layers.Input(shape=(8, 8, 1)),
    layers.Conv2D(32, (3, 3), activation='relu', padding='same'),
    layers.Conv2D(32, (3, 3), activation='relu'),
    layers.MaxPooling2D((2, 2)),
    layers.Flatten(),
], name='features')

first = models.Sequential([base, layers.Dense(5, activation='softmax')])
first.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
first.fit(x_low, y_low, epochs=10, batch_size=32, verbose=0)

base.trainable = False
second = models.Sequential([base, layers.Dense(64, activation='relu'), layers.Dropout(0.25),
                            layers.Dense(5, activation='softmax')])
second.compile(optimizers.Adam(1e-3), 'sparse_categorical_crossentropy', metrics=['accuracy'])
second.fit(x_high[:700], y_high[:700], epochs=20, batch_size=32, validation_data=(x_high[700:], y_high[700:]), verbose=2)
print('new digits:', second.evaluate(x_high[700:], y_high[700:], verbose=0)[1])
