"""Rare events: one payment in twenty is fraudulent."""
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight
from tensorflow import keras

X, y = make_classification(
    n_samples=4000, n_features=16, n_informative=8, weights=[0.95], class_sep=1.6, flip_y=0.005, random_state=12
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)

weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=y_train)
class_weight = {0: weights[0], 1: weights[1]}

model = keras.Sequential()
model.add(keras.layers.Dense(32, activation="relu", input_dim=16))
model.add(keras.layers.Dropout(0.2))
model.add(keras.layers.Dense(16, activation="relu"))
model.add(keras.layers.Dense(1, activation="sigmoid"))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
model.fit(X_train, y_train, epochs=25, batch_size=64, class_weight=class_weight, verbose=0)

p = model.predict(X_test, verbose=0).ravel()
print("AUC %.3f" % roc_auc_score(y_test, p))
print("balanced accuracy %.3f" % balanced_accuracy_score(y_test, p > 0.5))
