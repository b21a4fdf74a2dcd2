"""What reached ``fit``: facts and a small sample of inputs and targets, without disturbing the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..evaluation import in_output_order
from ..trace import ArrayFacts, DataFacts, DataSample
from .held_out import HowToPredict

MAX_ROWS = 2000
MAX_BYTES = 20_000_000
#: Arrays up to this size are measured whole; of larger ones only the sampled rows, plus a scan for NaN and infinity.
MAX_MEASURED_BYTES = 256_000_000
_SEED = 20_210_522

Named = list[tuple[str, Any]]


def named_leaves(value: Any, name: str) -> Named:
    """The arrays in a structure of lists and dicts, each with a readable name."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [leaf for key, v in value.items() for leaf in named_leaves(v, str(key))]
    if isinstance(value, list | tuple) and not hasattr(value, "dtype"):
        if len(value) == 1:
            return named_leaves(value[0], name)
        return [leaf for i, v in enumerate(value) for leaf in named_leaves(v, f"{name}[{i}]")]
    return [(name, value)]


def as_array(value: Any, rows: np.ndarray | slice | None = None) -> np.ndarray | None:
    """Rows of an array-like as NumPy, None if it is no dense numeric or text array."""
    if hasattr(value, "iloc"):  # pandas
        value = (value if rows is None else value.iloc[rows]).to_numpy()
        rows = None
    elif hasattr(value, "toarray"):  # scipy.sparse
        value = (value if rows is None else value.tocsr()[rows]).toarray()
        rows = None
    elif type(value).__name__ in {"SparseTensor", "RaggedTensor"}:
        return None
    if not isinstance(value, np.ndarray):
        if not hasattr(value, "__array__"):
            return None
        from_tensor = hasattr(value, "numpy")
        value = np.asarray(value)
        if from_tensor and value.dtype == object:  # text of TensorFlow's comes as bytes
            value = np.array([str(v, "utf-8", "replace") for v in value.reshape(-1)]).reshape(value.shape)
    if rows is not None:
        value = value[rows]
    if value.dtype == object:
        try:
            value = value.astype(np.float32)
        except (TypeError, ValueError):
            return None
    return value if value.ndim >= 1 else None


def row_count(leaves: Named) -> int | None:
    """Number of rows of the first leaf that has a shape."""
    for _, leaf in leaves:
        shape = getattr(leaf, "shape", None)
        rows: Any = shape[0] if shape is not None and len(shape) else None
        if rows is not None:
            return int(rows)
    return None


