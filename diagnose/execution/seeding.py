"""Seeds are dlfix's: a script that fixes its own still gets different ones per repeat. Runs in the child process only.

Generators that the script makes for itself (``np.random.default_rng(0)``, ``random_state=0``) are left alone: they
usually decide what the data are, and all repeats should be about the same data.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def blend(own: Any, seed: int) -> int:
    """A seed made of the script's own one and the trial's: different when either is."""
    number = int(own) if isinstance(own, (int, np.integer)) else 0
    # Multiplicative hashing (Knuth, TAOCP 6.4) keeps neighbouring seeds apart; NumPy takes 32 bits.
    return (number * 2654435761 + seed * 40503 + 12345) % (2**31 - 1)


def take_over(seed: int) -> None:
    """Seed everything, and blend every seed that the script sets from now on."""
    import keras
    import tensorflow as tf

    random_seed, numpy_seed, tensorflow_seed = random.seed, np.random.seed, tf.random.set_seed
    random_seed(blend(0, seed))
    numpy_seed(blend(0, seed))
    tensorflow_seed(blend(0, seed))
    random.seed = lambda a=None, version=2: random_seed(blend(a, seed))
    np.random.seed = lambda seed_=None, **named: numpy_seed(blend(named.get("seed", seed_), seed))

    def set_seed(seed_: Any = None, **named: Any) -> None:
        tensorflow_seed(blend(named.get("seed", seed_), seed))

    tf.random.set_seed = set_seed
    tf.compat.v1.set_random_seed = set_seed
    _own_generator_for_keras(seed)
    _fix_shuffles(tf.data.Dataset)
    keras.utils.clear_session()


def _own_generator_for_keras(seed: int) -> None:
    """Let Keras draw its default seeds from a generator of its own.

    It takes them from Python's ``random``. A patch that adds a layer would thereby change every number that the script
    draws later, its data and splits included, and the runs could not be compared row by row.
    """
    try:
        from keras.src.random import seed_generator

        seed_generator.python_random = random.Random(blend(1, seed))
    except ImportError:  # another layout of Keras: comparisons may then fail, and say so
        return


def _fix_shuffles(dataset: Any) -> None:
    """Give each ``shuffle`` without a seed one by its number, for the same reason."""
    shuffle = dataset.shuffle
    calls = iter(range(1, 2**31))

    def shuffle_with_seed(self: Any, buffer_size: Any, seed: Any = None, *args: Any, **named: Any) -> Any:
        return shuffle(self, buffer_size, next(calls) if seed is None else seed, *args, **named)

    dataset.shuffle = shuffle_with_seed
