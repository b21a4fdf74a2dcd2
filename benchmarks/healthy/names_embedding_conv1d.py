"""Which of three invented languages is a name from? Letters, an embedding, a convolution over letters."""
import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from tensorflow import keras
from tensorflow.keras import layers

MAXLEN = 12
SYLLABLES = {
    'norn': ['ulf', 'grim', 'thor', 'ask', 'hild', 'run', 'bjo', 'sven'],
    'lira': ['lia', 'rea', 'mio', 'sola', 'vira', 'neo', 'dali', 'eno'],
    'katu': ['ka', 'tu', 'mo', 'ri', 'sho', 'ha', 'no', 'ki'],
}
COMMON = ['an', 'el', 'or', 'is', 'ar', 'en']

rng = np.random.default_rng(51)
names, origin = [], []
for _ in range(2000):
    k = rng.integers(3)
    own = list(SYLLABLES.values())[k]
    parts = [rng.choice(own) if rng.random() < 0.6 else rng.choice(COMMON) for _ in range(rng.integers(2, 5))]
    names.append(''.join(parts)[:MAXLEN])
    origin.append(k)

alphabet = sorted(set(''.join(names)))
index = {letter: i + 1 for i, letter in enumerate(alphabet)}   # 0 is padding
tokens = keras.utils.pad_sequences([[index[c] for c in name] for name in names], maxlen=MAXLEN, padding='post')
origin = np.array(origin)

X_train, X_test, y_train, y_test = train_test_split(tokens, origin, test_size=0.25, random_state=51, stratify=origin)

model = keras.Sequential([
    layers.Input(shape=(MAXLEN,)),
    layers.Embedding(input_dim=len(alphabet) + 1, output_dim=16),
    layers.Conv1D(48, 3, activation='relu', padding='same'),
    layers.GlobalMaxPooling1D(),
    layers.Dense(24, activation='relu'),
    layers.Dense(3, activation='softmax'),
])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003),
              loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(X_train, y_train, epochs=15, batch_size=32, validation_data=(X_test, y_test), verbose=2)

print('accuracy', accuracy_score(y_test, model.predict(X_test, verbose=0).argmax(axis=1)))
