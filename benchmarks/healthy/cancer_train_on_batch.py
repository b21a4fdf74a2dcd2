# Old-fashioned loop with train_on_batch and test_on_batch
import numpy as np
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.optimizers import SGD
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle

data = load_breast_cancer()
X, y = shuffle(data.data, data.target, random_state=30)
n_train = 420
ss = StandardScaler().fit(X[:n_train])
X_train, X_test = ss.transform(X[:n_train]), ss.transform(X[n_train:])
y_train, y_test = y[:n_train].reshape(-1, 1), y[n_train:].reshape(-1, 1)

model = Sequential([Input((30,)), Dense(20, activation='relu'), Dense(1, activation='sigmoid')])
model.compile(loss='binary_crossentropy', optimizer=SGD(learning_rate=0.05, momentum=0.9, nesterov=True), metrics=['accuracy'])

batch_size = 20
for epoch in range(30):
    order = np.random.permutation(n_train)
    for start in range(0, n_train, batch_size):
        rows = order[start:start + batch_size]
        loss, acc = model.train_on_batch(X_train[rows], y_train[rows])
    if (epoch + 1) % 10 == 0:
        print(epoch + 1, 'train', loss, acc, 'test', model.test_on_batch(X_test, y_test))

p = model.predict(X_test, verbose=0)
print('test accuracy', ((p > 0.5) == y_test).mean())
