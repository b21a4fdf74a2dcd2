"""Price of a parcel of land from a small map and a row of numbers: two arrays as inputs."""
import numpy as np
from keras.layers import AveragePooling2D, Concatenate, Conv2D, Dense, Flatten, Input
from keras.models import Model
from keras.optimizers import Adam
from scipy.ndimage import gaussian_filter
from sklearn.metrics import r2_score

rng = np.random.default_rng(3)
N = 1500

noise = rng.normal(size=(N, 16, 16))
forest = gaussian_filter(noise, sigma=(0, 1.5, 1.5)) > 0.06
maps = np.where(forest, rng.uniform(0.25, 0.35, (N, 1, 1)), rng.uniform(0.65, 0.8, (N, 1, 1)))
maps = (255 * np.clip(maps + rng.normal(0, 0.03, maps.shape), 0, 1)).astype(np.uint8)

hectares = rng.gamma(4, 1.5, N)
distance = rng.uniform(0.5, 40, N)
open_land = 1 - forest.mean(axis=(1, 2))
price = np.log(hectares) + 3 * open_land - 0.03 * distance + rng.normal(0, 0.12, N)

maps = (maps[..., None] / 255.0 - 0.5) / 0.25
table = np.column_stack([np.log(hectares), distance / 40])
cut = 1200

map_in = Input((16, 16, 1))
m = Conv2D(16, 3, padding="same", activation="relu")(map_in)
m = AveragePooling2D(2)(m)
m = Conv2D(24, 3, padding="same", activation="relu")(m)
m = AveragePooling2D(4)(m)
m = Flatten()(m)

table_in = Input((2,))
t = Dense(16, activation="relu")(table_in)

both = Concatenate()([m, t])
both = Dense(32, activation="relu")(both)
price_out = Dense(1)(both)

model = Model([map_in, table_in], price_out)
model.compile(Adam(learning_rate=0.002), loss="mse", metrics=["mae"])
model.fit([maps[:cut], table[:cut]], price[:cut], batch_size=32, epochs=20,
          validation_data=([maps[cut:], table[cut:]], price[cut:]), verbose=0)
print("R2 =", r2_score(price[cut:], model.predict([maps[cut:], table[cut:]], verbose=0)))
