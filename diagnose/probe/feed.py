"""Takes batches from the user's iterator, and hands them to the unchanged, compiled training function."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any


class BatchFeed:
    """An iterator with the same element spec as the user's, fed by hand.

    A compiled function takes it for the user's own iterator: no retracing, the same program, the same result.
    """

    def __init__(self, element_spec: Any) -> None:
        self.element_spec = element_spec
        self._queue: deque[Any] = deque()
        self._iterator: Any = None

    def iterator(self, batches: list[Any]) -> Any:
        """An iterator whose next elements are ``batches`` (all of them are then consumed)."""
        self._queue.extend(batches)
        if self._iterator is None:
            self._iterator = iter(self._dataset(self._queue, endless=True))
        return self._iterator

    def short_iterator(self, batches: list[Any]) -> Any:
        """An iterator that ends after ``batches``, for the last, incomplete execution of an epoch."""
        return iter(self._dataset(deque(batches), endless=False))

    def clear(self) -> None:
        """Forget unconsumed batches (after a failed step)."""
        self._queue.clear()
        self._iterator = None

    def _dataset(self, queue: deque[Any], endless: bool) -> Any:
        import tensorflow as tf

        def elements() -> Iterator[Any]:
            while queue:
                yield queue.popleft()
            if endless:
                raise RuntimeError("the batch feed of the probe ran empty")

        dataset = tf.data.Dataset.from_generator(elements, output_signature=self.element_spec)
        options = tf.data.Options()
        # No prefetching: elements must be produced exactly when they are asked for.
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False
        return dataset.with_options(options)


def take(iterator: Any, count: int) -> tuple[list[Any], bool]:
    """Up to ``count`` batches, and whether the iterator ended before."""
    import tensorflow as tf

    try:
        batches = list(itertools.islice(iterator, count))
    except tf.errors.OutOfRangeError:
        return [], True
    return batches, len(batches) < count
