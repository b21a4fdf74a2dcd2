"""Facts about a training program read from its text alone, for tests of edits and rules.

``fit_from_source`` finds the layer, optimizer, compile and fit calls of a short program with ``ast`` and makes the
``FitTrace`` that a probe would have recorded of it, as far as the text tells. What the text cannot tell is passed in.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from dlfix.diagnose.source import CallSite, SourceSpan
from dlfix.diagnose.trace import (
    ArrayFacts,
    CompileFacts,
    DataFacts,
    FitFacts,
    FitTrace,
    LayerFacts,
    LossFacts,
    ModelFacts,
    OptimizerFacts,
    Statistics,
)

_LAYER_NAMES = (
    "Dense LSTM GRU SimpleRNN Conv1D Conv2D DepthwiseConv2D Embedding Dropout BatchNormalization LayerNormalization "
    "Flatten Activation ReLU LeakyReLU Softmax ELU PReLU MaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D "
    "Normalization Rescaling Concatenate Add Reshape Lambda"
)
LAYERS = tuple(_LAYER_NAMES.split())
OPTIMIZERS = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Nadam", "Adamax", "Ftrl"]
_DEFAULT_RATES = {"SGD": 0.01}
_WITH_ACTIVATION = {"Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "LSTM", "GRU", "SimpleRNN"}


def _name(call: ast.Call, aliases: dict[str, str]) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return aliases.get(call.func.id, call.func.id) if isinstance(call.func, ast.Name) else ""


def _span(text: str, file: str, node: ast.AST) -> SourceSpan:
    lines = re.findall(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", text)

    def column(line: int, byte: int) -> int:
        return len(lines[line - 1].encode()[:byte].decode()) + 1

    return SourceSpan(
        file,
        node.lineno,
        column(node.lineno, node.col_offset),
        node.end_lineno,
        column(node.end_lineno, node.end_col_offset),
    )


def _value(node: ast.expr | None) -> Any:
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if position is not None and len(call.args) > position else None


def _activation(call: ast.Call, kind: str) -> str | None:
    if kind == "Activation":
        node = _argument(call, "activation", 0)
    elif kind in _WITH_ACTIVATION:
        node = _argument(call, "activation", 1 if kind in {"Dense", "LSTM", "GRU", "SimpleRNN"} else None)
    else:
        return {"ReLU": "relu", "LeakyReLU": "leaky_relu", "Softmax": "softmax", "ELU": "elu"}.get(kind)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return _value(node) or ("tanh" if kind in {"LSTM", "GRU", "SimpleRNN"} else "linear")


class _Program:
    """The calls of one or several files, in the order of the text."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.calls: list[tuple[str, ast.Call, str]] = []
        self.functions: dict[int, str] = {}
        for file, text in texts.items():
            tree = ast.parse(text)
            aliases = {
                alias.asname: alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
                if alias.asname
            }
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef):
                    for inner in ast.walk(function):
                        self.functions[id(inner)] = function.name
            found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
            found.sort(key=lambda node: (node.lineno, node.col_offset, -node.end_col_offset))
            inner = {id(word.value) for node in found for word in node.keywords if word.arg == "activation"}
            self.calls += [(file, node, _name(node, aliases)) for node in found if id(node) not in inner]

    def site(self, file: str, call: ast.Call) -> CallSite:
        return CallSite(_span(self.texts[file], file, call), self.functions.get(id(call), "<module>"))

    def named(self, *names: str) -> list[tuple[str, ast.Call, str]]:
        return [item for item in self.calls if item[2] in names]


def array_facts(name: str, array: np.ndarray) -> ArrayFacts:
    """Facts of one array, as far as the edits need them."""
    array = np.asarray(array)
    numbers = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    unique, counts = np.unique(numbers, return_counts=True)
    flat = array.reshape(len(array), -1)
    return ArrayFacts(
        name=name,
        shape=array.shape,
        dtype=str(array.dtype),
        rows_seen=len(array),
        minimum=float(numbers.min()),
        maximum=float(numbers.max()),
        mean=float(numbers.mean()),
        std=float(numbers.std()),
        nonfinite=int(array.size - numbers.size),
        integers=bool((numbers == np.round(numbers)).all()),
        unique=tuple(map(float, unique)) if len(unique) <= 256 else None,
        counts=tuple(map(int, counts)) if len(unique) <= 256 else (),
        row_sums=(float(flat.sum(1).min()), float(flat.sum(1).max())) if array.ndim == 2 else None,
    )


