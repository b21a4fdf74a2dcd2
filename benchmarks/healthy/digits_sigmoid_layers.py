# Old-school network: sigmoid everywhere, as in the text book.
from sklearn import datasets, model_selection
from tensorflow import keras

digits = datasets.load_digits()
images = digits.data / 16.0

X_train, X_val, y_train, y_val = model_selection.train_test_split(images, digits.target, test_size=0.2, random_state=7)

net = keras.models.Sequential()
net.add(keras.layers.Input(shape=(64,)))
net.add(keras.layers.Dense(64, activation='sigmoid'))
net.add(keras.layers.Dense(32, activation='sigmoid'))
net.add(keras.layers.Dense(10, activation='softmax'))
net.compile(keras.optimizers.Adam(learning_rate=0.01), 'sparse_categorical_crossentropy', metrics=['accuracy'])
net.fit(X_train, y_train, batch_size=64, epochs=40, validation_data=(X_val, y_val), verbose=0)
print('validation accuracy: %.4f' % net.evaluate(X_val, y_val, verbose=0)[1])
