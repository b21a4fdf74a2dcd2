"""Features of pictures that see small local patterns wherever they are: responses to random patches.

Linear learners, nearest neighbours and trees on raw pixels miss what a small convolutional network finds at once: a
texture, or a small shape that may be anywhere. Patches drawn from the training pictures, used as filters as they are,
rectified and pooled, come close to learned filters (Saxe et al. 2011; Coates, Ng & Lee 2011) and need no training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

#: Pictures are at least this high and wide, and have at most so many channels.
MIN_SIDE = 12
MAX_CHANNELS = 16
FILTERS = 48
PATCH = 5
CANDIDATES = 4000
#: Larger pictures are averaged down until their shorter side is at most this long.
MAX_SIDE = 64
#: Places per axis at which the filters are applied, which sets the stride.
PLACES = 30
#: Numbers per chunk of windows: 2 MB, about what caches hold.
CHUNK = 500_000
#: Neighbouring pixels differ by less than this share of what any two pixels of a picture do (mean squares).
ALIKE = 0.75


def picture_input(inputs: Sequence[np.ndarray]) -> int | None:
    """Position of the first input that holds pictures.

    Example:
        >>> picture_input([np.zeros((5, 8)), np.zeros((5, 28, 28, 1))])
        1
    """
    return next((i for i, part in enumerate(inputs) if _is_picture(np.asarray(part))), None)


def _is_picture(part: np.ndarray) -> bool:
    if part.dtype.kind not in "biuf" or not len(part):
        return False
    if part.ndim == 4:
        return _ends_with_channels(part.shape) or _begins_with_channels(part.shape)
    # Without channels, pictures have the shape of sequences; in these, the second axis has no order as a rule.
    square = part.ndim == 3 and part.shape[1] == part.shape[2] >= MIN_SIDE
    return square and _neighbours_are_alike(part[:200]) and _neighbours_are_alike(part[:200].swapaxes(1, 2))


def _ends_with_channels(shape: Sequence[int]) -> bool:
    return min(shape[1], shape[2]) >= MIN_SIDE and 1 <= shape[3] <= MAX_CHANNELS


def _begins_with_channels(shape: Sequence[int]) -> bool:
    return min(shape[2], shape[3]) >= MIN_SIDE and 1 <= shape[1] <= MAX_CHANNELS


def _neighbours_are_alike(part: np.ndarray) -> bool:
    """Along the last axis, each of its places standardised, so that columns of unlike scale do not look ordered."""
    values = part.astype(float)
    deviation = values.std(axis=(0, 1))
    scaled = (values - values.mean(axis=(0, 1))) / np.where(deviation > 0, deviation, 1.0)
    shuffled = scaled[..., np.random.default_rng(0).permutation(scaled.shape[-1])]
    near, far = (float(np.mean(np.diff(item, axis=-1) ** 2)) for item in (scaled, shuffled))
    return near < ALIKE * far


def channels_last(pictures: np.ndarray) -> np.ndarray:
    """Pictures of any spelling as rows, height, width, channels.

    Example:
        >>> channels_last(np.zeros((5, 3, 20, 30))).shape
        (5, 20, 30, 3)
    """
    if pictures.ndim == 3:
        return pictures[..., np.newaxis]
    return pictures if _ends_with_channels(pictures.shape) else np.moveaxis(pictures, 1, -1)


@dataclass(frozen=True)
class Level:
    """Mean and standard deviation of the pixels of all channels of the training pictures, which bring both to a scale.

    Example:
        >>> Level.of(np.array([[[[0.0], [4.0]]]])).scale(np.array([[[[8.0]]]])).ravel()
        array([3.], dtype=float32)
    """

    centre: float
    deviation: float

    @classmethod
    def of(cls, training: np.ndarray) -> Level:
        """Measured on the first pictures, some 80 MB at most.

        Raises:
            ValueError: All pixels that are numbers are alike.
        """
        values = training[: max(1, 20 * CHUNK // max(1, int(np.prod(training.shape[1:]))))].astype(float)
        finite = values[np.isfinite(values)]
        if not finite.size or not finite.std() > 0:
            raise ValueError("pictures without contrast")
        return cls(float(finite.mean()), float(finite.std()))

    def scale(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures in deviations from the mean, as float32; outliers are cut off at ten, what is no number is zero."""
        exact = pictures.astype(np.result_type(pictures.dtype, np.float32))
        return np.nan_to_num(np.clip((exact - self.centre) / self.deviation, -10, 10)).astype(np.float32)


