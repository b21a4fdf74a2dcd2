"""Four of a suit, a pair of aces, or nothing among seven cards? Attention over a set; the order means nothing."""
import keras
import numpy as np
from keras import layers

CARDS, HAND = 24, 7

rng = np.random.default_rng(60)
hands = np.array([rng.choice(CARDS, HAND, replace=False) for _ in range(5000)])
suit, value = hands // 6, hands % 6
flush = np.max([(suit == s).sum(1) for s in range(4)], axis=0) >= 4
aces = (value == 5).sum(1)
kind = np.where(flush, 2, np.where(aces >= 2, 1, 0))

inputs = keras.Input((HAND,), dtype="int32")
cards = layers.Embedding(CARDS, 24)(inputs)
seen = layers.MultiHeadAttention(num_heads=2, key_dim=12)(cards, cards)
cards = layers.LayerNormalization()(cards + seen)
cards = layers.Dense(64, activation="relu")(cards)
weights = layers.Softmax(axis=1)(layers.Dense(1)(cards))
summary = layers.Concatenate()([
    layers.Flatten()(layers.Dot(axes=1)([weights, cards])), layers.Rescaling(HAND)(layers.GlobalAveragePooling1D()(cards)),  # a sum: it counts
])
outputs = layers.Dense(3, activation="softmax")(layers.Dense(32, activation="relu")(summary))

model = keras.Model(inputs, outputs, name="hand")
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(hands[:4000], kind[:4000], batch_size=64, epochs=14, validation_data=(hands[4000:], kind[4000:]), verbose=2)
print("accuracy", model.evaluate(hands[4000:], kind[4000:], verbose=0)[1])
