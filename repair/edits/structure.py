"""Where a layer takes its place in a model: an element of a list, an ``add`` call, or an application to a tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import libcst as cst

from ...diagnose.trace import LayerFacts
from .base import Draft
from .calls import Argument, callee_name, remove_argument, remove_item
from .errors import EditNotApplicable
from .imports import spell_keras
from .signatures import INPUT_ARGUMENTS
from .sources import SourceFile
from .spelling import delete_statement, insert_after, insert_before, small_statement
from .targets import Target, layer_target

_WRAPPERS = {"Bidirectional", "TimeDistributed", "SpectralNormalization"}
_GROWING = {"add", "append"}


@dataclass(frozen=True)
class Place:
    """How one layer is used.

    Attributes:
        kind: ``list`` (element of a list of layers), ``add`` (argument of ``model.add``) or ``call`` (applied).
        node: The expression that stands for the layer there: its call, or the name it was given.
        holder: Statement that gave the layer a name, None when it is used where it is made.
        specific: Reached through a caller that made only this layer.
    """

    target: Target
    file: SourceFile
    kind: str
    node: cst.BaseExpression
    holder: cst.CSTNode | None = None
    specific: bool = False

    @property
    def container(self) -> cst.CSTNode:
        """The list element, the ``add`` call or the application."""
        parent = self.file.parent(self.node)
        outer = self.file.parent(parent) if self.kind == "add" and parent is not None else parent
        assert outer is not None
        return outer

    @property
    def statement(self) -> cst.CSTNode:
        """The statement that holds the use."""
        return small_statement(self.file, self.container)


def find_place(draft: Draft, layer: LayerFacts | None = None) -> Place:
    """Find how a layer is used, following names, attributes and helper functions as long as that is unambiguous."""
    target = layer_target(draft, layer)
    place = Place(target, target.file, "", target.call)
    for _ in range(8):
        step = _step(place)
        if step.kind:
            return step
        place = step
    raise _unknown(place)


def _unknown(place: Place) -> EditNotApplicable:
    return EditNotApplicable(
        f"{place.file.place(place.node)}: this layer is not used as an element of Sequential([...]), "
        "in model.add(...) or applied to one tensor"
    )


def _step(place: Place) -> Place:
    file, node = place.file, place.node
    parent = file.parent(node)
    if isinstance(parent, cst.Call):
        return replace(place, kind="call")
    if isinstance(parent, cst.Element) and _is_layer_list(file, parent):
        return replace(place, kind="list")
    if isinstance(parent, cst.Arg):
        call = file.parent(parent)
        if isinstance(call, cst.Call) and callee_name(call) in _GROWING and isinstance(file.parent(call), cst.Expr):
            return replace(place, kind="add")
        if isinstance(call, cst.Call) and callee_name(call) in _WRAPPERS and call.args[0] is parent:
            return replace(place, node=call)
    if isinstance(parent, cst.Assign) and len(parent.targets) == 1:
        return _follow_holder(place, parent, parent.targets[0].target)
    if isinstance(parent, cst.Return):
        return _follow_return(place, parent)
    raise _unknown(place)


def _is_layer_list(file: SourceFile, element: cst.Element) -> bool:
    holder = file.parent(element)
    if not isinstance(holder, (cst.List, cst.Tuple)):
        return False
    around = file.parent(holder)
    if isinstance(around, cst.Arg):
        call = file.parent(around)
        return isinstance(call, cst.Call) and (
            callee_name(call) in {"Sequential", "extend"} or around.keyword is not None
        )
    return isinstance(around, (cst.Assign, cst.AugAssign, cst.AnnAssign, cst.Return))


def _follow_holder(place: Place, statement: cst.Assign, target: cst.BaseExpression) -> Place:
    file = place.file
    uses: list[cst.CSTNode]
    if isinstance(target, cst.Name):
        assignments = file.assignments(target.value, target)
        uses = [access.node for item in assignments for access in item.references]
        if len(assignments) != 1:
            raise _unknown(place)
    else:
        uses = [node for node in file.nodes if node is not target and target.deep_equals(node)]
    real = [node for node in uses if not isinstance(file.parent(node), cst.Attribute)]
    if len(real) != 1 or not isinstance(real[0], (cst.Name, cst.Attribute)):
        raise EditNotApplicable(
            f"{file.place(statement)}: the layer {file.code(target)} is used in {len(real)} places, so it is not clear "
            "where the change belongs"
        )
    return replace(place, node=real[0], holder=statement)


def _follow_return(place: Place, statement: cst.Return) -> Place:
    file, site = place.file, place.target.origin.site
    function = next((node for node in file.ancestors(statement) if isinstance(node, cst.FunctionDef)), None)
    if function is None or site is None:
        raise _unknown(place)
    calls = [call for call in file.calls if callee_name(call) == function.name.value]
    made_by = [call for call in calls if file.span(file.start(call), file.end(call)) in site.callers]
    if len(made_by) != 1:
        raise EditNotApplicable(
            f"{file.place(statement)}: it is not clear which caller of {function.name.value} is meant"
        )
    return replace(place, node=made_by[0], specific=True)


def new_layer(
    draft: Draft, place: Place, class_name: str, arguments: dict[str, object], extra: tuple[str, ...] = ()
) -> str:
    """Spell a new layer in the style of the one at this place; ``extra`` are arguments that are source already."""
    from .imports import spell_call

    neighbour = place.target.call.func
    callee = spell_keras(draft, place.file, place.node, f"keras.layers.{class_name}", neighbour)
    text = spell_call(place.file, callee, arguments)
    if extra:
        text = f"{text[:-1]}{', ' if arguments else ''}{', '.join(extra)})"
    return text


def input_arguments(place: Place) -> list[cst.Arg]:
    """The arguments of a layer's call that declare the model's input shape."""
    if place.target.callee == "Embedding":  # its input_dim is the size of the vocabulary
        return []
    return [arg for arg in place.target.call.args if arg.keyword is not None and arg.keyword.value in INPUT_ARGUMENTS]


def take_input_arguments(draft: Draft, place: Place) -> tuple[str, ...]:
    """Remove the input-shape arguments from a layer's call and give their text, for the new first layer."""
    file = place.target.file
    taken = input_arguments(place)
    for arg in taken:
        remove_argument(draft, file, place.target.call, Argument(arg, arg.value))
    return tuple(file.code(arg) for arg in taken)


