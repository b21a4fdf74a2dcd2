"""Neural network on iris: it gets stuck at about two thirds although every tutorial reaches 95 %."""

from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tensorflow import keras

iris = datasets.load_iris()
X = iris["data"]
y = iris["target"]

Y = OneHotEncoder().fit_transform(y[:, None]).toarray()

scaler = StandardScaler()
X_scaled = scaler.fit_transform(X)

X_train, X_test, Y_train, Y_test = train_test_split(X_scaled, Y, test_size=0.5, random_state=2)
X_train, X_test, y_train, y_test = train_test_split(X, Y, test_size=0.5, random_state=2)

n_features = X.shape[1]
n_classes = Y.shape[1]


def create_model(nodes=4):
    model = keras.Sequential(name="iris_model")
    model.add(keras.layers.Dense(nodes, input_dim=n_features, kernel_initializer="normal"))
    model.add(keras.layers.Activation("relu"))
    model.add(keras.layers.Dense(n_classes, kernel_initializer="normal"))
    model.add(keras.layers.Activation("sigmoid"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


model = create_model()
history = model.fit(X_train, y_train, batch_size=5, epochs=50, verbose=0, validation_data=(X_test, y_test))
score = model.evaluate(X_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
