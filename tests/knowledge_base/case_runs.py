"""Runs made from the facts of the benchmark's cases: a program, its trace, and a diagnosis that names its faults.

Nothing is trained. The program is written down from the model, compile and fit facts of a case, so that edits can be
made in it; the arrays have the shapes, ranges and encodings that the case states.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from dlfix.diagnose.checks.subject import Subject
from dlfix.diagnose.evidence import EVIDENCE, LAYER_KINDS
from dlfix.diagnose.findings import Diagnosis, Fault, LayerReference, ReferenceScores, Symptom
from dlfix.diagnose.localize import _details
from dlfix.diagnose.losses import canonical_name
from dlfix.diagnose.structure import LINEAR_MAP_LAYERS
from dlfix.diagnose.task import array_facts, infer_task
from dlfix.diagnose.trace import DataSample, FitTrace, LayerFacts, LossFacts, Trace
from dlfix.knowledge_base.case_schema import Case, CaseLayer
from dlfix.knowledge_base.loader import load_cases
from dlfix.repair.patching import SourceFiles
from facts_from_source import fit_from_source

#: Rows of the arrays that are made: enough to tell classes, and few enough for pictures.
ROWS, ENTRIES = 600, 400_000
#: Cases whose targets do not follow from the inputs, so that no reference learner can do anything with them.
UNLEARNABLE = frozenset({"39217567", "45337371"})

_Table = Callable[[np.random.Generator, int], list[np.ndarray]]

#: Tables whose columns differ, as the case's facts describe them; all other inputs fill their range evenly.
TABLES: dict[str, _Table] = {
    "47724077": lambda random, rows: [
        *(random.integers(0, codes, rows) for codes in (9, 16, 7, 15, 6, 5, 2, 12)),
        *(random.uniform(0, high, rows) for high in (90, 16, 99, 60)),
        np.exp(random.normal(0, 2.5, rows)).clip(0, 1000) * 100,
        np.exp(random.normal(12, 0.7, rows)).clip(0, 1484705),
    ],
    "31627380": lambda random, rows: [
        random.integers(1, 4, rows),  # class
        np.append(0, random.permutation(2 * rows)[: rows - 1] % 1307),  # name, a code per passenger
        random.integers(0, 2, rows),  # sex
        random.uniform(0, 80, rows),
        random.integers(0, 9, rows),
        random.integers(0, 7, rows),
        np.append(0, random.permutation(929)[: rows - 1]),  # ticket
        np.exp(random.normal(3, 1.3, rows)).clip(0, 512),  # fare
        random.integers(0, 187, rows),  # cabin
        random.integers(0, 3, rows),  # port
    ],
    "58609115": lambda random, rows: [np.floor(10 ** random.uniform(0, 9, rows))],
    "DDOS-ML-Detection": lambda random, rows: [
        np.arange(rows),  # packet id
        *(random.integers(0, codes, rows) for codes in (3, 5, 8)),
        *(random.uniform(0, 10 ** (index % 8), rows) for index in range(23)),
    ],
    "kaggle-melbourne_properties": lambda random, rows: [random.uniform(0, 2e5, rows) for _ in range(74)],
}


@dataclass(frozen=True)
class CaseRun:
    """What a case comes to: program, trace, and the index that each of the case's layers has in the trace."""

    case: Case
    program: str
    trace: Trace
    layers: dict[int, int]

    @property
    def fit(self) -> FitTrace:
        return self.trace.fits[0]

    @cached_property
    def sources(self) -> SourceFiles:
        return SourceFiles.from_texts({"train.py": self.program})

    @property
    def subject(self) -> Subject:
        return Subject(self.fit, self._task(), ReferenceScores(0.0, None, None))

    def _task(self) -> Any:
        target, loss = self.fit.data.targets[0], canonical_name(self.fit.compile.losses[0].name)
        return infer_task(target, loss=loss, output_units=self.fit.model.layers[max(self.layers.values())].units)

    def diagnosis(self, faults: tuple[Fault, ...]) -> Diagnosis:
        best = 0.0 if self.case.id in UNLEARNABLE else 0.8
        return Diagnosis("faulty", self._task(), (), faults, ReferenceScores(0.0, best, best), ())

    def fault(self, kind: str, layer: int | None = None, before: Any = None, after: Any = None) -> Fault:
        """A fault of this run, with the details that localization gives to one of its kind."""
        subject = self.subject
        index = self.layers[layer] if layer is not None else self._implied_layer(kind)
        facts = None if index is None else self.fit.model.layers[index]
        where = None if facts is None else LayerReference(facts.index, facts.name)
        value = before if isinstance(before, float) else None
        symptom = Symptom(self._symptom(kind, before, after), "", value=value, layer=where)
        details = _details(kind, subject, [symptom], where)
        if kind == "training_data" and self.fit.data.targets[0].std:
            del details["cause"]  # one of several, which the case does not tell apart
        return Fault(kind, "", 0.8, layer=where, details=details)

    def _implied_layer(self, kind: str) -> int | None:
        if kind in ("output_activation", "output_units", "layers"):
            return max(index for index in self.layers.values() if self.fit.model.layers[index].parameters)
        assert kind not in LAYER_KINDS, f"{self.case.id}: {kind} names a layer"
        return None

    def _symptom(self, kind: str, before: Any, after: Any) -> str:
        """The check that would most likely have seen the fault."""
        if kind == "learning_rate":
            return "undersized-updates" if _rises(before, after) else "oversized-updates"
        if kind == "batch_size":
            return "noisy-batches" if _rises(before, after) else "oversized-batch"
        if kind == "hidden_activation":
            return "missing-nonlinearity" if before == "linear" else "vanishing-gradient"
        if kind == "layers":
            return "collapsed-feature-maps"
        return next(iter(EVIDENCE[kind].primary)) if kind in EVIDENCE else kind


