"""Wine cultivars with a subclassed model fed by tf.data."""
import tensorflow as tf
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


class WineNet(tf.keras.Model):
    def __init__(self, units=24, classes=3):
        super().__init__()
        self.norm = tf.keras.layers.BatchNormalization()
        self.hidden = tf.keras.layers.Dense(units, activation="relu")
        self.drop = tf.keras.layers.Dropout(0.1)
        self.logits = tf.keras.layers.Dense(classes)

    def call(self, inputs, training=False):
        x = self.norm(inputs, training=training)
        x = self.drop(self.hidden(x), training=training)
        return self.logits(x)


def dataset(x, y, shuffle=False):
    ds = tf.data.Dataset.from_tensor_slices((x.astype("float32"), y))
    if shuffle:
        ds = ds.shuffle(len(x), seed=1)
    return ds.batch(16).prefetch(tf.data.AUTOTUNE)


x, y = load_wine(return_X_y=True)
x = (x - x.mean(axis=0)) / x.std(axis=0)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=6)
train_ds, test_ds = dataset(x_train, y_train, shuffle=True), dataset(x_test, y_test)

model = WineNet()
model.compile(
    optimizer=tf.keras.optimizers.Adam(0.01),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(train_ds, validation_data=test_ds, epochs=30, verbose=0)
print("accuracy:", model.evaluate(test_ds, verbose=0)[1])
