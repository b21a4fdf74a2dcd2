# Iris classification with a small network. It predicts the same thing for every flower:
# accuracy around 0.33 even after 200 epochs.
from sklearn.datasets import load_iris
from sklearn.preprocessing import LabelEncoder
from tensorflow.keras.layers import Activation, Dense, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.utils import to_categorical

iris = load_iris()
X = iris.data.astype(float)
names = iris.target_names[iris.target]

encoder = LabelEncoder()
encoder.fit(names)
dummy_y = to_categorical(encoder.transform(names))


def baseline_model():
    model = Sequential()
    model.add(Input(shape=(4,)))
    model.add(Dense(4, kernel_initializer="normal"))
    model.add(Activation("relu"))
    model.add(Dense(3, kernel_initializer="normal"))
    model.add(Activation("sigmoid"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


model = baseline_model()
model.fit(X, dummy_y, epochs=200, batch_size=5, verbose=0)
loss, accuracy = model.evaluate(X, dummy_y, verbose=0)
print("Baseline: loss %.4f, accuracy %.2f%%" % (loss, accuracy * 100))
