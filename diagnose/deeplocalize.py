"""``DeepLocalize``: the callback of Wardat, Le and Rajan (2021) for Keras 3, a baseline to compare with.

Source: M. Wardat, W. Le, H. Rajan, "DeepLocalize: Fault Localization for Deep Neural Networks", ICSE 2021, and the
behaviour of the callback in its published code. Nothing of dlfix's own diagnosis is in here, and known weaknesses of
the procedure are kept: a softmax layer looks unchanged to it, as the mean of its outputs is always one over their
number, and the gradient of a kernel before softmax and cross-entropy sums to zero, now and then exactly.

The procedure, after every batch ``b`` of training. Each tensor is reduced to *one* number, the mean of all its entries.
The first test that fires ends it.

1. Output of each layer, first to last: ``Error in forward``.
2. Kernel of each layer, last to first: ``Error in Weights``.
3. Loss and accuracy of the batch: ``Invalid loss``, ``Invalid accuracy``, ``MDL`` (the model does not learn).
4. Gradient of each kernel, last to first, of layers with "dense" in their name: ``Error in delta Weights``.
5. Gradient with respect to the output of each layer, last to first: ``Error in Output Gradient``.

Tests of one mean, with ``c`` the number of batches seen so far:

- *numerical*: NaN or infinite;
- *zero*: exactly 0, and it was so in at least ``c / 2`` batches (one is enough in the first);
- *unchanged*: ``c`` is a multiple of 5, and the mean of the last five means equals their maximum. Outputs and their
  gradients of layers with "flatten" in the name are exempt, and kernels of layers without "dense" in it.

Loss and accuracy are tested for NaN and infinity (``Invalid …``), and for five equal values (``MDL``).

Kept faithfully: order, tests and thresholds; names decide what is a dense or flatten layer; separate activation layers
count as layers; means in the precision of the tensors; the rows probed are ``x[b * batch_size:(b + 1) * batch_size]``
in stored order, which is not the batch that was trained on when ``fit`` shuffles (it does by default); the model is
probed after the update by that batch.

Changed, because Keras 3 is not Keras 2.2:

- The process is not ended; training is stopped, and the verdict kept.
- Outputs and gradients come from one compiled function, built once. The original adds operations to the graph in every
  batch, which takes hundreds of times as long and finds nothing more.
- A kernel is what a layer calls ``kernel``. Layers without one (batch normalization, embeddings, recurrent layers) have
  no probes 2 and 4; the original fails on them, and on layers without a bias.
- Tensors that the loss does not depend on have no gradient to probe. The output of a last layer with softmax or
  sigmoid can be one: Keras 3 computes its cross-entropy from what goes into the activation. Nor have frozen kernels.
- The logs of Keras 3 hold averages over the epoch so far; the loss and the accuracy of the batch are recovered from
  what those averages are made of, and values within their rounding count as equal. Accuracy is the metric called
  ``acc`` or ``accuracy``.
- Layers are run as in inference (no dropout), so that probing changes no state.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

WINDOW = 5  # batches, as published

_ARRAYS_ONLY = "DeepLocalize takes slices of arrays; pass the x and y that fit gets, as one array each."


class DeepLocalizeError(ValueError):
    """The procedure cannot be followed with this model or these data."""


@dataclass(frozen=True)
class DeepLocalizeVerdict:
    """What was found.

    Attributes:
        batch: Number of the batch within its epoch, from 0.
        layer: Index in ``model.layers``; None for verdicts on the whole model.
        phase: ``forward``, ``weights``, ``loss``, ``accuracy``, ``learning``, ``weight gradient``, ``output gradient``.
        message: In the words of the original.
        epoch: From 0.
    """

    batch: int
    layer: int | None
    phase: str
    message: str
    epoch: int


class DeepLocalize(keras.callbacks.Callback):  # type: ignore[misc]
    """Probes the model after every batch and stops training at the first error; see the module for what and how.

    Args:
        x: The inputs that ``fit`` gets.
        y: The targets that ``fit`` gets.
        batch_size: The batch size that ``fit`` uses; it is 32 there, too, when none is given.

    Attributes:
        verdict: What was found, None if nothing was. One that has a verdict probes no more.

    Raises:
        DeepLocalizeError: From here, or from ``fit``, when the procedure cannot be followed: several inputs or outputs,
            data that are no arrays, models that have no graph of layers.

    Example:
        >>> localizer = DeepLocalize(x, y, batch_size=32)  # doctest: +SKIP
        >>> model.fit(x, y, batch_size=32, callbacks=[localizer])  # doctest: +SKIP
        >>> localizer.verdict.message  # doctest: +SKIP
        'Batch 0 layer 1: Error in forward'
    """

    def __init__(self, x: Any, y: Any, batch_size: int = 32) -> None:
        super().__init__()
        if keras.backend.backend() != "tensorflow":
            raise DeepLocalizeError(f"DeepLocalize needs TensorFlow; the backend is {keras.backend.backend()}.")
        if batch_size < 1:
            raise DeepLocalizeError(f"The batch size must be at least 1, not {batch_size}.")
        self.x, self.y = _array(x, "x"), _array(y, "y")
        if len(self.x) != len(self.y):
            raise DeepLocalizeError(f"x has {len(self.x)} rows and y has {len(self.y)}.")
        self.batch_size = batch_size
        self.verdict: DeepLocalizeVerdict | None = None
        self._seen = 0
        self._epoch = 0
        self._windows: dict[tuple[str, int], _Window] = {}
        self._metrics: dict[str, _BatchMean] = {}
        self._probe: _Probe | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        steps, available = (self.params or {}).get("steps"), math.ceil(len(self.x) / self.batch_size)
        if steps is not None and steps > available:
            raise DeepLocalizeError(
                f"fit trains {steps} batches per epoch, and x holds {available} of {self.batch_size} rows: "
                "batch_size and x must be those of fit."
            )
        if getattr(self.model, "steps_per_execution", 1) != 1:
            raise DeepLocalizeError("DeepLocalize looks at every batch; compile with steps_per_execution=1.")
        # A model that is built by its first batch is asked for its layers after that.
        self._probe = _Probe(self.model) if self.model.built else None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._metrics.clear()  # Keras starts its averages anew

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.verdict is not None:
            return
        if self._probe is None:
            self._probe = _Probe(self.model)
        self._seen += 1
        rows = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
        for layer, phase, message in self._errors(self._probe, rows, logs or {}):
            where = f"Batch {batch}" if layer is None else f"Batch {batch} layer {layer}"
            self.verdict = DeepLocalizeVerdict(batch, layer, phase, f"{where}: {message}", self._epoch)
            self.model.stop_training = True
            return

    def _errors(self, probe: _Probe, rows: slice, logs: Mapping[str, Any]) -> Iterator[tuple[int | None, str, str]]:
        """Errors in the order of the procedure, of which only the first is asked for."""
        names = [layer.name for layer in probe.layers]
        last_to_first = range(len(names) - 1, -1, -1)
        seen = probe.look(self.x[rows], self.y[rows])
        for index, name in enumerate(names):
            if self._fires("forward", index, seen.outputs[index], "flatten" not in name):
                yield index, "forward", "Error in forward"
        for index in last_to_first:
            if self._fires("weights", index, seen.kernels[index], "dense" in names[index]):
                yield index, "weights", "Error in Weights"
        yield from self._metric_errors(logs)
        for index in last_to_first:
            if "dense" in names[index] and self._fires("weight gradient", index, seen.kernel_gradients[index], True):
                yield index, "weight gradient", "Error in delta Weights"
        for index in last_to_first:
            if self._fires("output gradient", index, seen.output_gradients[index], "flatten" not in names[index]):
                yield index, "output gradient", "Error in Output Gradient"

    def _metric_errors(self, logs: Mapping[str, Any]) -> Iterator[tuple[None, str, str]]:
        for name, phase in (("loss", "loss"), ("acc", "accuracy"), ("accuracy", "accuracy")):
            if name not in logs:
                continue
            value, error = self._metrics.setdefault(name, _BatchMean()).next(self.model, name, logs[name])
            window = self._windows.setdefault((name, 0), _Window())
            window.add(value, error)
            if not math.isfinite(value):
                yield None, phase, f"Invalid {phase}"
            elif self._seen % WINDOW == 0 and window.is_equal():
                yield None, "learning", "MDL"

    def _fires(self, phase: str, index: int, tensor: np.ndarray | None, unchanged_counts: bool) -> bool:
        if tensor is None:
            return False
        window = self._windows.setdefault((phase, index), _Window())
        mean = np.mean(tensor)
        window.add(mean)
        if not np.isfinite(mean):
            return True
        if mean == 0 and window.zeros >= self._seen / 2:
            return True
        return unchanged_counts and self._seen % WINDOW == 0 and window.is_unchanged()


@dataclass
class _Window:
    """The last five means of one tensor, or values of one metric."""

    values: deque[Any] = field(default_factory=lambda: deque(maxlen=WINDOW))
    errors: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    zeros: int = 0

    def add(self, value: Any, error: float = 0.0) -> None:
        self.values.append(value)
        self.errors.append(error)
        self.zeros += bool(value == 0)

    def is_unchanged(self) -> bool:
        return len(self.values) == WINDOW and bool(np.mean(self.values) == np.max(self.values))

    def is_equal(self) -> bool:
        spread = max(self.values) - min(self.values)
        return len(self.values) == WINDOW and bool(spread <= 2 * max(self.errors))


@dataclass
class _BatchMean:
    """Recovers the value of each batch from a metric of Keras that averages over the epoch so far."""

    total: float = 0.0
    count: float = 0.0

    def next(self, model: Any, name: str, logged: Any) -> tuple[float, float]:
        """The value of the latest batch and its rounding error; what was logged where the metric is no average."""
        metric = next((one for one in _metrics(model) if one.name == name and hasattr(one, "total")), None)
        if metric is None or not hasattr(metric, "count"):
            return float(logged), 0.0
        total, count = np.asarray(metric.total), float(np.asarray(metric.count))
        rows = count - self.count
        value = (float(total) - self.total) / rows if rows else float(logged)
        self.total, self.count = float(total), count
        error = float(np.spacing(abs(total))) / rows if rows and np.isfinite(total) else 0.0
        return value, error


def _metrics(model: Any) -> list[Any]:
    """The loss average and the compiled metrics, which Keras keeps in a metric of metrics."""
    return [inner for one in model.metrics for inner in (getattr(one, "metrics", None) or [one])]


@dataclass(frozen=True)
class _Seen:
    """Tensors by index of the layer; None where a layer has no such tensor."""

    outputs: Sequence[np.ndarray]
    kernels: Sequence[np.ndarray | None]
    kernel_gradients: Sequence[np.ndarray | None]
    output_gradients: Sequence[np.ndarray | None]


class _Probe:
    """Runs a model on rows and hands out outputs, kernels and gradients of each layer."""

    def __init__(self, model: Any) -> None:
        import tensorflow as tf

        self.model = model
        self.layers = list(model.layers)
        self._outputs = keras.Model(_single(model, "inputs"), _outputs_of_layers(model))
        self._differentiate = tf.function(self._gradients, autograph=False, reduce_retracing=True)

    def look(self, x: np.ndarray, y: np.ndarray) -> _Seen:
        outputs, kernel_gradients, output_gradients = self._differentiate(x, y)
        by_layer = {index: _numpy(kernel_gradients[place]) for place, index in enumerate(self._trained_kernels())}
        return _Seen(
            outputs=[np.asarray(output) for output in outputs],
            kernels=[_numpy(getattr(layer, "kernel", None)) for layer in self.layers],
            kernel_gradients=[by_layer.get(index) for index in range(len(self.layers))],
            output_gradients=[_numpy(gradient) for gradient in output_gradients],
        )

    def _trained_kernels(self) -> list[int]:
        trained = {id(variable) for variable in self.model.trainable_variables}
        return [index for index, layer in enumerate(self.layers) if id(getattr(layer, "kernel", None)) in trained]

    def _gradients(self, x: Any, y: Any) -> tuple[list[Any], list[Any], list[Any]]:
        import tensorflow as tf

        with tf.GradientTape(persistent=True) as tape:
            if x.dtype.is_floating:
                tape.watch(x)
            outputs = keras.tree.flatten(self._outputs(x, training=False))
            loss = self.model.compute_loss(x=x, y=y, y_pred=outputs[-1], training=False)
        kernels = [self.layers[index].kernel for index in self._trained_kernels()]
        layer_outputs = outputs[: len(self.layers)]
        return layer_outputs, tape.gradient(loss, kernels), tape.gradient(loss, layer_outputs)


def _single(model: Any, what: str) -> Any:
    try:
        tensors = getattr(model, what)
    except AttributeError:
        tensors = None
    if tensors is None:
        raise DeepLocalizeError(
            f"The outputs of the layers of {model.name!r} are not known: DeepLocalize needs a Sequential or functional "
            "model; this one runs its layers by code of its own."
        )
    flat = keras.tree.flatten(tensors)
    if len(flat) != 1:
        raise DeepLocalizeError(f"{model.name!r} has {len(flat)} {what}; DeepLocalize knows models with one.")
    return flat[0]


def _outputs_of_layers(model: Any) -> list[Any]:
    """The output of each layer within this model, and that of the model.

    ``layer.output`` is not it: a Sequential model calls its layers again with each one that is added.
    """
    last = _single(model, "outputs")
    found: dict[int, Any] = {}
    visited: set[tuple[int, int]] = set()
    waiting = [last]
    while waiting:
        operation, node_index, _ = waiting.pop()._keras_history
        if (id(operation), node_index) in visited:
            continue
        visited.add((id(operation), node_index))
        if id(operation) in found:
            raise DeepLocalizeError(
                f"Layer {operation.name!r} is used several times; it has no single output to probe."
            )
        node = operation._inbound_nodes[node_index]
        found[id(operation)] = keras.tree.flatten(node.outputs)[0]
        waiting.extend(node.arguments.keras_tensors)
    missing = [layer.name for layer in model.layers if id(layer) not in found]
    if missing:
        raise DeepLocalizeError(f"The output of the model does not depend on its layers {', '.join(missing)}.")
    return [*(found[id(layer)] for layer in model.layers), last]


def _numpy(tensor: Any) -> np.ndarray | None:
    import tensorflow as tf

    if tensor is None:
        return None
    if isinstance(tensor, tf.IndexedSlices):
        tensor = tf.convert_to_tensor(tensor)
    return np.asarray(tensor)


def _array(value: Any, name: str) -> np.ndarray:
    """One dense array of numbers, floats in the precision in which Keras trains."""
    if not hasattr(value, "shape") or not hasattr(value, "__array__"):
        raise DeepLocalizeError(f"{name} is {_kind(value)}. {_ARRAYS_ONLY}")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or not array.ndim:
        raise DeepLocalizeError(f"{name} is an array of {array.dtype} with {array.ndim} dimensions. {_ARRAYS_ONLY}")
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return "missing" if value is None else f"of type {type(value).__name__}"
