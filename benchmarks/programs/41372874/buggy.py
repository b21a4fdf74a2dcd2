"""Will the sine go up? Accuracy is 1.0 from the first epoch, which cannot be right."""
import numpy as np
from keras.layers import Activation, Dense
from keras.models import Sequential
from sklearn.model_selection import train_test_split

# value, value before, class
rows = np.array([[np.sin(k), np.sin(k - 1), 1] for k in range(1, 300)])
X = rows[:, 0:2]
y = rows[:, 2]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

classifier = Sequential()
classifier.add(Dense(units=2, kernel_initializer='random_uniform', input_dim=2))
classifier.add(Activation('relu'))
classifier.add(Dense(units=2, kernel_initializer='random_uniform'))
classifier.add(Activation('relu'))
classifier.add(Dense(units=1, kernel_initializer='random_uniform'))
classifier.add(Activation('sigmoid'))
classifier.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])

classifier.fit(X_train, y_train, batch_size=2, epochs=20, verbose=2)

y_pred = classifier.predict(X_test, verbose=0) > 0.5
print('right on test rows:', np.mean(y_pred[:, 0] == y_test))