def input_layer(draft: Draft, place: Place) -> str:
    """Spell the ``Input`` that declares what a removed first layer declared."""
    file = place.target.file
    arg = input_arguments(place)[0]
    assert arg.keyword is not None
    value = file.code(arg.value)
    name = arg.keyword.value
    if name == "input_dim":
        value = f"({value},)"
    keyword = "batch_shape" if name.startswith("batch") else "shape"
    callee = spell_keras(draft, file, place.node, "keras.Input", None)
    return f"{callee}({keyword}={value})"


def insert_layer(draft: Draft, place: Place, text: str, position: str, *, hoist: bool = False) -> None:
    """Put a layer before or behind another one.

    Args:
        hoist: The other layer is made in a loop and the new one belongs in front of the whole loop.
    """
    if place.kind == "list":
        _insert_element(draft, place, text, position)
    elif place.kind == "add":
        file, call = place.file, place.container
        assert isinstance(call, cst.Call)
        line = f"{file.code(call.func)}({text})"
        statement = _loop(place) if hoist else place.statement
        (insert_before if position == "before" else insert_after)(draft, file, statement, [line])
    else:
        _insert_application(draft, place, text, position, hoist=hoist)


def _loop(place: Place) -> cst.CSTNode:
    found = place.statement
    for around in place.file.ancestors(place.statement):
        if isinstance(around, (cst.FunctionDef, cst.ClassDef)):
            break
        if isinstance(around, (cst.For, cst.While)):
            found = around
    return found


