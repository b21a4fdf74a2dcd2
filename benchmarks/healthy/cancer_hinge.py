"""A maximum-margin classifier: labels -1 and +1, hinge loss, tanh at the end."""
import keras
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

features, target = load_breast_cancer(return_X_y=True)
labels = np.where(target == 1, 1.0, -1.0).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(features, labels, test_size=0.2, stratify=labels, random_state=1)
scaler = StandardScaler().fit(x_train)

model = keras.Sequential(
    [
        keras.layers.Input((30,)),
        keras.layers.Dense(20, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
        keras.layers.Dense(1, activation="tanh"),
    ]
)
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss=keras.losses.Hinge())
history = model.fit(scaler.transform(x_train), y_train, batch_size=32, epochs=40, verbose=0)

margin = model.predict(scaler.transform(x_test), verbose=0).ravel()
print("hinge loss", round(history.history["loss"][-1], 4))
print("accuracy  ", round(float(np.mean(np.sign(margin) == y_test)), 4))
