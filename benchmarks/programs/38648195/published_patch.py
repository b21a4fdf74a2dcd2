"""Multi-label toy problem: the loss stops falling early and most rows get a single label only."""
import numpy as np
from keras.layers import Activation, Dense, Dropout
from keras.models import Sequential
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import train_test_split

n_samples = 5000
n_features = 20
n_classes = 3

X, y = make_multilabel_classification(n_samples=n_samples, n_features=n_features,
                                      n_classes=n_classes, random_state=4)
x_train, x_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=1)

model = Sequential()
model.add(Dense(20, input_dim=n_features))
model.add(Activation('relu'))
model.add(Dropout(0.5))
model.add(Dense(20))
model.add(Activation('relu'))
model.add(Dropout(0.5))
model.add(Dense(n_classes))
model.add(Activation('sigmoid'))

model.compile(loss='binary_crossentropy', optimizer='sgd', metrics=['accuracy'])
model.fit(x_train, y_train, epochs=20, batch_size=20, verbose=0,
          validation_data=(x_val, y_val))

probabilities = model.predict(x_val, verbose=0)
predicted = (probabilities > 0.5).astype(int)
print('validation loss, accuracy:', model.evaluate(x_val, y_val, verbose=0))
print('labels per row: true', y_val.sum(axis=1).mean(), 'predicted', predicted.sum(axis=1).mean())
print('right per label:', np.mean(predicted == y_val, axis=0))