def _insert_element(draft: Draft, place: Place, text: str, position: str) -> None:
    file, element = place.file, place.container
    start, end = file.outer(place.node)
    own_line = not file.text[file.line_start(start) : start].strip()
    if position == "before":
        draft.insert(file, start, f"{text},{file.newline}{file.indentation(start)}" if own_line else f"{text}, ")
        return
    comma = getattr(element, "comma", None)
    if own_line and isinstance(comma, cst.Comma):
        behind = file.end(comma)
        rest = file.text[behind : file.next_line(behind)].strip()
        if not rest or rest.startswith("#"):
            draft.insert(file, file.next_line(behind), f"{file.indentation(start)}{text},{file.newline}")
            return
    separator = f",{file.newline}{file.indentation(start)}" if own_line else ", "
    draft.insert(file, end, separator + text)


def _insert_application(draft: Draft, place: Place, text: str, position: str, *, hoist: bool) -> None:
    file, call = place.file, place.container
    assert isinstance(call, cst.Call)
    statement = place.statement
    target = _assigned_name(statement, call)
    text = _held(draft, place, text)
    if position == "after":
        if target is not None:
            insert_after(draft, file, statement, [f"{target} = {text}({target})"])
            return
        start, end = file.outer(call)
        draft.insert(file, start, f"{text}(")
        draft.insert(file, end, ")")
        return
    argument = _tensor(place, call)
    if hoist or (isinstance(argument, cst.Name) and argument.value == target):
        name = file.code(argument)
        if not isinstance(argument, cst.Name):
            raise _unknown(place)
        insert_before(draft, file, _loop(place) if hoist else statement, [f"{name} = {text}({name})"])
        return
    start, end = file.outer(argument)
    draft.insert(file, start, f"{text}(")
    draft.insert(file, end, ")")


def _held(draft: Draft, place: Place, text: str) -> str:
    """In a subclassed model, make the layer where the others are made and use it by its attribute."""
    if place.holder is None or not isinstance(place.node, cst.Attribute):
        return text
    kind = text.partition("(")[0].rpartition(".")[2].lower()
    name = f"{place.file.code(place.node)}_{kind}"
    insert_after(draft, place.file, place.holder, [f"{name} = {text}"])
    return name


def _assigned_name(statement: cst.CSTNode, value: cst.CSTNode) -> str | None:
    if isinstance(statement, cst.Assign) and statement.value is value and len(statement.targets) == 1:
        target = statement.targets[0].target
        return target.value if isinstance(target, cst.Name) else None
    return None


def _tensor(place: Place, call: cst.Call) -> cst.BaseExpression:
    if not call.args or call.args[0].star or isinstance(call.args[0].value, (cst.List, cst.Tuple, cst.Dict)):
        raise EditNotApplicable(f"{place.file.place(call)}: this layer is not applied to one tensor")
    return call.args[0].value


def remove_layer(draft: Draft, place: Place, replacement: str | None = None) -> None:
    """Take a layer out of the model; ``replacement`` takes its place where one is needed (an ``Input``)."""
    file = place.file
    if replacement is not None:
        start, end = file.outer(place.node)
        draft.replace(file, start, end, replacement)
    elif place.kind == "list":
        holder = file.parent(place.container)
        assert isinstance(holder, (cst.List, cst.Tuple))
        if len(holder.elements) < 2:
            raise EditNotApplicable(f"{file.place(place.node)}: the only layer of a list cannot be removed")
        remove_item(draft, file, list(holder.elements), place.container)
    elif place.kind == "add":
        delete_statement(draft, file, place.statement)
    else:
        _remove_application(draft, place)


def _remove_application(draft: Draft, place: Place) -> None:
    file, call = place.file, place.container
    assert isinstance(call, cst.Call)
    argument = _tensor(place, call)
    statement = place.statement
    if isinstance(argument, cst.Name) and _assigned_name(statement, call) == argument.value:
        delete_statement(draft, file, statement)
        return
    start, end = file.outer(call)
    inner = file.outer(argument)
    draft.replace(file, start, end, file.text[inner[0] : inner[1]])
