"""Softmax regression and one hidden layer with momentum; the learning rate falls in steps."""
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def schedule(epoch, rate):
    return rate * 0.3 if epoch in (4, 6) else rate


x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 8.0 - 1.0, y, random_state=42)

for hidden in (None, 64):
    model = keras.Sequential([keras.Input((64,))])
    if hidden:
        model.add(keras.layers.Dense(hidden, activation="relu", kernel_initializer="he_normal"))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    rate = keras.callbacks.LearningRateScheduler(schedule)
    model.fit(x_train, y_train, epochs=8, batch_size=16, callbacks=[rate], verbose=0)
    print("hidden units:", hidden, "accuracy:", model.evaluate(x_test, y_test, verbose=0)[1])
