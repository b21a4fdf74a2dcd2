"""Cross-validated accuracy on the wine data."""
import keras
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

X, y = load_wine(return_X_y=True)


def create_model():
    model = keras.models.Sequential()
    model.add(keras.layers.Input(shape=(13,)))
    model.add(keras.layers.Dense(16, activation="relu"))
    model.add(keras.layers.Dense(3, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
    return model


scores = []
for fold, (train, test) in enumerate(StratifiedKFold(4, shuffle=True, random_state=2).split(X, y), start=1):
    scaler = StandardScaler().fit(X[train])
    model = create_model()
    model.fit(scaler.transform(X[train]), y[train], epochs=25, batch_size=16, verbose=0)
    _, acc = model.evaluate(scaler.transform(X[test]), y[test], verbose=0)
    print(f"fold {fold}: {acc:.3f}")
    scores.append(acc)
print(f"mean {np.mean(scores):.3f} +- {np.std(scores):.3f}")
