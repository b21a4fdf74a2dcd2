"""Data parallel on two logical CPUs: every batch is split between two replicas."""
import tensorflow as tf
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
print("replicas:", strategy.num_replicas_in_sync)

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=16, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train = scaler.transform(X_train).astype("float32")
X_test = scaler.transform(X_test).astype("float32")

global_batch = 16 * strategy.num_replicas_in_sync
train = tf.data.Dataset.from_tensor_slices((X_train, y_train)).shuffle(200).batch(global_batch)
test = tf.data.Dataset.from_tensor_slices((X_test, y_test)).batch(global_batch)

with strategy.scope():
    model = tf.keras.Sequential([
        tf.keras.layers.Input((13,)),
        tf.keras.layers.Dense(32, activation="relu"),
        tf.keras.layers.Dense(3, activation="softmax"),
    ])
    model.compile(tf.keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])

model.fit(train, epochs=20, validation_data=test, verbose=2)
