"""Sharpen images that were enlarged from half their size. The result stays grey and blurred after all epochs."""

import numpy as np
from keras import layers, models, optimizers
from scipy.ndimage import gaussian_filter

IMAGE_SIZE = 16
N_IMAGES = 32
EPOCHS = 50
BATCH_SIZE = 64
LEARNING_RATE = 0.0001


def load_images(n, size, seed=5):
    """Smooth colour pictures with edges in them, 0..255."""
    rng = np.random.default_rng(seed)
    grid = np.indices((size, size))
    pictures = []
    for _ in range(n):
        picture = gaussian_filter(rng.normal(size=(size, size, 3)), (3, 3, 0)) * 4
        for _ in range(3):
            centre = rng.uniform(0, size, (2, 1, 1))
            disc = np.hypot(*(grid - centre)) < rng.uniform(2, 6)
            picture[disc] += rng.normal(size=3)
        low, high = picture.min(), picture.max()
        pictures.append(np.uint8(255 * (picture - low) / (high - low)))
    return np.stack(pictures)


def shrink_and_enlarge(images):
    small = images[:, ::2, ::2]
    return small.repeat(2, axis=1).repeat(2, axis=2)


def build_model():
    model = models.Sequential()
    model.add(layers.Input((IMAGE_SIZE, IMAGE_SIZE, 3)))
    model.add(layers.Conv2D(256, (9, 9), padding="same"))
    model.add(layers.Activation("relu"))
    model.add(layers.Conv2D(128, (3, 3), padding="same"))
    model.add(layers.Activation("relu"))
    model.add(layers.Conv2D(3, (5, 5), padding="same"))
    model.add(layers.Activation("sigmoid"))
    return model


def train():
    images = load_images(N_IMAGES, IMAGE_SIZE)
    y = images.astype("float32") / 255
    x = shrink_and_enlarge(images).astype("float32") / 255
    model = build_model()
    model.compile(
        loss="binary_crossentropy", optimizer=optimizers.Adam(learning_rate=LEARNING_RATE), metrics=["accuracy"]
    )
    history = model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    print("loss %.4f" % history.history["loss"][-1])
    errors = np.mean((x - y) ** 2), np.mean((model.predict(x, verbose=0) - y) ** 2)
    print("squared error: input %.4f, output %.4f" % errors)


if __name__ == "__main__":
    train()
