"""Speed settings: XLA, sixteen steps per execution, large batches; a mixture of Gaussians per class."""
import keras
import numpy as np
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

features, classes = make_classification(
    n_samples=8000, n_features=20, n_informative=12, n_redundant=4, n_classes=6, n_clusters_per_class=1,
    class_sep=2.0, flip_y=0.0, random_state=29,
)
features = StandardScaler().fit_transform(features).astype("float32")
train, test = slice(0, 6400), slice(6400, 8000)

layers = [keras.Input((20,))]
layers += [keras.layers.Dense(width, activation="relu") for width in (128, 64)]
layers += [keras.layers.Dense(6, activation="softmax")]
model = keras.Sequential(layers)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.003),
    loss="sparse_categorical_crossentropy",
    metrics=["sparse_categorical_accuracy"],
    jit_compile=True,
    steps_per_execution=16,
)
model.fit(
    features[train], classes[train], batch_size=200, epochs=20, validation_data=(features[test], classes[test]), verbose=0
)
print("accuracy %.3f" % model.evaluate(features[test], classes[test], verbose=0)[1])
