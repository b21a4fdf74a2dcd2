# Digits straight from scikit-learn: grey levels 0..16 go in as they are.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.utils import to_categorical

digits = load_digits()
X = digits.data.astype('float32')
Y = to_categorical(digits.target, 10)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.25, random_state=42)
print(X_train.shape, Y_train.shape, X_train.max())

model = Sequential()
model.add(Input(shape=(64,)))
model.add(Dense(96, activation='relu', kernel_initializer='he_normal'))
model.add(Dense(48, activation='relu', kernel_initializer='he_normal'))
model.add(Dense(10, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer=Adam(learning_rate=0.001), metrics=['accuracy'])

history = model.fit(X_train, Y_train, batch_size=32, epochs=25, validation_data=(X_test, Y_test), verbose=2)
score = model.evaluate(X_test, Y_test, verbose=0)
print('Test loss:', score[0])
print('Test accuracy:', score[1])
