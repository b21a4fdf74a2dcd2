"""``encode-labels``: one-hot, class ids, zero-based ids, 0/1 or -1/1 labels, everywhere the model sees labels.

Where the source spells an encoding that is wrong (``to_categorical(y, 9)``, ``y / 255``), that spelling is edited. Else
the labels are converted as they enter the model; the names that hold them keep their values for the rest of the script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import libcst as cst

from ...diagnose.trace import ArrayFacts
from ..patch import Applicability
from .base import Draft, Edit, Parameter
from .calls import add_keyword, callee_name, find_argument
from .data_flow import last_definition
from .data_uses import Use, base_name, find_uses
from .errors import AlreadySo, EditNotApplicable
from .imports import Imports, spell_keras, spell_numpy
from .sources import SourceFile
from .spelling import delete_statement, literal, quote_of, spell

_Converter = Callable[[Use, str], str]


@dataclass(frozen=True)
class _Labels:
    """What the labels are now."""

    facts: ArrayFacts

    @property
    def low(self) -> float:
        return self.facts.minimum

    @property
    def high(self) -> float:
        return self.facts.maximum

    @property
    def one_hot(self) -> bool:
        shape = self.facts.shape
        return len(shape) == 2 and (shape[1] or 0) > 1 and self.facts.row_sums == (1.0, 1.0) and self.facts.integers


def _encode_labels(draft: Draft) -> None:
    if not draft.fit.data.targets:
        raise EditNotApplicable("fit gets no targets")
    if len(draft.fit.data.targets) > 1:
        raise EditNotApplicable("the model has several outputs")
    labels = _Labels(draft.fit.data.targets[0])
    uses = [use for use in find_uses(draft) if use.role != "predict"]
    if draft.fit.data.kind != "arrays":
        _encode_dataset(draft, uses, labels)
        return
    uses = [use for use in uses if use.y is not None]
    if not uses or uses[0].role != "train":
        raise EditNotApplicable("fit gets no targets that could be encoded")
    multiplier = draft.parameter("multiplier")
    if multiplier is not None and multiplier != 1 and _undo_division(draft, uses, float(multiplier)):
        return
    if _edit_encoding(draft, uses, labels):
        return
    _convert(draft, uses, _converter(draft, labels, multiplier))
    if draft.parameter("to") == "zero-based" and labels.low and multiplier in {None, 1}:
        _shift_class_ids_back(draft, labels)


def _shift_class_ids_back(draft: Draft, labels: _Labels) -> None:
    """Class ids that the script takes from predictions by ``argmax`` go back to the user's numbering."""
    unique = labels.facts.unique
    if unique is not None and len(unique) != labels.high - labels.low + 1:
        return
    sign = "+" if labels.low > 0 else "-"
    for use in find_uses(draft):
        if use.role != "predict":
            continue
        for call in _argmax_calls(use):
            file = use.file
            parent = file.parent(call)
            alone = isinstance(parent, (cst.Assign, cst.Return, cst.Arg)) or bool(call.lpar)
            text = f" {sign} {_number(abs(labels.low))}"
            draft.record(file, call, file.code(call), file.code(call) + text)
            if not alone:
                draft.insert(file, file.start(call), "(")
            draft.insert(file, file.end(call), text if alone else f"{text})")


def _argmax_calls(use: Use) -> list[cst.Call]:
    """The ``argmax`` calls on what a ``predict`` gave, directly or by the name it was given."""
    file = use.file
    nodes: list[cst.CSTNode] = [use.call]
    statement = file.parent(use.call)
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = statement.targets[0].target
        if isinstance(target, cst.Name):
            bindings = file.assignments(target.value, target)
            nodes = [access.node for item in bindings for access in item.references]
    found = []
    for node in nodes:
        parent = file.parent(node)
        call = file.parent(parent) if parent is not None else None
        if (
            isinstance(call, cst.Call)
            and callee_name(call) == "argmax"
            and isinstance(parent, (cst.Arg, cst.Attribute))
        ):
            found.append(call)
    return found


