"""Compressive strength of concrete (about 10 to 80 MPa) from the mixture, targets left in MPa."""
import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(8)
n_mixes = 1600
cement = rng.uniform(110, 540, n_mixes)          # kg/m3
slag = rng.choice([0.0, 1.0], n_mixes, p=[0.45, 0.55]) * rng.uniform(20, 350, n_mixes)
water = rng.uniform(130, 230, n_mixes)
plasticizer = rng.choice([0.0, 1.0], n_mixes, p=[0.4, 0.6]) * rng.uniform(2, 20, n_mixes)
aggregate = rng.uniform(1400, 1900, n_mixes)
age = rng.choice([3, 7, 14, 28, 56, 90], n_mixes)

ratio = (cement + 0.6 * slag) / water
mpa = 8 + 22 * np.log1p(ratio) * np.log1p(age) / np.log(29) + 0.5 * plasticizer - 0.012 * (aggregate - 1650)
mpa = np.clip(mpa + rng.normal(0, 3.0, n_mixes), 2, None)

X = np.column_stack([cement, slag, water, plasticizer, aggregate, age])
X_train, X_test, y_train, y_test = train_test_split(X, mpa, test_size=0.25, random_state=0)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

model = keras.Sequential([
    layers.Input((6,)),
    layers.Dense(64, activation='relu'),
    layers.Dense(64, activation='relu'),
    layers.Dense(1, activation='linear'),
])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005), loss='mean_squared_error', metrics=['mae'])
model.fit(X_train, y_train, epochs=50, batch_size=32, validation_data=(X_test, y_test), verbose=0)

pred = model.predict(X_test, verbose=0).flatten()
print('MAE (MPa):', mean_absolute_error(y_test, pred))
print('R2:', r2_score(y_test, pred))
