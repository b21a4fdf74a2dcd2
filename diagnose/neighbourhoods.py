"""Pictures to pictures: each pixel of the target as a linear function of the input's pixels around it.

What sharpens, removes noise, colours or marks edges is, in the first place, one filter that is the same everywhere.
Fitted to the pixels of all pictures at once it needs few of them, while a linear learner from whole pictures to whole
pictures has to learn every place anew.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .random_patches import Level, channels_last

#: Pixels around each one: two to every side, where that makes no more columns than the second number, else one.
SIDE, SMALLER_SIDE, MAX_COLUMNS = 5, 3, 400
#: Pixels that the filter is fitted to, drawn from all training pictures.
MAX_PIXELS = 20_000
#: Numbers in the windows that are predicted at once: 16 MB.
CHUNK = 2_000_000


def maps_alike(pictures: np.ndarray, targets: np.ndarray) -> bool:
    """Whether targets hold numbers for each pixel of the pictures.

    Example:
        >>> maps_alike(np.zeros((9, 16, 16, 3)), np.zeros((9, 16, 16, 1)))
        True
    """
    wanted = targets.shape if targets.ndim == 4 else (*targets.shape, 1)
    return len(wanted) == 4 and channels_last(pictures).shape[:3] == wanted[:3]


def predict_pixels(train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Ridge regression on neighbourhoods, its strength chosen by leaving out one pixel at a time.

    Args:
        train_x: Pictures, with or without channels, in either order of axes.
        train_y: Targets of the same height and width, channels last or none.
        test_x: Pictures to predict.

    Returns:
        One map per test picture, in the shape of the targets.

    Raises:
        ValueError: The training pictures have no contrast.
    """
    from sklearn.linear_model import RidgeCV

    pictures, wanted = channels_last(train_x), train_y.reshape(*train_y.shape[:3], -1)
    side = SIDE if SIDE**2 * pictures.shape[-1] <= MAX_COLUMNS else SMALLER_SIDE
    level = Level.of(pictures)
    places = int(np.prod(pictures.shape[1:3]))
    generator = np.random.default_rng(0)
    # The same number of pixels of each picture, of no more pictures than it takes to have some hundred of each.
    chosen = generator.permutation(len(pictures))[: max(1, MAX_PIXELS // 200)]
    each = max(1, min(places, MAX_PIXELS // len(chosen)))
    rows, targets = [], []
    for number in chosen:
        pixels = generator.permutation(places)[:each]
        rows.append(_windows(pictures[number : number + 1], side, level)[pixels])
        targets.append(wanted[number].reshape(places, -1)[pixels])
    learner = RidgeCV(alphas=np.logspace(-2, 3, 6)).fit(
        *(np.concatenate(part).astype(float) for part in (rows, targets))
    )
    shown = channels_last(test_x)
    step = max(1, CHUNK // (places * side**2 * pictures.shape[-1]))
    parts = [
        learner.predict(_windows(shown[start : start + step], side, level)) for start in range(0, len(shown), step)
    ]
    return np.concatenate(parts).reshape(len(shown), *train_y.shape[1:])


def _windows(pictures: np.ndarray, side: int, level: Level) -> np.ndarray:
    """One row per pixel; at the border the outermost pixels are repeated."""
    margin = side // 2
    padded = np.pad(level.scale(pictures), ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="edge")
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    return windows.reshape(int(np.prod(windows.shape[:3])), -1)
