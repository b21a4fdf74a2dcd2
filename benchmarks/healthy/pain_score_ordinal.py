"""Ordinal labels 0..4 as four yes/no questions: is it more than 0? more than 1? ..."""
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow.keras import Sequential, layers, optimizers

LEVELS = 5

gen = np.random.default_rng(27)
raw = gen.normal(size=(2400, 8)) * [1, 4, 10, 0.5, 1, 1, 20, 1] + [0, 37, 80, 1, 0, 0, 120, 5]
z = (raw - raw.mean(0)) / raw.std(0)
severity = 1.3 * z[:, 0] + z[:, 1] ** 2 - z[:, 2] * z[:, 3] + 0.8 * z[:, 6] + gen.normal(0, 0.35, len(z))
level = np.digitize(severity, np.quantile(severity, [0.2, 0.4, 0.6, 0.8]))


def thermometer(k):
    """3 becomes 1 1 1 0."""
    return (k[:, None] > np.arange(LEVELS - 1)).astype('float32')


X_train, X_test, k_train, k_test = train_test_split(raw, level, test_size=0.25, random_state=27)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

model = Sequential([
    layers.Input((8,)),
    layers.Dense(48, activation='elu'),
    layers.Dense(48, activation='elu'),
    layers.Dense(LEVELS - 1, activation='sigmoid'),
])
model.compile(optimizer=optimizers.Adam(learning_rate=3e-3), loss='binary_crossentropy', metrics=['binary_accuracy'])
model.fit(X_train, thermometer(k_train), batch_size=32, epochs=35,
          validation_data=(X_test, thermometer(k_test)), verbose=0)

guess = (model.predict(X_test, verbose=0) > 0.5).sum(axis=1)
print('exact: %.3f   off by one at most: %.3f' % ((guess == k_test).mean(), (abs(guess - k_test) <= 1).mean()))
