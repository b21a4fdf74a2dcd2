import tensorflow as tf
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

wine = datasets.load_wine()
onehot = OneHotEncoder(sparse_output=False)
labels = onehot.fit_transform(wine.target.reshape(-1, 1))

x_tr, x_te, y_tr, y_te = train_test_split(wine.data, labels, test_size=0.33, random_state=1, stratify=wine.target)
sc = StandardScaler().fit(x_tr)
x_tr, x_te = sc.transform(x_tr), sc.transform(x_te)

inp = tf.keras.layers.Input(shape=(x_tr.shape[1],))
h = tf.keras.layers.Dense(24, activation='tanh')(inp)
h = tf.keras.layers.Dense(12, activation='tanh')(h)
out = tf.keras.layers.Dense(3, activation='softmax')(h)
clf = tf.keras.models.Model(inputs=inp, outputs=out)
clf.summary()

opt = tf.keras.optimizers.SGD(learning_rate=0.05, momentum=0.9)
clf.compile(optimizer=opt, loss='categorical_crossentropy', metrics=['categorical_accuracy'])
clf.fit(x_tr, y_tr, epochs=60, batch_size=8, validation_data=(x_te, y_te), verbose=0)
print(dict(zip(clf.metrics_names, clf.evaluate(x_te, y_te, verbose=0))))