def _convert(draft: Draft, uses: Sequence[Use], convert: _Converter) -> None:
    for use in uses:
        assert use.y is not None
        start, end = use.file.outer(use.y)
        text = use.file.text[start:end]
        if not isinstance(use.y, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) and not use.y.lpar:
            text = f"({text})"
        after = convert(use, text)
        draft.record(use.file, use.y, use.file.text[start:end], after)
        draft.replace(use.file, start, end, after)


# ------------------------------------------------------------------------------------------------- converting values


def _converter(draft: Draft, labels: _Labels, multiplier: float | None) -> _Converter:
    to = draft.parameter("to")
    scale = 1.0 if multiplier is None else float(multiplier)
    if to == "one-hot":
        return _to_one_hot(draft, labels, scale)
    if to == "integer":
        return _to_integer(draft, labels, scale)
    if labels.one_hot:
        raise EditNotApplicable(f"the labels are one-hot; {to} labels are for one column")
    if to == "zero-based":
        return _to_zero_based(draft, labels, scale)
    return _to_two_values(draft, labels)


def _scaled(draft: Draft, use: Use, text: str, scale: float, low: float = 0.0) -> str:
    """Undo a division and a shift, and round: what was divided is not whole any more."""
    if scale != 1:
        np = spell_numpy(draft, use.file, use.call)
        text = f"{np}.rint({text} * {_number(scale)}).astype({spell('int64', quote_of(use.file))})"
    return f"{text} - {_number(low)}" if low else text


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _to_one_hot(draft: Draft, labels: _Labels, scale: float) -> _Converter:
    classes = draft.parameter("classes")
    if labels.one_hot and (classes is None or labels.facts.shape[1] == classes):
        raise AlreadySo("the labels are already one-hot")
    if labels.one_hot:
        raise EditNotApplicable(f"the labels are one-hot with {labels.facts.shape[1]} columns, not {classes}")
    if len(labels.facts.shape) == 2 and (labels.facts.shape[1] or 1) > 1:
        raise EditNotApplicable("the labels have several columns")
    if not labels.facts.integers and scale == 1:
        raise EditNotApplicable("the labels are not whole numbers")
    low = labels.low * scale if labels.low < 0 or (classes and round(labels.high * scale) >= classes) else 0.0
    if classes and round(labels.high * scale - low) >= classes:
        raise EditNotApplicable(f"labels up to {labels.high:g} do not fit into {classes} classes")

    def convert(use: Use, text: str) -> str:
        callee = spell_keras(draft, use.file, use.call, "keras.utils.to_categorical")
        inner = _scaled(draft, use, text, scale, round(low))
        return f"{callee}({inner}{f', {classes}' if classes else ''})"

    return convert


def _to_integer(draft: Draft, labels: _Labels, scale: float) -> _Converter:
    if labels.one_hot:

        def convert(use: Use, text: str) -> str:
            return f"{spell_numpy(draft, use.file, use.call)}.argmax({text}, axis=1)"

        return convert
    if labels.facts.integers and scale == 1:
        raise AlreadySo("the labels are already whole numbers")
    if scale == 1:
        raise EditNotApplicable("the labels are not whole numbers, and it is not known what they were divided by")
    return lambda use, text: _scaled(draft, use, text, scale)


def _to_zero_based(draft: Draft, labels: _Labels, scale: float) -> _Converter:
    low = round(labels.low * scale, 6)
    if low == 0 and scale == 1:
        raise AlreadySo("the labels already start at 0")
    unique = labels.facts.unique
    if unique is not None and labels.facts.integers and scale == 1 and len(unique) != labels.high - labels.low + 1:
        values = ", ".join(_number(value) for value in unique)
        if len(unique) > 64:
            raise EditNotApplicable("the labels have gaps and are too many to be listed")

        def by_place(use: Use, text: str) -> str:
            return f"{spell_numpy(draft, use.file, use.call)}.searchsorted([{values}], {text})"

        return by_place
    return lambda use, text: _scaled(draft, use, text, scale, low)


