"""Keras inside scikit-learn: a pipeline with scaling, judged by cross-validation."""
import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def make_network(X, y, units=16, rate=0.01):
    network = keras.Sequential([
        keras.Input((X.shape[1],)),
        keras.layers.Dense(units, activation="selu", kernel_initializer="lecun_normal"),
        keras.layers.Dense(y.shape[1], activation="softmax"),
    ])
    network.compile(keras.optimizers.Adam(learning_rate=rate), "categorical_crossentropy")
    return network


X, y = load_breast_cancer(return_X_y=True)
classifier = keras.wrappers.SKLearnClassifier(
    make_network, model_kwargs={"units": 24}, fit_kwargs={"epochs": 15, "batch_size": 32, "verbose": 0}
)
pipeline = make_pipeline(StandardScaler(), classifier)
folds = StratifiedKFold(3, shuffle=True, random_state=45)
accuracies = cross_val_score(pipeline, X, y, cv=folds)
print("accuracy of each fold:", accuracies.round(3), "mean:", accuracies.mean().round(3))
