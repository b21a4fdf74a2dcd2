import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

# Reviews put together from what people write about restaurants
GOOD = "great tasty friendly wonderful fresh delicious lovely perfect cosy generous".split()
BAD = "awful bland rude terrible stale disgusting slow dirty cold overpriced".split()
THINGS = "food soup waiter table dessert service pasta wine room music bread price staff sauce".split()
FILLER = "the was and we had a very with our really it here there on a rainy evening last week".split()

rng = np.random.default_rng(8)


def review(positive):
    words = []
    for _ in range(rng.integers(3, 7)):
        mood = GOOD if rng.random() < (0.8 if positive else 0.2) else BAD
        words += list(rng.choice(FILLER, 3)) + [rng.choice(THINGS), 'was', rng.choice(mood)]
    return ' '.join(words)


labels = rng.integers(0, 2, 2400)
texts = np.array([review(label) for label in labels])
train_texts, test_texts = texts[:1900], texts[1900:]
train_labels, test_labels = labels[:1900], labels[1900:]

vectorize = layers.TextVectorization(max_tokens=500, output_sequence_length=40)
vectorize.adapt(train_texts)

model = tf.keras.Sequential([
    tf.keras.Input(shape=(40,), dtype='int64'),
    layers.Embedding(500, 16, mask_zero=True),
    layers.GlobalAveragePooling1D(),
    layers.Dense(16, activation='relu'),
    layers.Dense(1, activation='sigmoid'),
])
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
x_train = vectorize(train_texts).numpy()
x_test = vectorize(test_texts).numpy()
model.fit(x_train, train_labels, epochs=20, batch_size=32, validation_split=0.1, verbose=0)
print('test:', model.evaluate(x_test, test_labels, verbose=0))
