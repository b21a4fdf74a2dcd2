"""Which data reach the model, and where: every fit, validation, evaluate and predict of it in the project's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from .base import Draft
from .calls import assigned_value, callee_name, find_argument
from .errors import EditNotApplicable
from .imports import Imports
from .sources import SourceFile
from .spelling import NOT_LITERAL, literal
from .values import passed_value

_METHODS = {
    "fit": "train",
    "train_on_batch": "train",
    "evaluate": "evaluate",
    "test_on_batch": "evaluate",
    "predict": "predict",
    "predict_on_batch": "predict",
}
_FOREIGN = ("sklearn", "xgboost", "lightgbm", "catboost", "statsmodels", "scipy")


@dataclass(frozen=True)
class Use:
    """One place where data enter the model.

    Attributes:
        role: ``train``, ``validation``, ``evaluate`` or ``predict``.
        call: The call of the model's method.
        x, y: The expressions that give inputs and targets there; None where there are none.
        dataset: ``x`` is a dataset that yields targets as well.
    """

    role: str
    file: SourceFile
    call: cst.Call
    x: cst.BaseExpression | None
    y: cst.BaseExpression | None
    dataset: bool = False


def find_uses(draft: Draft) -> tuple[Use, ...]:
    """Every use of the model that was trained; the first one is the ``fit`` that was watched.

    Raises:
        EditNotApplicable: Data are passed in a way that cannot be followed.
    """
    file, fit = draft.locate(draft.fit.fit.site, "the fit call")
    if callee_name(fit) not in _METHODS or not isinstance(fit.func, cst.Attribute):
        raise EditNotApplicable(f"{file.place(fit)}: fit is not called as a method of the model there")
    receiver = file.code(fit.func.value)
    uses = list(_uses_of(draft, file, fit, "train"))
    if uses[0].x is None:
        raise EditNotApplicable(f"{file.place(fit)}: fit gets no data that could be changed")
    for other in _files(draft, file):
        for call, role in _model_calls(other, receiver, other is file):
            built = isinstance(call.func, cst.Name) and other is file and file.start(call) < file.start(fit)
            if call is not fit and not built:
                uses += _uses_of(draft, other, call, role)
    return tuple(uses)


def _files(draft: Draft, file: SourceFile) -> list[SourceFile]:
    """The files that may use the model: where it is trained, the script, the callers of what trains it."""
    paths = [file.path, draft.request.context.script]
    site = draft.fit.fit.site
    paths += [span.file for span in site.callers] if site is not None else []
    found = []
    for path in dict.fromkeys(path for path in paths if path):
        try:
            found.append(draft.sources[path])
        except EditNotApplicable:
            continue
    return found


def _model_calls(file: SourceFile, receiver: str, own: bool) -> Iterator[tuple[cst.Call, str]]:
    for call in file.calls:
        func = call.func
        if isinstance(func, cst.Attribute) and func.attr.value in _METHODS:
            if _is_model(file, func.value, receiver, own):
                yield call, _METHODS[func.attr.value]
        elif isinstance(func, cst.Name) and own and func.value == receiver and len(call.args) >= 1:
            yield call, "predict"  # model(x), which before training is rather a part of building


def _is_model(file: SourceFile, node: cst.BaseExpression, receiver: str, own: bool) -> bool:
    if own and file.code(node) == receiver:
        return not _is_foreign(file, node)
    if not isinstance(node, cst.Name):
        return False
    assignments = file.assignments(node.value, node)
    for assignment in assignments:
        target = assignment.node
        if isinstance(target, cst.Param):
            if _gets_model(file, target, receiver):
                return True
            continue
        value = assigned_value(file, target)
        if isinstance(value, cst.Name) and value.value == receiver:
            return True
        if isinstance(value, cst.Call) and (
            callee_name(value) == "load_model" or (not own and not _is_foreign(file, node))
        ):
            return True
    return False


def _gets_model(file: SourceFile, parameter: cst.Param, receiver: str) -> bool:
    function = next((node for node in file.ancestors(parameter) if isinstance(node, cst.FunctionDef)), None)
    if function is None:
        return False
    for call in callers(file, function):
        passed = passed_value(function, parameter, call)
        if passed is not None and file.code(passed) == receiver:
            return True
    return parameter.name.value == receiver


def _is_foreign(file: SourceFile, node: cst.BaseExpression) -> bool:
    """The name was bound to an estimator or scaler of another library."""
    if not isinstance(node, cst.Name):
        return False
    for assignment in file.assignments(node.value, node):
        value = assigned_value(file, assignment.node)
        if isinstance(value, cst.Call):
            origin = Imports(file, value).origin(value.func) or ""
            if origin.split(".")[0] in _FOREIGN:
                return True
    return False


def callers(file: SourceFile, function: cst.FunctionDef) -> list[cst.Call]:
    """The calls of a function in its own file."""
    return [call for call in file.calls if callee_name(call) == function.name.value]


def _uses_of(draft: Draft, file: SourceFile, call: cst.Call, role: str) -> Iterator[Use]:
    method = callee_name(call) if isinstance(call.func, cst.Attribute) else "predict"
    if any(arg.star == "*" for arg in call.args):
        raise EditNotApplicable(f"{file.place(call)}: the data are passed through *args, which cannot be followed")
    x = find_argument(file, call, "x", method)
    y = find_argument(file, call, "y", method) if role != "predict" else None
    is_dataset = draft.fit.data.kind != "arrays"
    if not is_dataset and x is not None and y is None and role != "predict" and method != "fit":
        raise EditNotApplicable(f"{file.place(call)}: the data are not given as a pair of arrays here")
    yield Use(role, file, call, x.value if x else None, y.value if y else None, is_dataset and (y is None))
    validation = find_argument(file, call, "validation_data", "fit") if method == "fit" else None
    if validation is None or (isinstance(validation.value, cst.Name) and validation.value.value == "None"):
        return
    pair = _pair(file, validation.value)
    if pair is not None:
        yield Use("validation", file, call, *pair)
    elif is_dataset:
        yield Use("validation", file, call, validation.value, None, dataset=True)
    else:
        raise EditNotApplicable(
            f"{file.place(call)}: validation_data={file.code(validation.value)} is not a pair of arrays "
            "that can be followed"
        )


def _pair(file: SourceFile, value: cst.BaseExpression) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    if isinstance(value, cst.Name):
        assignments = file.assignments(value.value, value)
        bound = assigned_value(file, assignments[0].node) if len(assignments) == 1 else None
        uses = len(assignments[0].references) if assignments else 0
        return _pair(file, bound) if isinstance(bound, (cst.Tuple, cst.List)) and uses == 1 else None
    if isinstance(value, (cst.Tuple, cst.List)) and len(value.elements) in (2, 3):
        first, second = value.elements[0], value.elements[1]
        if isinstance(first, cst.Element) and isinstance(second, cst.Element):
            return first.value, second.value
    return None


def function_around(file: SourceFile, node: cst.CSTNode) -> cst.FunctionDef | None:
    """The function whose body holds a node, None at module level."""
    return next((around for around in file.ancestors(node) if isinstance(around, cst.FunctionDef)), None)


def names_in(node: cst.CSTNode) -> set[str]:
    """The variables that an expression reads (attribute and keyword names left out)."""
    found: set[str] = set()
    if isinstance(node, cst.Name):
        return {node.value}
    for child in node.children:
        if isinstance(node, cst.Attribute) and child is node.attr:
            continue
        if isinstance(node, cst.Arg) and child is node.keyword:
            continue
        found |= names_in(child)
    return found


_SAME_ARRAY_METHODS = {"to_numpy", "astype", "copy"}
_SAME_ARRAY_FUNCTIONS = {"array", "asarray", "ascontiguousarray"}


def base_name(node: cst.BaseExpression) -> cst.Name | None:
    """The array that an expression takes rows from: ``X`` for ``X[:800]``, ``X.values`` or ``np.array(X)``."""
    if isinstance(node, cst.Name):
        return node if literal(node) is NOT_LITERAL else None
    if isinstance(node, cst.Subscript):
        rows = node.slice[0].slice if node.slice else None
        whole = all(isinstance(item.slice, cst.Slice) and _is_full(item.slice) for item in node.slice[1:])
        return base_name(node.value) if isinstance(rows, cst.Slice) and whole else None
    if isinstance(node, cst.Attribute) and node.attr.value == "values":
        return base_name(node.value)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        if node.func.attr.value in _SAME_ARRAY_METHODS:
            return base_name(node.func.value)
        if node.func.attr.value in _SAME_ARRAY_FUNCTIONS and node.args and not node.args[0].star:
            return base_name(node.args[0].value)
    return None


def _is_full(item: cst.Slice) -> bool:
    return item.lower is None and item.upper is None and item.step is None
