"""What scripts with training loops in tests begin with."""

LOOP_HEAD = """\
import numpy as np, keras, tensorflow as tf
from keras import layers as L
keras.utils.set_random_seed(3)
rng = np.random.default_rng(0)
x = rng.normal(size=(320, 6)).astype("float32"); y = (x[:, :1] - x[:, 1:2] > 0).astype("float32")
"""
