"""Network packets, attack (1) or not (0). Loss 9.5 and accuracy 0.38 in the first epoch and in the hundredth."""

from io import StringIO

import pandas as pd
from keras import Input, Sequential
from keras.layers import Activation, Dense
from sklearn.preprocessing import StandardScaler

# source, source port, destination, destination port, protocol, length, payload, window, ttl, flags, version, attack
PACKETS = """\
3232235773,43653,3232235797,80,6,66,26,29200,64,24,4,0
3232235781,62202,3232235797,80,6,1064,1024,65535,64,2,4,1
3232235781,42631,3232235797,80,6,552,512,29200,128,2,4,1
3232235773,1120,3232235797,80,6,1420,1380,8192,128,24,4,0
3232235781,9934,3232235797,80,6,46,6,14600,64,24,4,1
3232235778,38460,3232235797,80,6,552,512,8192,64,2,4,0
3232235773,31379,3232235797,80,6,1064,1024,8192,64,24,4,0
3232235773,24967,3232235797,80,6,552,512,14600,64,16,4,0
3232235781,34305,3232235797,80,6,552,512,65535,128,2,4,1
3232235781,41335,3232235797,80,6,552,512,8192,64,16,4,1
3232235781,19738,3232235797,80,6,1064,1024,29200,128,2,4,1
3232235781,54117,3232235797,80,6,66,26,65535,128,2,4,1
3232235781,15426,3232235797,80,6,1064,1024,65535,128,16,4,1
3232235781,49563,3232235797,80,6,1420,1380,14600,128,16,4,1
3232235778,38989,3232235797,80,6,40,0,65535,128,16,4,0
3232235781,31712,3232235797,80,6,1420,1380,14600,64,2,4,1
3232235773,52151,3232235797,80,6,1064,1024,14600,128,24,4,0
3232235781,18642,3232235797,80,6,40,0,29200,128,16,4,1
3232235781,9274,3232235797,80,6,66,26,29200,128,2,4,1
3232235781,12558,3232235797,80,6,1064,1024,8192,128,2,4,1
3232235778,22191,3232235797,80,6,1064,1024,29200,128,24,4,0
"""

dataset = pd.read_csv(StringIO(PACKETS), header=None).values.astype("float64")
X = StandardScaler().fit_transform(dataset[:, 0:11])
Y = dataset[:, 11]

model = Sequential()
model.add(Input(shape=(11,)))
for units in (12, 12):
    model.add(Dense(units, kernel_initializer="normal"))
    model.add(Activation("relu"))
model.add(Dense(1, kernel_initializer="normal"))
model.add(Activation("sigmoid"))

model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X, Y, epochs=100, batch_size=5, verbose=0)

loss, accuracy = model.evaluate(X, Y, verbose=0)
print("loss: %.4f" % loss)
print("accuracy: %.2f%%" % (accuracy * 100))
