"""Three sensor readings, one yes/no answer. The accuracy stops at 0.6154 and every row gets the same probability."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow import keras
from tensorflow.keras import layers

table = np.array(
    [[65, 66, 67, 0]] * 10
    + [[65, 66, 70, 0]] * 2
    + [[68, 69, 67, 1]]
    + [[68, 69, 70, 1]] * 7
)
X = table[:, 0:3].astype("float32")
Y = table[:, 3]
X = StandardScaler().fit_transform(X)

X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.33, random_state=4)
print("train", X_train.shape, "test", X_test.shape)


def create_model():
    model = keras.Sequential()
    model.add(layers.Input((3,)))
    model.add(layers.Dense(12, kernel_initializer="uniform"))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(3, kernel_initializer="uniform"))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(1, kernel_initializer="uniform"))
    model.add(layers.Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


model = create_model()
model.fit(X_train, Y_train, epochs=150, batch_size=10, validation_data=(X_test, Y_test), verbose=0)

scores = model.evaluate(X_train, Y_train, verbose=0)
print("train: loss %.4f, accuracy %.4f" % tuple(scores))
scores = model.evaluate(X_test, Y_test, verbose=0)
print("test:  loss %.4f, accuracy %.4f" % tuple(scores))
