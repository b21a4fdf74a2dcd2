# Read each digit row by row, from top to bottom, with a recurrent network.
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow.keras import Input, Model
from tensorflow.keras.layers import GRU, Dense
from tensorflow.keras.optimizers import RMSprop

digits = load_digits()
seq = digits.images.astype('float32') / 16
x_train, x_test, y_train, y_test = train_test_split(seq, digits.target, test_size=0.25, random_state=10)

inp = Input(shape=(8, 8), name='rows')
h = GRU(64, name='reader')(inp)
out = Dense(10, activation='softmax', name='digit')(h)
model = Model(inp, out)
model.compile(loss='sparse_categorical_crossentropy', optimizer=RMSprop(0.003), metrics=['acc'])

model.fit(x_train, y_train, epochs=25, batch_size=32, verbose=0)
print('test acc', model.evaluate(x_test, y_test, verbose=0, return_dict=True)['acc'])
