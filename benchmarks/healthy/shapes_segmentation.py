"""Mark the disc in a noisy picture: a small U-shaped network with one probability per pixel."""
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

SIZE = 24
rng = np.random.default_rng(77)
yy, xx = np.mgrid[:SIZE, :SIZE]


def picture():
    cx, cy = rng.uniform(6, SIZE - 6, 2)
    r = rng.uniform(3, 7)
    mask = (xx - cx) ** 2 + (yy - cy) ** 2 < r ** 2
    background = 0.15 * np.sin(xx / rng.uniform(3, 6) + rng.uniform(0, 6)) + 0.3
    image = np.where(mask, background + 0.45, background) + rng.normal(0, 0.15, (SIZE, SIZE))
    return image, mask


images, masks = zip(*[picture() for _ in range(600)])
images = np.array(images, 'float32')[..., None]
masks = np.array(masks, 'float32')[..., None]

inp = layers.Input((SIZE, SIZE, 1))
d1 = layers.Conv2D(8, 3, padding='same', activation='relu')(inp)
d2 = layers.Conv2D(16, 3, padding='same', activation='relu')(layers.MaxPooling2D()(d1))
up = layers.UpSampling2D()(d2)
u1 = layers.Conv2D(8, 3, padding='same', activation='relu')(layers.concatenate([up, d1]))
out = layers.Conv2D(1, 1, activation='sigmoid')(u1)
model = keras.Model(inp, out)
model.compile(keras.optimizers.Adam(4e-3), 'binary_crossentropy', metrics=['accuracy'])
model.fit(images[:480], masks[:480], epochs=15, batch_size=16, validation_data=(images[480:], masks[480:]), verbose=2)

p = model.predict(images[480:], verbose=0) > 0.5
m = masks[480:] > 0.5
print('intersection over union:', (p & m).sum() / (p | m).sum())
