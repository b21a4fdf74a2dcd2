"""Rent of flats from numbers and a district: two inputs, one of them an embedding."""
import keras
import numpy as np
from keras import layers
from sklearn.metrics import r2_score

rng = np.random.default_rng(17)
n, districts = 2400, 15
area = rng.gamma(9, 8, n)
rooms = np.clip(np.round(area / 28 + rng.normal(0, 0.7, n)), 1, 7)
age = rng.uniform(0, 110, n)
district = rng.integers(0, districts, n)
per_metre = 9 + 7 * rng.random(districts)
rent = area * per_metre[district] * (1 - 0.002 * age) + 60 * rooms + rng.normal(0, 60, n)

numbers = np.column_stack([area, rooms, age])
train, test = np.arange(0, 1900), np.arange(1900, n)
numbers = (numbers - numbers[train].mean(0)) / numbers[train].std(0)
mean, std = rent[train].mean(), rent[train].std()
target = (rent - mean) / std

numeric_input = keras.Input((3,), name="numbers")
district_input = keras.Input((1,), dtype="int32", name="district")
vector = layers.Flatten()(layers.Embedding(districts, 4)(district_input))
x = layers.Concatenate()([numeric_input, vector])
x = layers.Dense(32, activation="relu")(x)
x = layers.Dense(16, activation="relu")(x)
model = keras.Model([numeric_input, district_input], layers.Dense(1)(x))
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mean_squared_error")


def rows(index):
    return {"numbers": numbers[index], "district": district[index][:, None]}


model.fit(rows(train), target[train], validation_data=(rows(test), target[test]), epochs=30, batch_size=64, verbose=0)
prediction = model.predict(rows(test), verbose=0)[:, 0] * std + mean
print("R2", round(r2_score(rent[test], prediction), 3), "MAE", round(float(np.abs(prediction - rent[test]).mean()), 1))
