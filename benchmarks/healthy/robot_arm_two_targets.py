"""Where is the hand? Two coordinates of a planar arm with three joints."""
import numpy as np
import tensorflow as tf
from sklearn.model_selection import train_test_split

np.random.seed(4)
angles = np.random.uniform(-np.pi / 2, np.pi / 2, size=(3000, 3))
lengths = [1.0, 0.7, 0.4]


def hand(theta):
    total = np.cumsum(theta, axis=1)
    return np.column_stack([(np.cos(total) * lengths).sum(1), (np.sin(total) * lengths).sum(1)])


xy = hand(angles) + np.random.normal(0, 0.01, (3000, 2))
a_train, a_test, xy_train, xy_test = train_test_split(angles, xy, test_size=0.2, random_state=4)

inputs = tf.keras.Input(shape=(3,), name='joint_angles')
x = tf.keras.layers.Dense(64, activation='tanh', kernel_initializer='glorot_normal')(inputs)
x = tf.keras.layers.Dense(64, activation='tanh', kernel_initializer='glorot_normal')(x)
outputs = tf.keras.layers.Dense(2, activation=None, name='hand_xy')(x)
arm = tf.keras.Model(inputs, outputs, name='arm')

arm.compile(optimizer=tf.keras.optimizers.Nadam(learning_rate=0.003), loss=tf.keras.losses.Huber())
arm.fit(a_train, xy_train, batch_size=64, epochs=40, validation_data=(a_test, xy_test), verbose=0)

error = np.linalg.norm(arm.predict(a_test, verbose=0) - xy_test, axis=1)
print('mean distance from the true place: %.4f m' % error.mean())