def _rises(before: Any, after: Any) -> bool:
    """Whether a setting becomes larger; steps of Adam are larger than its rate says beside one of plain SGD."""
    numbers = [number(before), number(after)]
    return None in numbers or "larger" in str(after) or numbers[0] <= numbers[1]  # type: ignore[operator]


def number(value: Any) -> float | None:
    """The first number in a value of the case file, ``about 0.1 to 0.5`` included."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = re.search(r"\d+(\.\d+)?([eE]-?\d+)?", str(value))
    return float(found.group()) if found else None


def case_run(case: Case) -> CaseRun:
    """The run of a case, made once."""
    return _made(case.id)


@cache
def _made(case_id: str) -> CaseRun:
    case = load_cases()[case_id]
    lines, layers = _model_lines(case)
    program = "\n".join([*_HEAD, *_data_lines(case), *lines, *_training_lines(case), ""])
    x, y = _inputs(case), _labels(case)
    kind = "generator" if case.data.labels.encoding.endswith("binary class mode") else "arrays"
    made = fit_from_source(program, x=x, y=y, kind=kind)
    rows = next((size for name, size in case.data.samples.items() if name == "train" and isinstance(size, int)), 1000)
    facts = {layers[item.index]: item for item in case.model}
    built: list[LayerFacts] = []
    for layer in made.model.layers:
        known = _with_facts(case, layer, facts.get(layer.index))
        built.append(replace(known, units=built[-1].units) if known.units is None and built else known)
    size = sum(layer.parameters for layer in built)
    optimizer = case.compile.optimizer
    model = replace(
        made.model,
        layers=tuple(built),
        parameters=size,
        trainable_parameters=size,
        input_shapes=((None, *case.data.input_shape),),
        output_shapes=((None, *_output_shape(case)),),
    )
    compiled = replace(
        made.compile,
        optimizer=replace(
            made.compile.optimizer,
            learning_rate=optimizer.learning_rate,
            config={"momentum": optimizer.momentum, "nesterov": optimizer.nesterov},
        ),
        losses=(LossFacts(case.compile.loss, site=made.compile.site),),
    )
    fit = replace(
        made,
        model=model,
        compile=compiled,
        fit=replace(
            made.fit,
            epochs=case.fit.epochs or 1,
            batch_size=case.fit.batch_size,
            steps_per_epoch=case.fit.steps_per_epoch,
            shuffle=bool(case.fit.shuffle),
        ),
        data=replace(
            made.data,
            inputs=(array_facts("x", x, rows=rows),),
            targets=(array_facts("y", y, rows=rows),),
            rows=rows,
            has_validation=case.fit.validation is not None,
        ),
        sample=DataSample((x,), (y[: len(x)],)),
        epoch_metrics={"loss": (1.0,) * (case.fit.epochs or 1)},
    )
    return CaseRun(case, program, Trace("/p/train.py", "/p", (), "completed", 1.0, (fit,)), layers)


# --------------------------------------------------------------------------------------------------------- the program

_HEAD = ["import keras", "import numpy as np", "from keras import layers", ""]


def _data_lines(case: Case) -> list[str]:
    if case.data.labels.encoding.endswith("binary class mode"):
        flow = 'flow_from_directory("train", class_mode="binary")'
        return [f"train_data = keras.preprocessing.image.ImageDataGenerator(rescale=1.0 / 255).{flow}"]
    lines = ['x_train = np.load("x_train.npy")', 'y_train = np.load("y_train.npy")', 'x_test = np.load("x_test.npy")']
    if "divided by 255" in case.data.labels.encoding:
        lines += ["y_train = y_train / 255"]
    if "test pixels left" in case.data.scaling:
        lines += ["x_train = x_train / 255"]
    return lines


def _model_lines(case: Case) -> tuple[list[str], dict[int, int]]:
    lines, indices, count = ["model = keras.Sequential()"], {}, 0
    for item in case.model:
        separate = case.activations_are_separate_layers and item.type in LINEAR_MAP_LAYERS and _is_set(item.activation)
        indices[item.index] = count
        lines.append(f"model.add({_layer(item, own_activation=not separate)})")
        count += 1
        if separate:
            lines.append(f'model.add(layers.Activation("{item.activation}"))')
            count += 1
    return lines, indices


def _is_set(activation: str | None) -> bool:
    return activation not in (None, "linear")


def _layer(item: CaseLayer, *, own_activation: bool) -> str:
    extra = item.model_extra or {}
    if item.type == "Lambda":
        return "layers.Lambda(lambda x: x)"
    if item.type == "Activation":
        return f'layers.Activation("{item.activation}")'
    sizes = [str(_plain(extra[name])) for name in ("units", "filters", "rate", "target_shape") if name in extra]
    named = [f"{name}={_plain(extra[name])}" for name in ("kernel_size", "strides", "pool_size") if name in extra]
    named += [f'padding="{extra["padding"]}"'] if "padding" in extra else []
    if "kernel_initializer" in extra:
        value = extra["kernel_initializer"]
        named.append(f"kernel_initializer={f'keras.initializers.{value}' if '(' in value else repr(value)}")
    if own_activation and _is_set(item.activation):
        named.append(f'activation="{item.activation}"')
    return f"layers.{item.type}({', '.join([*sizes, *named])})"


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _training_lines(case: Case) -> list[str]:
    facts = case.compile.optimizer
    name = "SGD" if "SGD" in facts.name else facts.name
    settings = [f"learning_rate={facts.learning_rate!r}"]
    settings += [f"momentum={facts.momentum!r}"] if facts.momentum else []
    settings += ["nesterov=True"] if facts.nesterov else []
    fit = f"epochs={case.fit.epochs or 1}, batch_size={case.fit.batch_size}"
    data = "train_data" if case.data.labels.encoding.endswith("binary class mode") else "x_train, y_train"
    lines = [
        f"optimizer = keras.optimizers.{name}({', '.join(settings)})",
        f'model.compile(loss="{case.compile.loss}", optimizer=optimizer, metrics=["accuracy"])',
        f"model.fit({data}, {fit})",
    ]
    return [*lines, *(["predictions = model.predict(x_test)"] if data != "train_data" else [])]


# ------------------------------------------------------------------------------------------------------------ its facts


def _with_facts(case: Case, layer: LayerFacts, item: CaseLayer | None) -> LayerFacts:
    extra = dict(item.model_extra or {}) if item is not None else {}
    has_weights = layer.class_name in LINEAR_MAP_LAYERS
    config = {name: extra[name] for name in ("kernel_size", "strides", "rate", "pool_size") if name in extra}
    if has_weights:
        config["kernel_initializer"] = {"class_name": _initializer(extra.get("kernel_initializer", "glorot_uniform"))}
    units = extra.get("units", extra.get("filters"))
    weights = _weights(case, item.index, units or 1) if has_weights and item is not None else 0
    return replace(layer, units=units, config=config, parameters=weights, trainable_parameters=weights)


def _initializer(name: str) -> str:
    return "".join(word.title() for word in name.partition("(")[0].split("_")) if name.islower() else name


def _weights(case: Case, index: int, units: int) -> int:
    """Number of weights as if the layer before were dense; only whether a model is small or large matters."""
    before = next(
        (
            size
            for item in reversed(case.model[:index])
            if (size := (item.model_extra or {}).get("units", (item.model_extra or {}).get("filters")))
        ),
        int(np.prod(case.data.input_shape)),
    )
    return int((before + 1) * units)


def _output_shape(case: Case) -> list[int]:
    """Shape of a row of outputs: of the labels, with the units of the output layer."""
    extra = next(
        item.model_extra or {} for item in reversed(case.model) if {"units", "filters"} & set(item.model_extra or {})
    )
    return [*case.data.labels.shape[:-1], extra.get("units", extra.get("filters"))]


def _inputs(case: Case) -> np.ndarray:
    random = np.random.default_rng(0)
    if case.id in TABLES:
        return np.column_stack([column.astype(float) for column in TABLES[case.id](random, ROWS)])
    assert case.data.input_range is not None, case.id
    low, high = case.data.input_range
    rows = int(np.clip(ENTRIES // np.prod(case.data.input_shape), 8, ROWS))
    x = random.uniform(low, high, (rows, *case.data.input_shape))
    return np.round(x) if (low, high) == (0, 255) else x


def _labels(case: Case) -> np.ndarray:
    random, labels = np.random.default_rng(1), case.data.labels
    shape = (ROWS, *(labels.shape if labels.shape != [1] else []))
    ids = np.arange(ROWS) % max(2, labels.shape[-1] if labels.encoding == "one_hot" else 10)
    if labels.encoding == "one_hot":
        return np.eye(labels.shape[-1])[ids]
    if labels.encoding.startswith("integer 0/1/2"):
        return ids % 3
    if labels.encoding == "integer divided by 255":
        return ids / 255
    if labels.values == "all 1":
        return np.ones(ROWS)
    if labels.encoding == "real":
        found = re.search(r"(-?\d+(?:\.\d+)?(?:e\d+)?) to (-?\d+(?:\.\d+)?(?:e\d+)?)", labels.values)
        assert found is not None, case.id
        return random.uniform(float(found.group(1)), float(found.group(2)), shape)
    assert labels.encoding.startswith("0/1") or labels.encoding == "multi_hot", labels.encoding
    return random.integers(0, 2, shape)
