"""Binary classifier on generated counts. Should I have one output or two?"""
import keras
from keras.layers import Activation, Dense
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import train_test_split

X, y = make_multilabel_classification(n_samples=1000, n_features=4, n_classes=1, random_state=11)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=21)

model = keras.Sequential()
model.add(Dense(10, input_dim=4))
model.add(Activation('relu'))
for units in (20, 30, 40, 50):
    model.add(Dense(units))
    model.add(Activation('relu'))
model.add(Dense(1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])

history = model.fit(X_train, y_train, epochs=50, batch_size=10, validation_split=0.1, verbose=0)
print('train loss', history.history['loss'][-1], 'train accuracy', history.history['accuracy'][-1])

test_loss, test_accuracy = model.evaluate(X_test, y_test, verbose=0)
print('test loss', test_loss, 'test accuracy', test_accuracy)