def chosen_rows(leaves: Named, start: int, stop: int) -> np.ndarray:
    """Positions of at most MAX_ROWS random rows in ``start:stop`` that together stay below MAX_BYTES, in order."""
    size = 1
    for _, leaf in leaves:
        shape = tuple(int(d) for d in getattr(leaf, "shape", ())[1:])
        dtype = getattr(leaf, "dtype", None)
        width: Any = getattr(dtype, "itemsize", None) or getattr(
            dtype, "size", 8
        )  # NumPy's or TensorFlow's word for it
        size += int(np.prod(shape, dtype=np.int64)) * int(width)
    wanted = min(stop - start, MAX_ROWS, max(1, MAX_BYTES // size))
    if wanted >= stop - start:
        return np.arange(start, stop)
    generator = np.random.default_rng(_SEED)  # ours alone: the user's global generator must not move
    return np.sort(generator.choice(np.arange(start, stop), size=wanted, replace=False))


@dataclass
class DataCapture:
    """Collects facts and a sample of one fit's data.

    Attributes:
        kind: ``arrays``, ``tf.data``, ``generator`` or ``PyDataset``.
        from_batches: The sample is to be collected from training batches as they pass by.
        validation_from_batches: Likewise for validation batches.
        output_names: Of the model; targets that are given by name are put in this order.
    """

    kind: str
    note: Callable[[str], None]
    rows: int | None = None
    validation_rows: int | None = None
    has_validation: bool = False
    has_sample_weight: bool = False
    has_class_weight: bool = False
    training: tuple[Named, Named] = field(default_factory=lambda: ([], []))
    validation: tuple[Named, Named] = field(default_factory=lambda: ([], []))
    facts: tuple[tuple[ArrayFacts, ...], tuple[ArrayFacts, ...]] = ((), ())
    validation_facts: tuple[tuple[ArrayFacts, ...], tuple[ArrayFacts, ...]] = ((), ())
    from_batches: bool = False
    validation_from_batches: bool = False
    inputs_are_named: bool = False
    output_names: tuple[str, ...] = ()
    class_weights: dict[str, float] = field(default_factory=dict)
    sample_weights: ArrayFacts | None = None
    _batches: dict[bool, BatchCollector] = field(default_factory=dict)
    _joined_rows: dict[bool, int] = field(default_factory=dict)

    @classmethod
    def of(cls, given: dict[str, Any], note: Callable[[str], None], output_names: tuple[str, ...] = ()) -> DataCapture:
        """Look at the arguments of a ``fit`` call."""
        x, y = given.get("x"), given.get("y")
        kind = data_kind(x)
        capture = cls(
            kind=kind,
            note=note,
            has_sample_weight=given.get("sample_weight") is not None,
            has_class_weight=given.get("class_weight") is not None,
            from_batches=kind != "arrays",
            inputs_are_named=isinstance(x, dict),
            output_names=output_names,
        )
        capture._take_weights(given.get("class_weight"), given.get("sample_weight"))
        split = float(given.get("validation_split") or 0.0)
        if kind == "arrays":
            capture._take_arrays(x, y, split if given.get("validation_data") is None else 0.0)
        capture._take_validation(given.get("validation_data"))
        return capture

    def _target_leaves(self, y: Any) -> Named:
        return named_leaves(in_output_order(y, self.output_names), "y")

    def _take_weights(self, by_class: Any, by_sample: Any) -> None:
        if isinstance(by_class, dict):
            self.class_weights = {str(key): float(value) for key, value in by_class.items()}
        leaves = named_leaves(by_sample, "sample_weight")
        array = as_array(leaves[0][1]) if len(leaves) == 1 else None
        if array is not None and array.size and array.dtype.kind in "biuf":
            self.sample_weights = measured_array("sample_weight", array, None)

    def _take_arrays(self, x: Any, y: Any, split: float) -> None:
        inputs, targets = named_leaves(x, "x"), self._target_leaves(y)
        total = row_count(inputs)
        if total is None or any(row_count([leaf]) not in (None, total) for leaf in [*inputs, *targets]):
            return  # nothing to measure; different numbers of rows are refused by Keras itself
        # Keras takes the last share of the rows for validation, before shuffling.
        boundary = int(np.floor(total * (1.0 - split))) if split else total
        self.rows = boundary
        self.facts, self.training = self._measure(inputs, targets, 0, boundary)
        if boundary < total:
            self.has_validation = True
            self.validation_rows = total - boundary
            self.validation_facts, self.validation = self._measure(inputs, targets, boundary, total)

    def _take_validation(self, data: Any) -> None:
        if data is None:
            return
        self.has_validation = True
        if not isinstance(data, list | tuple) or data_kind(data) != "arrays":
            self.validation_from_batches = True
            return
        inputs = named_leaves(data[0], "x")
        targets = self._target_leaves(data[1]) if len(data) > 1 else []
        total = row_count(inputs)
        if total is None:
            self.validation_from_batches = True
            return
        self.validation_rows = total
        self.validation_facts, self.validation = self._measure(inputs, targets, 0, total)

    def _measure(
        self, inputs: Named, targets: Named, start: int, stop: int
    ) -> tuple[tuple[tuple[ArrayFacts, ...], tuple[ArrayFacts, ...]], tuple[Named, Named]]:
        rows = chosen_rows(inputs + targets, start, stop)
        facts, sample = [], []
        for leaves in (inputs, targets):
            kept: Named = []
            measured: list[ArrayFacts] = []
            for name, leaf in leaves:
                part = as_array(leaf, rows)
                if part is None:
                    self.note(f"Data {name!r} ({type(leaf).__name__}) could not be read as an array.")
                    continue
                part = part.copy()
                kept.append((name, part))
                measured.extend(self._facts(name, leaf, part, start, stop))
            sample.append(kept)
            facts.append(tuple(measured))
        return (facts[0], facts[1]), (sample[0], sample[1])

    @property
    def how_to_predict(self) -> HowToPredict:
        """How the model is to be asked for predictions on this sample."""
        return HowToPredict(self.inputs_are_named, self.kind == "arrays")

    def take_sampled(self, x: Any, y: Any, rows: np.ndarray) -> None:
        """Take some rows of held-out arrays, and measure no others."""

        def of(leaves: Named) -> tuple[tuple[ArrayFacts, ...], Named]:
            parts = [(name, leaf, as_array(leaf, rows)) for name, leaf in leaves]
            kept = [(name, leaf, part.copy()) for name, leaf, part in parts if part is not None]
            facts = tuple(measured_array(name, part, row_count([(name, leaf)])) for name, leaf, part in kept)
            return facts, [(name, part) for name, _, part in kept]

        (input_facts, inputs), (target_facts, targets) = of(named_leaves(x, "x")), of(self._target_leaves(y))
        self.validation_facts, self.validation = (input_facts, target_facts), (inputs, targets)

    def _facts(self, name: str, leaf: Any, sampled: np.ndarray, start: int, stop: int) -> list[ArrayFacts]:
        size = sampled.nbytes / max(1, len(sampled)) * (stop - start)
        try:
            whole = as_array(leaf, slice(start, stop)) if size <= MAX_MEASURED_BYTES else sampled
            return [measured_array(name, whole if whole is not None else sampled, stop - start)]
        except Exception as error:
            self.note(f"Facts of data {name!r} could not be computed: {type(error).__name__}: {error}")
            return []

    def wants_batch(self, validation: bool) -> bool:
        """Whether a batch that passes by would add to the sample."""
        if not (self.validation_from_batches if validation else self.from_batches):
            return False
        collector = self._batches.get(validation)
        return collector is None or not collector.full

    def add_batch(self, data: Any, validation: bool) -> None:
        """Take rows of a batch ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)`` of tensors."""
        if not self.wants_batch(validation):
            return
        parts = data if isinstance(data, tuple) else (data,)
        self.inputs_are_named = isinstance(parts[0], dict)
        collector = self._batches.setdefault(validation, BatchCollector())
        collector.add(named_leaves(parts[0], "x"), self._target_leaves(parts[1]) if len(parts) > 1 else [])
        if len(parts) > 2 and not validation and not self.has_class_weight:
            self.has_sample_weight = self.has_sample_weight or _present(parts[2])

    def finish(self) -> tuple[DataFacts, DataSample | None]:
        """Facts and sample of everything seen."""
        for validation, collector in self._batches.items():
            if collector.rows == self._joined_rows.get(validation):
                continue
            self._joined_rows[validation] = collector.rows
            inputs, targets = collector.joined()
            facts = tuple(
                tuple(f for name, array in leaves for f in self._facts_of_batches(name, array))
                for leaves in (inputs, targets)
            )
            if validation:
                self.validation, self.validation_facts = (inputs, targets), (facts[0], facts[1])
            else:
                self.training, self.facts = (inputs, targets), (facts[0], facts[1])
        data = DataFacts(
            kind=self.kind,
            inputs=self.facts[0],
            targets=self.facts[1],
            rows=self.rows,
            validation_rows=self.validation_rows,
            validation_inputs=self.validation_facts[0],
            validation_targets=self.validation_facts[1],
            has_validation=self.has_validation,
            has_sample_weight=self.has_sample_weight,
            has_class_weight=self.has_class_weight,
            class_weights=dict(self.class_weights),
            sample_weights=self.sample_weights,
        )
        if not self.training[0]:
            return data, None
        groups = (*self.training, *self.validation)
        return data, DataSample(*(tuple(array for _, array in leaves) for leaves in groups))

    def _facts_of_batches(self, name: str, array: np.ndarray) -> list[ArrayFacts]:
        try:
            facts = measured_array(name, array, None)
            return [replace(facts, shape=(None, *facts.shape[1:]))]
        except Exception as error:
            self.note(f"Facts of data {name!r} could not be computed: {type(error).__name__}: {error}")
            return []


@dataclass
class BatchCollector:
    """Rows gathered from batches until the sample is full."""

    inputs: list[Named] = field(default_factory=list)
    targets: list[Named] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    @property
    def full(self) -> bool:
        return self.rows >= MAX_ROWS or self.size >= MAX_BYTES

    def add(self, inputs: Named, targets: Named) -> None:
        parts: list[Named] = []
        for leaves in (inputs, targets):
            arrays = [(name, as_array(leaf)) for name, leaf in leaves]
            parts.append([(name, array.copy()) for name, array in arrays if array is not None])
        if not parts[0]:
            return
        count = len(parts[0][0][1])
        per_row = max(1, sum(a.nbytes for leaves in parts for _, a in leaves) // max(1, count))
        take = min(count, MAX_ROWS - self.rows, max(1, (MAX_BYTES - self.size) // per_row))
        self.inputs.append([(name, a[:take]) for name, a in parts[0]])
        self.targets.append([(name, a[:take]) for name, a in parts[1]])
        self.rows += take
        self.size += take * per_row

    def joined(self) -> tuple[Named, Named]:
        return _joined(self.inputs), _joined(self.targets)


def _joined(batches: list[Named]) -> Named:
    result: Named = []
    for position, (name, first) in enumerate(batches[0] if batches else []):
        arrays = [b[position][1] for b in batches if len(b) > position and b[position][1].shape[1:] == first.shape[1:]]
        result.append((name, np.concatenate(arrays)))
    return result


def data_kind(x: Any) -> str:
    """``arrays``, ``tf.data``, ``generator`` or ``PyDataset``."""
    import keras
    import tensorflow as tf

    if isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset):
        return "tf.data"
    if isinstance(x, keras.utils.PyDataset):
        return "PyDataset"
    if hasattr(x, "__next__") or type(x).__module__.partition(".")[0] == "torch" or type(x).__name__ == "DataLoader":
        return "generator"
    return "arrays"


def measured_array(name: str, array: np.ndarray, rows: int | None) -> ArrayFacts:
    """Facts of an array of which ``rows`` rows exist in all (None: unknown)."""
    from ..task import array_facts

    return array_facts(name, array, rows=rows)


def _present(value: Any) -> bool:
    return value is not None and type(value).__name__ not in {"Optional", "_OptionalImpl"}
