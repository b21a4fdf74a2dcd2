# Whole training set in one batch, few steps: enough for data this easy.
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler
from tensorflow import keras

data = load_breast_cancer()
scaler = MinMaxScaler()
X = scaler.fit_transform(data.data)
X_train, X_test, y_train, y_test = train_test_split(X, data.target, test_size=0.2, random_state=5)

model = keras.Sequential([
    keras.layers.Dense(24, activation='relu', input_shape=(30,)),
    keras.layers.Dense(1, activation='sigmoid'),
])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.03), loss='binary_crossentropy', metrics=['accuracy'])
model.fit(X_train, y_train, batch_size=512, epochs=50, verbose=0)
print(model.evaluate(X_test, y_test, verbose=0))
