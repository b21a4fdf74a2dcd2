"""A small GAN: points on a ring. Generator and discriminator are trained in turn with train_on_batch."""
import numpy as np
from tensorflow.keras.layers import Dense, Input, LeakyReLU
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam

NOISE = 4
STEPS = 1200
HALF = 64

rng = np.random.default_rng(2024)


def real_points(n):
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 1 + rng.normal(0, 0.08, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def noise(n):
    return rng.normal(size=(n, NOISE))


generator = Sequential([
    Input((NOISE,)), Dense(48), LeakyReLU(negative_slope=0.2), Dense(48), LeakyReLU(negative_slope=0.2), Dense(2),
], name='generator')

discriminator = Sequential([
    Input((2,)), Dense(64), LeakyReLU(negative_slope=0.2), Dense(64), LeakyReLU(negative_slope=0.2),
    Dense(1, activation='sigmoid'),
], name='discriminator')
discriminator.compile(loss='binary_crossentropy', optimizer=Adam(1e-3, beta_1=0.5))

# the discriminator trains alone, and stands still while the generator trains through it
discriminator.trainable = False
gan = Sequential([Input((NOISE,)), generator, discriminator], name='gan')
gan.compile(loss='binary_crossentropy', optimizer=Adam(1e-3, beta_1=0.5))
discriminator.trainable = True
discriminator.compile(loss='binary_crossentropy', optimizer=Adam(1e-3, beta_1=0.5))

for step in range(STEPS):
    fake = generator(noise(HALF)).numpy()
    points = np.concatenate([real_points(HALF), fake])
    d_loss = discriminator.train_on_batch(points, np.r_[np.full(HALF, 0.9), np.zeros(HALF)][:, None])
    discriminator.trainable = False
    g_loss = gan.train_on_batch(noise(2 * HALF), np.ones((2 * HALF, 1)))
    discriminator.trainable = True
    if step % 200 == 199:
        print('step %d  d_loss %.3f  g_loss %.3f' % (step + 1, d_loss, g_loss))

sample = generator.predict(noise(2000), verbose=0)
radius = np.hypot(*sample.T)
quarters = np.bincount((np.arctan2(sample[:, 1], sample[:, 0]) // (np.pi / 4) + 4).astype(int) % 8, minlength=8)
print('radius %.3f +- %.3f, fewest points in an eighth of the ring: %d of 2000' % (radius.mean(), radius.std(), quarters.min()))