def _optimizer(program: _Program, compile_site: tuple[str, ast.Call, str] | None) -> OptimizerFacts:
    made = program.named(*OPTIMIZERS)
    if made:
        file, call, kind = made[-1]
        rate = _value(_argument(call, "learning_rate", 0) or _argument(call, "lr"))
        rate = rate if isinstance(rate, float) else _DEFAULT_RATES.get(kind, 0.001) if not call.args else None
        return OptimizerFacts(kind, rate, site=program.site(file, call))
    text = _value(_argument(compile_site[1], "optimizer", 0)) if compile_site else None
    names = {name.lower(): name for name in OPTIMIZERS}
    kind = names.get(str(text).lower(), "RMSprop")
    site = program.site(*compile_site[:2]) if compile_site else None
    return OptimizerFacts(kind, _DEFAULT_RATES.get(kind, 0.001), from_string=True, site=site)


def _loss(program: _Program) -> LossFacts:
    """The first loss object that the program makes, with its place as the probe records it."""
    for file, call, name in program.named("BinaryCrossentropy", "CategoricalCrossentropy"):
        return LossFacts(name, from_string=False, site=program.site(file, call))
    return LossFacts("mse")


def fit_from_source(
    text: str | dict[str, str],
    *,
    file: str = "train.py",
    x: np.ndarray | Sequence[np.ndarray] | None = None,
    y: np.ndarray | None = None,
    kind: str = "arrays",
    repeats: dict[int, int] | None = None,
    callers: dict[int, Sequence[tuple[str, str]]] | None = None,
) -> FitTrace:
    """Make the ``FitTrace`` of a program from its text.

    Args:
        text: The program, or several files by their project-relative paths.
        x, y: What reaches ``fit``, for the facts about data.
        kind: ``DataFacts.kind``.
        repeats: How many layers the n-th layer call of the text makes (in a loop or helper function), 1 if not given.
        callers: For the n-th *layer made*, the ``(file, call text)`` of the calls that led there, innermost first.
    """
    texts = {file: text} if isinstance(text, str) else text
    program = _Program(texts)
    made = [
        item
        for item in program.named(*LAYERS)
        for _ in range((repeats or {}).get([c[1] for c in program.named(*LAYERS)].index(item[1]), 1))
    ]
    layers = tuple(_layer(program, index, len(made), item) for index, item in enumerate(made))
    for index, pairs in (callers or {}).items():
        spans = tuple(_caller(program, *pair) for pair in pairs)
        site = replace(layers[index].site, callers=spans)
        layers = (*layers[:index], replace(layers[index], site=site), *layers[index + 1 :])
    compiled = next(iter(program.named("compile")), None)
    fitted = next((item for item in program.named("fit") if not _is_scalers(item[1])), None)
    models = program.named("Sequential", "Model")
    compile_site = program.site(*compiled[:2]) if compiled else None
    return FitTrace(
        model=ModelFacts(
            name="model",
            kind="sequential" if models and models[0][2] == "Sequential" else "functional",
            layers=layers,
            output_layers=(len(layers) - 1,) if layers else (),
            parameters=0,
            trainable_parameters=0,
            site=program.site(*models[0][:2]) if models else None,
        ),
        compile=CompileFacts(_optimizer(program, compiled), (_loss(program),), site=compile_site),
        fit=FitFacts(1, 32, None, True, site=program.site(*fitted[:2]) if fitted else None),
        data=DataFacts(
            kind,
            tuple(array_facts(f"x{i}", item) for i, item in enumerate([x] if isinstance(x, np.ndarray) else x or ())),
            () if y is None else (array_facts("y", y),),
            rows=None if y is None else len(y),
        ),
        statistics=Statistics(*(np.zeros(0), np.zeros(0), {}, np.zeros(0), np.zeros(0), np.zeros(0))),
        sample=None,
        epoch_metrics={},
        epoch_seconds=(),
        state="completed",
        seconds=0.0,
    )


def _is_scalers(call: ast.Call) -> bool:
    """``StandardScaler().fit(x)`` trains no model."""
    return isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call)


def _caller(program: _Program, file: str, call_text: str) -> SourceSpan:
    for other, call, _ in program.calls:
        if other == file and ast.get_source_segment(program.texts[file], call) == call_text:
            return _span(program.texts[file], file, call)
    raise AssertionError(f"no call {call_text!r} in {file}")


def _layer(program: _Program, index: int, count: int, item: tuple[str, ast.Call, str]) -> LayerFacts:
    file, call, kind = item
    activation = _activation(call, kind)
    units = _value(_argument(call, "units", 0)) if kind in {"Dense", "LSTM", "GRU"} else None
    sizes = {"kernel_size": _argument(call, "kernel_size", 1), "strides": _argument(call, "strides", 2)}
    return LayerFacts(
        index=index,
        name=f"{kind.lower()}_{index}",
        class_name=kind,
        activation=activation,
        units=units if isinstance(units, int) else None,
        inbound=(index - 1,) if index else (),
        outbound=(index + 1,) if index + 1 < count else (),
        site=program.site(file, call),
        config={name: _value(node) for name, node in sizes.items() if node is not None} if "Conv" in kind else {},
    )
