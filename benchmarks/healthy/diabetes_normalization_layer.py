"""Progression of diabetes after one year, with the scaling inside the model."""
import keras
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

x, y = load_diabetes(return_X_y=True, scaled=False)
x_train, x_test, y_train, y_test = train_test_split(x.astype("float32"), y, test_size=0.25, random_state=0)

normalize = keras.layers.Normalization()
normalize.adapt(x_train)

target_mean, target_std = y_train.mean(), y_train.std()

model = keras.Sequential(
    [
        keras.Input((10,)),
        normalize,
        keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(0.02)),
        keras.layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse")
stop = keras.callbacks.EarlyStopping(patience=15, restore_best_weights=True)
model.fit(
    x_train,
    (y_train - target_mean) / target_std,
    validation_split=0.2,
    epochs=100,
    batch_size=32,
    callbacks=[stop],
    verbose=0,
)
prediction = model.predict(x_test, verbose=0)[:, 0] * target_std + target_mean
print("R2:", round(r2_score(y_test, prediction), 3))
print("MAE:", round(float(np.abs(prediction - y_test).mean()), 1))
