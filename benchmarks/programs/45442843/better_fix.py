"""One number in, yes or no out: is the value low? The accuracy never moves from 0.5."""
import keras
import numpy as np
from keras.layers import Activation, Dense
from keras.models import Sequential

rng = np.random.default_rng(26)
values = rng.integers(15000, 25000, size=999)
is_low = values < 20000

x = values.reshape(-1, 1).astype('float32')
x = (x - x[:799].mean()) / x[:799].std()
x_train, y_train = x[:799], is_low[:799]
x_val, y_val = x[799:], is_low[799:]

model = Sequential()
model.add(Dense(1, input_dim=1))
model.add(Activation('sigmoid'))
model.add(Dense(1, kernel_initializer='random_normal'))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=keras.optimizers.RMSprop(learning_rate=0.05), metrics=['accuracy'])

model.fit(x_train, y_train, batch_size=200, epochs=100, verbose=0, validation_data=(x_val, y_val))

score = model.evaluate(x_val, y_val, verbose=0)
print('loss: {:.4f}, accuracy: {:.4f}'.format(*score))
print(model.predict(x_val[:10], verbose=0).ravel(), y_val[:10])
