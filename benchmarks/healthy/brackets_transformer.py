"""Which bracket comes next to close? A two-block transformer on short strings, with a causal mask; a token per step."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

STEPS, DIM = 14, 32
rng = np.random.default_rng(41)


def string():
    """Tokens 1..3 open, 4..6 close the last one that is open; the label is what would close at each step (0: nothing)."""
    stack, tokens, labels = [], [], []
    for _ in range(STEPS):
        if not stack or (len(stack) < 3 and rng.random() < 0.55):
            token = rng.integers(1, 4)
            stack.append(token)
        else:
            token = 3 + stack.pop()
        tokens.append(token)
        labels.append(stack[-1] if stack else 0)
    return tokens, labels


tokens, labels = map(np.array, zip(*[string() for _ in range(3000)]))
x_train, y_train, x_val, y_val = tokens[:2500], labels[:2500], tokens[2500:], labels[2500:]

inp = layers.Input((STEPS,), dtype='int32')
place = layers.Embedding(STEPS, DIM)(tf.range(STEPS)[None, :])
h = layers.Embedding(7, DIM)(inp) + place
for _ in range(2):
    a = layers.MultiHeadAttention(2, 16, dropout=0.0)(h, h, use_causal_mask=True)
    h = layers.LayerNormalization()(h + a)
    f = layers.Dense(64, activation='gelu')(h)
    f = layers.Dense(DIM)(f)
    h = layers.LayerNormalization()(h + f)
out = layers.Dense(4, activation='softmax')(h)

model = tf.keras.Model(inp, out)
model.compile(tf.keras.optimizers.Adam(learning_rate=0.003), loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x_train, y_train, batch_size=64, epochs=7, validation_data=(x_val, y_val), verbose=2)