def _to_two_values(draft: Draft, labels: _Labels) -> _Converter:
    unique = labels.facts.unique
    if unique is None or len(unique) != 2:
        found = "more than 256" if unique is None else str(len(unique))
        raise EditNotApplicable(f"the labels have {found} values, not two")
    low, high = unique
    wanted = (0.0, 1.0) if draft.parameter("to") == "zero-one" else (-1.0, 1.0)
    if (low, high) == wanted:
        raise AlreadySo(f"the labels already are {_number(low)} and {_number(high)}")
    width = high - low

    def convert(_: Use, text: str) -> str:
        shift = f" - {_number(low)}" if low > 0 else f" + {_number(-low)}" if low < 0 else ""
        zero_one = f"({text}{shift})" if shift and width != 1 else f"{text}{shift}"
        zero_one = f"{zero_one} / {_number(width)}" if width != 1 else zero_one
        if wanted == (0.0, 1.0):
            return zero_one
        return f"2 * {f'({zero_one})' if zero_one != text else text} - 1"

    return convert


# --------------------------------------------------------------------------------- editing an encoding that is spelled


def _undo_division(draft: Draft, uses: Sequence[Use], multiplier: float) -> bool:
    """Take ``/ 255`` out where it is written, when every label goes through such a place."""
    plans: dict[tuple[str, int], Callable[[], None]] = {}
    for use in uses:
        found = _division(draft, use, multiplier)
        if found is None:
            return False
        plans[found[0]] = found[1]
    for plan in plans.values():
        plan()
    return True


def _division(draft: Draft, use: Use, multiplier: float) -> tuple[tuple[str, int], Callable[[], None]] | None:
    file, node = use.file, use.y
    assert node is not None
    if isinstance(node, cst.Name):
        last = last_definition(file, node)
        if isinstance(last, cst.AugAssign) and isinstance(last.operator, cst.DivideAssign):
            if literal(last.value) == multiplier:
                return (file.path, file.start(last)), lambda: _drop(draft, file, last)
            return None
        if not _is_plain_assignment(last):
            return None
        node = last.value
    if not isinstance(node, cst.BinaryOperation) or not isinstance(node.operator, cst.Divide):
        return None
    if literal(node.right) != multiplier:
        return None
    division = node
    return (file.path, file.start(division)), lambda: _undivide(draft, file, division)


def _drop(draft: Draft, file: SourceFile, statement: cst.CSTNode) -> None:
    draft.record(file, statement, file.code(statement), "removed")
    delete_statement(draft, file, statement)


def _undivide(draft: Draft, file: SourceFile, division: cst.BinaryOperation) -> None:
    start, end = file.outer(division.left)
    kept = file.text[start:end]
    draft.record(file, division, file.code(division), kept)
    draft.replace(file, file.start(division), file.end(division), kept)


def _edit_encoding(draft: Draft, uses: Sequence[Use], labels: _Labels) -> bool:
    """Edit ``to_categorical`` calls that make the labels: their number of classes, or their very use."""
    to, classes = draft.parameter("to"), draft.parameter("classes")
    calls = [_encoding_call(use) for use in uses]
    if any(call is None for call in calls):
        return False
    made = {(use.file.path, use.file.start(call)): (use, call) for use, call in zip(uses, calls, strict=True) if call}
    if to == "one-hot" and classes is not None and labels.one_hot and labels.facts.shape[1] != classes:
        for use, call in made.values():
            _set_classes(draft, use.file, call, classes)
        return True
    if to == "integer" and labels.one_hot and all(_only_for_model(use, call) for use, call in made.values()):
        for use, call in made.values():
            argument = call.args[0].value
            start, end = use.file.outer(argument)
            draft.record(use.file, call, use.file.code(call), use.file.text[start:end])
            draft.replace(use.file, use.file.start(call), use.file.end(call), use.file.text[start:end])
        return True
    return False


def _is_plain_assignment(statement: cst.CSTNode | None) -> TypeGuard[cst.Assign]:
    """Whether a statement is ``name = value`` with one name."""
    return (
        isinstance(statement, cst.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0].target, cst.Name)
    )


