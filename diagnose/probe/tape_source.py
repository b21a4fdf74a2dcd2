"""What the code of a training step says of its loss: which Keras or TensorFlow function it is, and of which labels.

A loss object of Keras is seen when it is called. A loss function is not: it is found by name in the ``with`` block of
the tape (or in the function that calls the model), and the labels are the one array there that is not the input and
has as many rows. Where that does not tell, nothing is claimed.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..trace import LossFacts

#: Losses of ``tf.nn`` and what Keras calls them; all of them take logits.
_OF_TENSORFLOW = {
    "sigmoid_cross_entropy_with_logits": "binary_crossentropy",
    "sparse_softmax_cross_entropy_with_logits": "sparse_categorical_crossentropy",
    "softmax_cross_entropy_with_logits": "categorical_crossentropy",
}
_SQUARES = {"square", "squared_difference"}
_MEANS = {"reduce_mean", "mean"}


@dataclass(frozen=True)
class WrittenLoss:
    """A loss as written: its facts, and the labels it is taken of."""

    facts: LossFacts
    target: Any


@dataclass(frozen=True)
class _Block:
    """What one block of code reads and calls."""

    names: frozenset[str]
    calls: tuple[ast.Call, ...]
    squares: bool
    in_tape: bool


def written_loss(frame: FrameType, inputs: Any) -> WrittenLoss | None:
    """The loss that the code around a call of a model takes; None where that is not plain.

    Args:
        frame: Of the user's code that calls the model.
        inputs: What the model is called with.
    """
    block = _block(frame.f_code, frame.f_lineno)
    if block is None:
        return None
    values = {**frame.f_globals, **frame.f_locals}
    facts = _loss(block, values)
    target = _target(block, values, inputs) if facts is not None else None
    return WrittenLoss(facts, target) if facts is not None and target is not None else None


def loss_in_function(function: Any, args: tuple[Any, ...], named: dict[str, Any], inputs: Any) -> WrittenLoss | None:
    """The loss in the tape block of a function that was compiled, for one call of it."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    lines = [line for _, _, line in code.co_lines() if line]
    blocks = [block for line in lines if (block := _block(code, line)) is not None and block.in_tape]
    if not blocks:
        return None
    try:
        bound = inspect.signature(function).bind(*args, **named).arguments
    except (TypeError, ValueError):
        return None
    values = {**function.__globals__, **bound}
    facts = _loss(blocks[0], values)
    target = _target(blocks[0], bound, inputs) if facts is not None else None
    return WrittenLoss(facts, target) if facts is not None and target is not None else None


def _target(block: _Block, values: Mapping[str, Any], inputs: Any) -> Any:
    rows = _rows(inputs)
    found = {
        id(values[name]): values[name]
        for name in block.names
        if name in values and rows is not None and _rows(values[name]) == rows and not _same(values[name], inputs)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _same(one: Any, other: Any) -> bool:
    return one is other or (one.shape == other.shape and bool(np.array_equal(np.asarray(one), np.asarray(other))))


def _rows(value: Any) -> int | None:
    import tensorflow as tf

    if isinstance(value, tf.Variable) or not (isinstance(value, np.ndarray) or tf.is_tensor(value)):
        return None
    shape = value.shape
    return int(shape[0]) if len(shape) and shape[0] is not None else None


def _loss(block: _Block, values: Mapping[str, Any]) -> LossFacts | None:
    found: list[LossFacts] = []
    for call in block.calls:
        function = _resolved(call.func, values)
        name, module = str(getattr(function, "__name__", "")), str(getattr(function, "__module__", ""))
        if name.removesuffix("_v2") in _OF_TENSORFLOW and module.startswith("tensorflow"):
            found.append(LossFacts(_OF_TENSORFLOW[name.removesuffix("_v2")], from_logits=True, from_string=False))
        elif module.endswith(".losses.losses") and callable(function):
            found.append(LossFacts(name, from_logits=_flag(call, "from_logits"), from_string=False))
    if len(found) == 1:
        return found[0]
    return LossFacts("mean_squared_error", is_custom=True, from_string=False) if block.squares and not found else None


def _resolved(expression: ast.expr, values: Mapping[str, Any]) -> Any:
    """The object that a dotted name stands for, without running anything but the look-up in modules."""
    if isinstance(expression, ast.Name):
        return values.get(expression.id)
    if isinstance(expression, ast.Attribute):
        owner = _resolved(expression.value, values)
        is_module = type(owner).__name__ in ("module", "KerasLazyLoader", "LazyLoader")
        return getattr(owner, expression.attr, None) if is_module else None
    return None


def _flag(call: ast.Call, name: str) -> bool:
    return any(
        word.arg == name and isinstance(word.value, ast.Constant) and bool(word.value.value) for word in call.keywords
    )


@functools.lru_cache(maxsize=256)
def _block(code: CodeType, line: int) -> _Block | None:
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    around: list[ast.With | ast.FunctionDef | ast.AsyncFunctionDef] = [
        n for n in ast.walk(tree) if isinstance(n, ast.With) and _holds(n, line) and _opens_tape(n)
    ]
    in_tape = bool(around)
    if not around:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        around = [n for n in ast.walk(tree) if isinstance(n, kinds) and _holds(n, line) and n.name == code.co_name]
    if not around:
        return None
    inner = max(around, key=lambda node: node.lineno)
    nodes = [node for statement in inner.body for node in ast.walk(statement)]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    calls = tuple(node for node in nodes if isinstance(node, ast.Call))
    return _Block(frozenset(read - made), calls, _mean_of_squares(nodes, calls), in_tape)


def _holds(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _opens_tape(node: ast.With) -> bool:
    return any(
        isinstance(item.context_expr, ast.Call) and _last_name(item.context_expr.func) == "GradientTape"
        for item in node.items
    )


def _last_name(expression: ast.expr) -> str:
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def _mean_of_squares(nodes: list[ast.AST], calls: tuple[ast.Call, ...]) -> bool:
    words = [_last_name(call.func) for call in calls]
    powers = [n for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)]
    squares = sum(word in _SQUARES for word in words) + sum(
        isinstance(power.right, ast.Constant) and power.right.value == 2 for power in powers
    )
    return squares == 1 and any(word in _MEANS for word in words)
