# Iris classification with a small network. It predicts the same thing for every flower:
# accuracy around 0.33 even after 200 epochs.
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold
from sklearn.preprocessing import LabelEncoder, MinMaxScaler
from tensorflow.keras.layers import Activation, Dense, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.utils import to_categorical

iris = load_iris()
X = MinMaxScaler().fit_transform(iris.data.astype(float))
names = iris.target_names[iris.target]

encoder = LabelEncoder()
encoder.fit(names)
dummy_y = to_categorical(encoder.transform(names))


def baseline_model():
    model = Sequential()
    model.add(Input(shape=(4,)))
    model.add(Dense(4, kernel_initializer="normal"))
    model.add(Activation("relu"))
    model.add(Dense(8, kernel_initializer="normal"))
    model.add(Activation("relu"))
    model.add(Dense(3, kernel_initializer="normal"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


results = []
for train, test in KFold(n_splits=10, shuffle=True, random_state=7).split(X):
    model = baseline_model()
    model.fit(X[train], dummy_y[train], epochs=200, verbose=0)
    results.append(model.evaluate(X[test], dummy_y[test], verbose=0))
loss, accuracy = [sum(values) / len(results) for values in zip(*results)]
print("Baseline: loss %.4f, accuracy %.2f%%" % (loss, accuracy * 100))
