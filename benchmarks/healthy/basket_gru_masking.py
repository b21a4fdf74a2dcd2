"""Will the customer come back? Histories of 3 to 15 purchases, padded with zeros and masked."""
import numpy as np
import tensorflow as tf
from sklearn.model_selection import train_test_split

MAX_LEN = 15
N = 2000

rng = np.random.RandomState(23)
histories = np.zeros((N, MAX_LEN, 2), dtype=np.float32)
returns = np.zeros(N, dtype=np.int32)
for i in range(N):
    length = rng.randint(3, MAX_LEN + 1)
    amount = rng.gamma(3.0, 1.0, length)
    gap = rng.exponential(1.0, length)
    histories[i, :length, 0] = amount / 3.0
    histories[i, :length, 1] = gap
    # what counts is the trend: the latest three purchases against all of them
    logit = 5.0 * (amount[-3:].mean() / amount.mean() - 1.0) - 4.0 * (gap[-3:].mean() - gap.mean())
    returns[i] = rng.rand() < 1.0 / (1.0 + np.exp(-2.5 * logit))

x_train, x_test, y_train, y_test = train_test_split(histories, returns, test_size=0.25, random_state=23)

model = tf.keras.models.Sequential([
    tf.keras.layers.Input(shape=(MAX_LEN, 2)),
    tf.keras.layers.Masking(mask_value=0.0),
    tf.keras.layers.GRU(24),
    tf.keras.layers.Dense(12, activation='relu'),
    tf.keras.layers.Dense(1, activation='sigmoid'),
])
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.005), loss='binary_crossentropy', metrics=['accuracy'])
model.fit(x_train, y_train, batch_size=64, epochs=20, validation_data=(x_test, y_test), verbose=2)
print('accuracy on new customers: %.3f' % model.evaluate(x_test, y_test, verbose=0)[1])
