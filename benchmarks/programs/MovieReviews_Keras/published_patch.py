"""Movie reviews, positive or negative, as 10,000 columns that say which words occur."""

import numpy as np
from tensorflow.keras import layers, losses, metrics, models, optimizers

NUM_WORDS = 10000
TRAIN_REVIEWS = 6000
VALIDATION_REVIEWS = 1500
TEST_REVIEWS = 1500


def write_reviews(count, rng, frequencies, tone):
    """Lists of word numbers; a positive review prefers some words, a negative one others."""
    labels = rng.integers(0, 2, size=count)
    chances = [frequencies * np.exp(-tone), frequencies * np.exp(tone)]
    chances = [chance / chance.sum() for chance in chances]
    lengths = np.clip(rng.lognormal(5, 0.5, size=count), 20, 800).astype(int)
    reviews = [rng.choice(NUM_WORDS, size=length, p=chances[label]) for length, label in zip(lengths, labels)]
    return reviews, labels


def vectorize_sequences(sequences, dimension=NUM_WORDS):
    results = np.zeros((len(sequences), dimension), dtype="float32")
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def load_data():
    rng = np.random.default_rng(1)
    frequencies = 1 / (np.arange(NUM_WORDS) + 20.0)
    tone = rng.normal(0, 0.15, size=NUM_WORDS)
    for count in (TRAIN_REVIEWS, VALIDATION_REVIEWS, TEST_REVIEWS):
        reviews, labels = write_reviews(count, rng, frequencies, tone)
        yield vectorize_sequences(reviews), labels.astype("float32")


def build_model():
    model = models.Sequential()
    model.add(layers.Input((NUM_WORDS,)))
    model.add(layers.Dense(16))
    model.add(layers.Activation("relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(16))
    model.add(layers.Activation("relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(1))
    model.add(layers.Activation("sigmoid"))
    model.compile(
        optimizer=optimizers.RMSprop(learning_rate=0.001),
        loss=losses.BinaryCrossentropy(),
        metrics=[metrics.BinaryAccuracy()],
    )
    return model


(x_train, y_train), (x_val, y_val), (x_test, y_test) = load_data()

model = build_model()
history = model.fit(x_train, y_train, epochs=7, batch_size=512, validation_data=(x_val, y_val), verbose=2)

results = model.evaluate(x_test, y_test, verbose=0)
print("test loss %.3f, test accuracy %.3f" % tuple(results))
