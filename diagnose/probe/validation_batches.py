"""Takes rows for the validation sample from validation batches as they pass by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .data_capture import DataCapture
from .feed import BatchFeed, take
from .session import ProbeSession


class ValidationBatches:
    """Wraps ``model.test_function`` during one fit.

    Args:
        data: Where the rows go; None keeps away from the function.
        per_call: Batches that one call of the function takes.
    """

    def __init__(self, session: ProbeSession, data: DataCapture | None, per_call: int) -> None:
        self.session, self.data, self.per_call = session, data, per_call
        self._functions: tuple[Any, Any] | None = None  # the model's own, and ours
        self._ended = False
        self._feed: BatchFeed | None = None

    def attach(self, model: Any) -> None:
        """A pass over the validation data begins."""
        if model is None or not self._wanted():
            return
        if self._functions is not None:  # a pass over the validation data is over; another brings the same rows
            self._ended = True
            return
        original = model.test_function
        if original is None:
            return
        watch = self

        def test_function(iterator: Any) -> Any:
            return watch._run(original, iterator)

        self._functions = (original, test_function)
        model.test_function = test_function

    def detach(self, model: Any) -> None:
        """Give the model its own function back; where another wrapped ours meanwhile, ours is a mere passage."""
        if self._functions is not None and model.test_function is self._functions[1]:
            model.test_function = self._functions[0]
        self._ended, self._feed, self._functions = True, None, None

    def _wanted(self) -> bool:
        return self.data is not None and self.data.wants_batch(validation=True)

    def _run(self, original: Callable[[Any], Any], iterator: Any) -> Any:
        import tensorflow as tf

        if self._ended or not self._wanted() or not isinstance(iterator, tf.data.Iterator):
            return original(iterator)
        batches, self._ended = take(iterator, self.per_call)
        if not batches:
            return original(iterator)
        with self.session.soft("a validation batch"):
            for batch in batches:
                if self.data is not None:
                    self.data.add_batch(batch, validation=True)
        if self._feed is None or self._feed.element_spec is not iterator.element_spec:
            self._feed = BatchFeed(iterator.element_spec)
        return original(self._feed.short_iterator(batches) if self._ended else self._feed.iterator(batches))
