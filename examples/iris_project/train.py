"""Iris flowers; the network lives in a module of its own. After 50 epochs it still guesses."""

from network import make_network
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

iris = load_iris()
X_train, X_test, y_train, y_test = train_test_split(
    iris.data, iris.target, test_size=0.3, random_state=0, stratify=iris.target
)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

network = make_network(inputs=4, classes=3)
network.fit(X_train, y_train, epochs=50, batch_size=8, validation_data=(X_test, y_test), verbose=2)
network.save_weights("iris.weights.h5")
print(dict(zip(network.metrics_names, network.evaluate(X_test, y_test, verbose=0))))
