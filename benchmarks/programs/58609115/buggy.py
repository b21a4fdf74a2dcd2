"""Map a number to the code of its size and first digit. The loss starts in the thousands and accuracy stays tiny."""
import numpy as np
import pandas as pd
from keras.layers import Activation, Dense, Input
from keras.models import Sequential
from keras.utils import to_categorical
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder


def code(number):
    text = str(number)
    if len(text) == 1:
        return 0
    return int(text[0]) + 10 ** (len(text) - 2)


rng = np.random.default_rng(78)
numbers = (10 ** rng.uniform(0.7, np.log10(6e8), size=2209)).astype('int64')
dataset = pd.DataFrame({'number': numbers, 'code': [code(n) for n in numbers]})

X = dataset[['number']].values.astype('float32')
labels = LabelEncoder().fit_transform(dataset['code'])
Y = to_categorical(labels)
X_train, X_test, y_train, y_test = train_test_split(X, Y, test_size=0.2, random_state=0)

n_classes = Y.shape[1]
classifier = Sequential()
classifier.add(Input(shape=(X.shape[1],)))
classifier.add(Dense(69, kernel_initializer='random_normal'))
classifier.add(Activation('relu'))
classifier.add(Dense(69, kernel_initializer='random_normal'))
classifier.add(Activation('relu'))
classifier.add(Dense(n_classes, kernel_initializer='random_normal'))
classifier.add(Activation('softmax'))

classifier.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])
classifier.fit(X_train, y_train, batch_size=50, epochs=10, verbose=2)

print('classes:', n_classes)
print('test loss and accuracy:', classifier.evaluate(X_test, y_test, verbose=0))
