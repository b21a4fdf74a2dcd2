"""Benign or malignant? A wide layer, half of it dropped out, and weight decay against overfitting."""
from keras import layers, models, optimizers, regularizers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# 1. data
features, diagnosis = load_breast_cancer(return_X_y=True)
f_train, f_val, d_train, d_val = train_test_split(
    features, diagnosis, test_size=0.3, random_state=11, stratify=diagnosis
)
scaler = StandardScaler()
f_train = scaler.fit_transform(f_train)
f_val = scaler.transform(f_val)

# 2. network
net = models.Sequential(
    [
        layers.Input(shape=(30,)),
        layers.Dense(
            256, activation="relu", kernel_initializer="he_uniform", kernel_regularizer=regularizers.l2(1e-3)
        ),
        layers.Dropout(0.5),
        layers.Dense(32, activation="relu", kernel_regularizer=regularizers.l2(1e-3)),
        layers.Dense(1, activation="sigmoid"),
    ],
    name="tumour_net",
)
net.compile(
    optimizer=optimizers.RMSprop(learning_rate=0.001),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)

# 3. training
net.fit(f_train, d_train, batch_size=16, epochs=30, validation_data=(f_val, d_val), verbose=0)
loss, accuracy = net.evaluate(f_val, d_val, verbose=0)
print(f"validation accuracy {accuracy:.3f} (loss with penalty {loss:.3f})")
