"""Electric load one hour ahead from the last 48 hours; windows cut by hand, min-max scaling."""
import numpy as np
from sklearn.preprocessing import MinMaxScaler
from tensorflow.keras.layers import Conv1D, Dense, Flatten, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam

look_back = 48

# --- synthetic load curve in MW, eighteen weeks
np.random.seed(31)
t = np.arange(24 * 7 * 18)
day = np.sin(2 * np.pi * (t - 7) / 24) + 0.4 * np.sin(4 * np.pi * t / 24)
week = np.where((t // 24) % 7 >= 5, -0.6, 0.0)
drift = np.convolve(np.random.normal(0, 0.25, t.size + 11), np.ones(12) / 3.5, mode='valid')
load = 420 + 60 * (day + week) + 20 * drift

scaler = MinMaxScaler(feature_range=(0, 1))
train_size = int(len(load) * 0.75)
scaler.fit(load[:train_size].reshape(-1, 1))
dataset = scaler.transform(load.reshape(-1, 1))


def create_dataset(series, look_back):
    dataX, dataY = [], []
    for i in range(len(series) - look_back):
        dataX.append(series[i:i + look_back])
        dataY.append(series[i + look_back, 0])
    return np.array(dataX), np.array(dataY)


trainX, trainY = create_dataset(dataset[:train_size], look_back)
testX, testY = create_dataset(dataset[train_size:], look_back)

model = Sequential()
model.add(Input(shape=(look_back, 1)))
model.add(Conv1D(filters=16, kernel_size=5, activation='relu'))
model.add(Flatten())
model.add(Dense(32, activation='relu'))
model.add(Dense(1))
model.compile(loss='mean_squared_error', optimizer=Adam(learning_rate=0.001))
model.fit(trainX, trainY, epochs=25, batch_size=32, validation_data=(testX, testY), verbose=2)

forecast = scaler.inverse_transform(model.predict(testX, verbose=0))
actual = scaler.inverse_transform(testY.reshape(-1, 1))
print('Test RMSE: %.2f MW' % np.sqrt(np.mean((forecast - actual) ** 2)))
print('Persistence RMSE: %.2f MW' % np.sqrt(np.mean(np.diff(actual[:, 0]) ** 2)))