class RandomPatches:
    """A filter bank of patches of the training pictures.

    Example:
        >>> pictures = np.random.default_rng(0).normal(size=(50, 20, 20, 3))
        >>> RandomPatches(pictures).of(pictures[:2]).shape  # 48 filters, 2 signs, mean and maximum, whole and quarters
        (2, 960)
    """

    def __init__(self, training: np.ndarray) -> None:
        self._level = Level.of(training)
        height, width = (side // _shrinkage(training) for side in _picture_shape(training))
        self._strides = tuple(-(-(side - PATCH + 1) // PLACES) for side in (height, width))
        self._filters = self._draw(training)

    def of(self, pictures: np.ndarray) -> np.ndarray:
        """One row of pooled responses per picture."""
        rows, steps = [], self._strides
        for start in range(0, len(pictures), self._per_chunk(pictures)):
            prepared = self._prepare(pictures[start : start + self._per_chunk(pictures)])
            windows = sliding_window_view(prepared, (PATCH, PATCH), axis=(1, 2))[:, :: steps[0], :: steps[1]]
            shape = windows.shape[:3]
            # Channels last here too: their neighbours in memory are copied together.
            columns = windows.transpose(0, 1, 2, 4, 5, 3).reshape(int(np.prod(shape)), -1)
            responses = columns @ self._filters
            rows.append(_pool(responses.reshape(*shape, -1)))
        return np.concatenate(rows).astype(float)

    def _per_chunk(self, pictures: np.ndarray) -> int:
        size = len(self._filters) * PLACES**2
        return max(1, CHUNK // max(size, int(np.prod(pictures.shape[1:]))))

    def _prepare(self, pictures: np.ndarray) -> np.ndarray:
        """Channels last, on a common scale, small enough."""
        values = channels_last(self._level.scale(pictures))
        factor = _shrinkage(pictures)
        if factor == 1:
            return values
        rows, (height, width), channels = len(values), (side // factor for side in values.shape[1:3]), values.shape[3]
        whole = values[:, : height * factor, : width * factor]
        blocks: np.ndarray = whole.reshape(rows, height, factor, width, factor, channels).mean(axis=(2, 4))
        return blocks

    def _draw(self, training: np.ndarray) -> np.ndarray:
        """Random patches with more than average contrast, each without its mean and of length one, as columns."""
        generator = np.random.default_rng(0)
        places = generator.random((CANDIDATES, 2))
        per_picture = np.array_split(np.arange(CANDIDATES), min(len(training), CANDIDATES // 10))
        chosen = generator.permutation(len(training))[: len(per_picture)]
        found = np.stack(list(self._cut(training, chosen, per_picture, places)))
        centred = found - found.mean(axis=1, keepdims=True)
        contrast = np.linalg.norm(centred, axis=1)
        kept = generator.permutation(np.flatnonzero((contrast >= contrast.mean()) & (contrast > 1e-6)))[:FILTERS]
        filters: np.ndarray = (centred[kept] / contrast[kept, None]).T
        return filters

    def _cut(
        self, training: np.ndarray, chosen: np.ndarray, per_picture: Sequence[np.ndarray], places: np.ndarray
    ) -> Iterator[np.ndarray]:
        for row, numbers in zip(chosen, per_picture, strict=True):
            picture = self._prepare(training[row : row + 1])[0]
            tops, lefts = (places[numbers] * (np.array(picture.shape[:2]) - PATCH + 1)).astype(int).T
            for top, left in zip(tops, lefts, strict=True):
                yield picture[top : top + PATCH, left : left + PATCH].ravel()


def _picture_shape(pictures: np.ndarray) -> tuple[int, int]:
    first = 1 if pictures.ndim == 3 or _ends_with_channels(pictures.shape) else 2
    return pictures.shape[first], pictures.shape[first + 1]


def _shrinkage(pictures: np.ndarray) -> int:
    return max(1, -(-min(_picture_shape(pictures)) // MAX_SIDE))


def _pool(responses: np.ndarray) -> np.ndarray:
    """Of both signs, the rectified mean and the maximum over the four quarters and the whole of each picture."""
    middle_row, middle_column = responses.shape[1] // 2, responses.shape[2] // 2
    quarters = []
    for rows in (slice(middle_row), slice(middle_row, None)):
        for columns in (slice(middle_column), slice(middle_column, None)):
            part = responses[:, rows, columns].reshape(len(responses), -1, responses.shape[-1])
            positive = np.maximum(part, 0).mean(axis=1)
            negative = positive - part.mean(axis=1)
            quarters.append((positive, negative, part.max(axis=1), -part.min(axis=1)))
    means, peaks = (np.array([quarter[kinds] for quarter in quarters]) for kinds in (slice(2), slice(2, None)))
    pooled = np.concatenate([*means, *peaks, means.mean(axis=0), peaks.max(axis=0)])
    table: np.ndarray = pooled.transpose(1, 0, 2).reshape(len(responses), -1)
    return table