def _encoding_call(use: Use) -> cst.Call | None:
    node = use.y
    if isinstance(node, cst.Name):
        last = last_definition(use.file, node)
        if not _is_plain_assignment(last):
            return None
        node = last.value
    if isinstance(node, cst.Call) and callee_name(node) == "to_categorical" and node.args:
        return node
    return None


def _set_classes(draft: Draft, file: SourceFile, call: cst.Call, classes: int) -> None:
    positional = [arg for arg in call.args if arg.keyword is None]
    found = find_argument(file, call, "num_classes", "to_categorical")
    value = found.value if found is not None else positional[1].value if len(positional) > 1 else None
    before = file.code(call)
    if value is None:
        add_keyword(draft, file, call, "num_classes", str(classes))
        draft.record(file, call, before, f"num_classes={classes}")
        return
    draft.record(file, value, file.code(value), str(classes))
    draft.replace(file, file.start(value), file.end(value), str(classes))


def _only_for_model(use: Use, call: cst.Call) -> bool:
    """The encoded labels are used for nothing but the model, so that undoing the encoding breaks no other code."""
    if use.y is call:
        return True
    name = base_name(use.y) if use.y is not None else None
    if name is None:
        return False
    nodes: list[cst.CSTNode] = [
        access.node for item in use.file.assignments(name.value, name) for access in item.references
    ]
    inside = set(use.file.ancestors(name))
    own = next((node for node in inside if isinstance(node, cst.Call)), None)
    for node in nodes:
        around = set(use.file.ancestors(node))
        if call in around or node is call:
            continue
        holder = next((item for item in use.file.ancestors(node) if isinstance(item, cst.Call)), None)
        if holder is not own and not (holder is not None and callee_name(holder) in {"fit", "evaluate"}):
            return False
    return True


# -------------------------------------------------------------------------------------------------------- datasets


def _encode_dataset(draft: Draft, uses: Sequence[Use], labels: _Labels) -> None:
    if draft.fit.data.kind != "tf.data":
        raise EditNotApplicable(f"the data come as {draft.fit.data.kind}, whose labels are made elsewhere")
    if len(labels.facts.shape) != 1 and draft.parameter("to") == "one-hot":
        raise EditNotApplicable("the labels of the dataset have more than one column")
    for use in uses:
        if use.x is None:
            continue
        text = use.file.code(use.x)
        expression = _dataset_expression(draft, use, labels)
        changed = f"{text}.map(lambda x, y: (x, {expression}))"
        draft.record(use.file, use.x, text, changed)
        draft.replace(use.file, use.file.start(use.x), use.file.end(use.x), changed)


def _dataset_expression(draft: Draft, use: Use, labels: _Labels) -> str:
    to = draft.parameter("to")
    if to not in {"one-hot", "integer"}:
        if draft.parameter("multiplier") not in {None, 1}:
            raise EditNotApplicable("a division of the labels of a dataset is undone where the dataset is made")
        return _converter(draft, labels, None)(use, "y")
    tensorflow = Imports(use.file, use.call).find("tensorflow")
    if tensorflow is None:
        raise EditNotApplicable("TensorFlow is not imported where the dataset is used")
    classes = draft.parameter("classes")
    if to == "integer":
        if not labels.one_hot:
            raise AlreadySo("the labels are already not one-hot")
        return f"{tensorflow}.argmax(y, axis=-1)"
    if labels.one_hot:
        raise AlreadySo("the labels are already one-hot")
    if classes is None or not labels.facts.integers or labels.low < 0 or labels.high >= classes:
        raise EditNotApplicable("the labels of the dataset are not class ids below the number of classes")
    return f"{tensorflow}.one_hot({tensorflow}.cast(y, {spell('int32', quote_of(use.file))}), {classes})"


ENCODE_LABELS = Edit(
    "encode-labels",
    "Encode the labels as the output and the loss need them, for training, validation and evaluation alike.",
    (
        Parameter("to", (str,), choices=("one-hot", "integer", "zero-based", "zero-one", "signed")),
        Parameter("classes", (int,), required=False),
        Parameter("multiplier", (float, int), required=False),
    ),
    _encode_labels,
    Applicability.REVIEW,
)
