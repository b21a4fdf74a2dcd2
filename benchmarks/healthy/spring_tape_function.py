"""Damped spring: position after two seconds from mass, stiffness, damping and start; compiled step, clipped gradients."""
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(36)
n = 3000
mass, stiffness = rng.uniform(0.5, 2, n), rng.uniform(1, 6, n)
damping, start = rng.uniform(0, 1.5, n), rng.uniform(-1, 1, n)
decay = damping / (2 * mass)
omega = np.sqrt(np.maximum(stiffness / mass - decay ** 2, 1e-6))
position = start * np.exp(-2 * decay) * (np.cos(2 * omega) + decay / omega * np.sin(2 * omega))

x = np.stack([mass, stiffness, damping, start], 1)
x = ((x - x.mean(0)) / x.std(0)).astype('float32')
y = ((position - position.mean()) / position.std()).astype('float32')[:, None]
x_train, y_train, x_test, y_test = x[:2400], y[:2400], x[2400:], y[2400:]


class SpringNet(tf.keras.Model):
    def __init__(self, units):
        super().__init__()
        self.hidden1 = tf.keras.layers.Dense(units, activation='gelu')
        self.hidden2 = tf.keras.layers.Dense(units, activation='gelu')
        self.out = tf.keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.hidden2(self.hidden1(inputs)))


net = SpringNet(64)
schedule = tf.keras.optimizers.schedules.CosineDecay(4e-3, decay_steps=75 * 20)
adam = tf.keras.optimizers.Adam(schedule)


@tf.function
def train_step(xb, yb):
    with tf.GradientTape() as tape:
        error = tf.reduce_mean(tf.square(yb - net(xb, training=True)))
    gradients = tape.gradient(error, net.trainable_weights)
    gradients, norm = tf.clip_by_global_norm(gradients, 1.0)
    adam.apply_gradients(zip(gradients, net.trainable_weights))
    return error


data = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(2400).batch(32)
for epoch in range(20):
    mean = tf.keras.metrics.Mean()
    for xb, yb in data:
        mean.update_state(train_step(xb, yb))
    if epoch % 5 == 4:
        print('epoch', epoch + 1, 'mse', float(mean.result()))
rest = y_test - net(x_test).numpy()
print('R2 on new springs:', 1 - float(np.mean(rest ** 2) / np.var(y_test)))
