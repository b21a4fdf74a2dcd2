# Half the bits: computations in bfloat16, weights and the softmax in float32.
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.mixed_precision.set_global_policy("mixed_bfloat16")

d = load_digits()
X = np.expand_dims(d.images, -1).astype("float32") / 16.0
X_tr, X_te, y_tr, y_te = train_test_split(X, d.target, test_size=300, random_state=66, stratify=d.target)

model = keras.Sequential()
model.add(keras.Input(shape=(8, 8, 1)))
model.add(keras.layers.Conv2D(12, 3, padding="same", use_bias=False))
model.add(keras.layers.BatchNormalization(momentum=0.9))
model.add(keras.layers.ReLU())
model.add(keras.layers.AveragePooling2D(2))
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(40, activation="relu"))
model.add(keras.layers.Dense(10))
model.add(keras.layers.Activation("softmax", dtype="float32"))
model.compile(optimizer=keras.optimizers.AdamW(learning_rate=0.003, weight_decay=1e-4),
              loss="sparse_categorical_crossentropy", metrics=["accuracy"])

stop = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=5, restore_best_weights=True)
slower = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=2, min_lr=1e-5)
model.fit(X_tr, y_tr, epochs=20, batch_size=64, validation_data=(X_te, y_te), callbacks=[stop, slower], verbose=2)
print("accuracy:", model.evaluate(X_te, y_te, verbose=0)[1])
