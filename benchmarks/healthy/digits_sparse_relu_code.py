"""Sparse code: 400 rectified units with an L1 penalty, so that most are silent for most pictures."""
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
import tensorflow as tf
from tensorflow.keras import regularizers
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model
from tensorflow.keras.initializers import Constant

digits = load_digits()
train_images, test_images, train_labels, test_labels = train_test_split(
    digits.data / 16.0, digits.target, test_size=0.2, random_state=55)

image = Input(shape=(64,))
code = Dense(400, activation='relu', bias_initializer=Constant(-0.4), activity_regularizer=regularizers.l1(1e-4))(image)
label = Dense(10, activation='softmax')(code)
model = Model(inputs=image, outputs=label)
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.003),
              loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(train_images, train_labels, batch_size=64, epochs=25,
          validation_data=(test_images, test_labels), verbose=0)

active = (Model(image, code).predict(test_images, verbose=0) > 0).mean()
print('share of active units: %.3f' % active)
print('accuracy: %.3f' % model.evaluate(test_images, test_labels, verbose=0)[1])
