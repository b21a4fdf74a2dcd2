"""Changing the data that reach a model, consistently: by binding the arrays anew, or by wrapping the expressions.

Binding anew (``X_test = (X_test - x_mean) / x_std``) reads best and is preferred. It is right only if every use of the
model takes its data from names bound in one scope, before the model sees them, and if those names hold nothing but
inputs. Wrapping changes each expression where it enters the model and leaves all names alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import libcst as cst

from .base import Draft
from .calls import assigned_value
from .data_uses import Use, base_name, callers, function_around, names_in
from .errors import EditNotApplicable
from .sources import SourceFile
from .spelling import insert_after, insert_before, small_statement
from .values import passed_value


@dataclass(frozen=True)
class Transform:
    """A change of arrays.

    Attributes:
        prepare: Statements that measure the training data, given their expression; none when stateless.
        rebind: The statement that binds a name anew, given the name; and whether it is the training array.
        wrap: The changed expression, given its text.
    """

    prepare: Callable[[str], list[str]]
    rebind: Callable[[str, bool], str]
    wrap: Callable[[str], str]
    stateful: bool = True


@dataclass(frozen=True)
class _Source:
    """Where an array that enters the model comes from: a name at a place, after following parameters to callers."""

    use: Use
    expression: cst.BaseExpression
    name: cst.Name | None
    statement: cst.CSTNode


def transform_inputs(draft: Draft, uses: Sequence[Use], transform: Transform) -> None:
    """Change the inputs at every use, in the way that fits the program."""
    if not _rebind(draft, uses, transform):
        wrap_uses(draft, uses, transform, "x")


def wrap_uses(draft: Draft, uses: Sequence[Use], transform: Transform, part: str) -> None:
    """Wrap the inputs (``x``) or targets (``y``) at every use; what must be measured is measured right before ``fit``.

    Raises:
        EditNotApplicable: What was measured cannot be seen from one of the uses.
    """
    train = uses[0]
    expression = train.x if part == "x" else train.y
    if expression is None:
        raise EditNotApplicable(f"{train.file.place(train.call)}: fit gets no {'inputs' if part == 'x' else 'targets'}")
    if transform.stateful:
        require_visible(uses)
        _require_cheap(train.file, expression)
        lines = transform.prepare(_text(train.file, expression))
        insert_before(draft, train.file, _first_statement(uses, part, expression), lines)
    for use in uses:
        node = use.x if part == "x" else use.y
        if node is None:
            continue
        start, end = use.file.outer(node)
        before = use.file.text[start:end]
        after = transform.wrap(_text(use.file, node))
        draft.record(use.file, node, before, after)
        draft.replace(use.file, start, end, after)


def _first_statement(uses: Sequence[Use], part: str, measured: cst.BaseExpression) -> cst.CSTNode:
    """The statement before which to measure: ``fit``, or an earlier one that packs data for it (``val = (a, b)``)."""
    file, fit = uses[0].file, small_statement(uses[0].file, uses[0].call)
    home = function_around(file, fit)
    nodes = [node for use in uses if (node := use.x if part == "x" else use.y) is not None and use.file is file]
    holders = [small_statement(file, node) for node in nodes if function_around(file, node) is home]
    first = min([fit, *holders], key=file.start)
    if first is not fit:
        bound = [item for name in names_in(measured) for item in definitions(file, name, measured)]
        if any(file.start(item) > file.start(first) and file.end(item) <= file.start(fit) for item in bound):
            raise EditNotApplicable(f"{file.place(first)}: data are used here before the training data are complete")
    return first


def _text(file: SourceFile, node: cst.BaseExpression) -> str:
    start, end = file.outer(node)
    text = file.text[start:end]
    simple = isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.List, cst.Tuple)) or node.lpar
    return text if simple else f"({text})"


def require_visible(uses: Sequence[Use]) -> None:
    """Refuse when names bound right before ``fit`` cannot be read at every other use."""
    train = uses[0]
    home = function_around(train.file, train.call)
    for use in uses:
        if use.file is not train.file:
            raise EditNotApplicable(
                f"the model is also used in {use.file.path}, where the scale of the training data is not known"
            )
        function = function_around(use.file, use.call)
        inside = function is home or (home is None) or home in set(use.file.ancestors(use.call))
        if not inside:
            raise EditNotApplicable(
                f"{use.file.place(use.call)}: the model is also used here, in a function that does not see "
                "the scale of the training data"
            )
        if function is home and use.file.start(use.call) < train.file.start(train.call):
            raise EditNotApplicable(f"{use.file.place(use.call)}: the model is already used here, before it is trained")


def _require_cheap(file: SourceFile, expression: cst.BaseExpression) -> None:
    """An expression that is going to be evaluated twice must not load or draw anything."""
    pure = {
        "reshape",
        "astype",
        "array",
        "asarray",
        "values",
        "to_numpy",
        "expand_dims",
        "concatenate",
        "stack",
        "hstack",
    }
    for node in file.nodes:
        if isinstance(node, cst.Call) and (node is expression or expression in set(file.ancestors(node))):
            func = node.func
            if not isinstance(func, cst.Attribute) or func.attr.value not in pure:
                raise EditNotApplicable(
                    f"{file.place(node)}: the data are made inside of the fit call by {file.code(node)}"
                )


# ---------------------------------------------------------------------------------------------------- binding anew


def _rebind(draft: Draft, uses: Sequence[Use], transform: Transform) -> bool:
    """Bind the arrays anew if that is right for every use; otherwise change nothing."""
    plan = _plan(uses)
    if plan is None:
        return False
    file, anchor, early, late, inline = plan
    train = early[0]
    assert train.name is not None
    measured = _text(file, train.expression)
    names = list(dict.fromkeys(source.name.value for source in early if source.name is not None))
    lines = transform.prepare(measured) if transform.stateful else []
    lines += [transform.rebind(name, name == train.name.value and measured == name) for name in names]
    draft.record(file, train.name, train.name.value, "; ".join(lines))
    insert_after(draft, file, anchor, lines)
    for source in {source.name.value: source for source in late if source.name is not None}.values():
        assert source.name is not None
        line = transform.rebind(source.name.value, False)
        draft.record(file, source.name, source.name.value, line)
        insert_after(draft, file, source.statement, [line])
    for use in inline:
        assert use.x is not None
        start, end = file.outer(use.x)
        draft.replace(file, start, end, transform.wrap(_text(file, use.x)))
    return True


_Plan = tuple[SourceFile, cst.CSTNode, list[_Source], list[_Source], list[Use]]


def _plan(uses: Sequence[Use]) -> _Plan | None:
    file = uses[0].file
    if any(use.file is not file for use in uses):
        return None
    sources: list[_Source] = []
    targets: list[_Source] = []
    for use in uses:
        found, labels = _sources(use, use.x), _sources(use, use.y)
        if found is None or labels is None:
            return None
        sources += found
        targets += labels
    train = sources[0]
    home = function_around(file, train.statement)
    if train.name is None or sum(source.use is train.use for source in sources) != 1:
        return None
    first_use = train.statement
    early, rest = _early(file, sources, home, first_use)
    if train not in early:
        return None
    # Targets may be computed from the inputs, so they are to be complete as well before the inputs change.
    known_targets, _ = _early(file, targets, home, first_use)
    anchor = _anchor(file, [*early, *known_targets], first_use)
    names = {source.name.value for source in early if source.name is not None}
    if anchor is None or _shared_with_targets(file, targets, names, anchor):
        return None
    if any(source.name is not None and file.start(source.name) < file.end(anchor) for source in early):
        return None  # something took the array before it could be bound anew
    late, inline = _after(file, rest, names, anchor, home)
    if late is None:
        return None
    return file, anchor, early, late, inline


def _sources(use: Use, value: cst.BaseExpression | None) -> list[_Source] | None:
    """Where an array comes from; a parameter is followed to what the callers pass. None if that is not possible."""
    file = use.file
    if value is None:
        return []
    found: list[_Source] = []
    pending: list[tuple[cst.BaseExpression, cst.CSTNode, int]] = [(value, use.call, 0)]
    while pending:
        expression, at, depth = pending.pop()
        name = base_name(expression)
        bindings = file.assignments(name.value, name) if name is not None else []
        parameters = [item.node for item in bindings if isinstance(item.node, cst.Param)]
        if name is None or not parameters:
            found.append(_Source(use, expression, name, small_statement(file, at)))
            continue
        function = function_around(file, parameters[0])
        made = callers(file, function) if function is not None else []
        if function is None or not made or len(bindings) > 1 or depth > 4 or not isinstance(expression, cst.Name):
            return None
        for call in made:
            passed = passed_value(function, parameters[0], call)
            if passed is None:
                return None
            pending.append((passed, call, depth + 1))
    return found


def came_from(use: Use, value: cst.BaseExpression, test: Callable[[SourceFile, cst.BaseExpression], bool]) -> bool:
    """Tell whether an array passes a test of its expression, after following parameters to what callers pass."""
    sources = _sources(use, value)
    return any(test(use.file, source.expression) for source in sources or ())


def definitions(file: SourceFile, name: str, at: cst.CSTNode) -> list[cst.CSTNode]:
    """The statements that bind a name or change its content, in the order of the text."""
    found: list[cst.CSTNode] = [small_statement(file, item.node) for item in file.assignments(name, at)]
    for node in file.nodes:
        if isinstance(node, (cst.AssignTarget, cst.AugAssign)) and isinstance(node.target, cst.Subscript):
            inner = base_name(node.target.value)
            if inner is not None and inner.value == name:
                found.append(small_statement(file, node))
    return sorted(dict.fromkeys(found), key=file.start)


def last_definition(file: SourceFile, name: cst.Name) -> cst.CSTNode | None:
    """The statement that gave ``name`` its value most recently, in the order of the text."""
    before = [item for item in definitions(file, name.value, name) if file.end(item) <= file.start(name)]
    return before[-1] if before else None


def _definition(file: SourceFile, source: _Source) -> cst.CSTNode | None:
    """The last statement before a use that gives its array."""
    assert source.name is not None
    before = [
        statement
        for statement in definitions(file, source.name.value, source.name)
        if file.end(statement) <= file.start(source.name) or function_around(file, statement) is None
    ]
    own = function_around(file, source.name)
    if before and own is function_around(file, before[-1]):
        before = [statement for statement in before if file.end(statement) <= file.start(source.name)]
    return before[-1] if before else None


def _early(
    file: SourceFile, sources: Sequence[_Source], home: cst.FunctionDef | None, first_use: cst.CSTNode
) -> tuple[list[_Source], list[_Source]]:
    """Split the sources into names bound in the home scope before the model is trained, and the rest."""
    early, rest = [], []
    for source in sources:
        definition = _definition(file, source) if source.name is not None else None
        known = definition is not None and function_around(file, definition) is home
        if known and definition is not None and file.end(definition) <= file.start(first_use):
            early.append(source)
        else:
            rest.append(source)
    return early, rest


def _blocks(file: SourceFile, node: cst.CSTNode) -> list[tuple[cst.CSTNode, cst.CSTNode]]:
    """The blocks around a node, outermost first, each with the statement of it that holds the node."""
    found: list[tuple[cst.CSTNode, cst.CSTNode]] = []
    current = node
    for around in file.ancestors(node):
        if isinstance(around, (cst.IndentedBlock, cst.Module)):
            found.append((around, current))
        current = around
    return found[::-1]


def _anchor(file: SourceFile, early: Sequence[_Source], first_use: cst.CSTNode) -> cst.CSTNode | None:
    """The statement behind which all early names are bound and the model is not yet trained."""
    wanted = [_definition(file, source) for source in early]
    statements = [statement for statement in wanted if statement is not None]
    chains = [_blocks(file, statement) for statement in statements]
    use_chain = _blocks(file, first_use)
    depth = 0
    while depth < len(use_chain) and all(
        len(chain) > depth and chain[depth][0] is use_chain[depth][0] for chain in chains
    ):
        depth += 1
    depth -= 1
    if depth < 0 or any(file.start(chain[depth][1]) >= file.start(use_chain[depth][1]) for chain in chains):
        return None
    # Names bound outside of a loop must not be bound anew inside of it, or they are changed once per round.
    last = max((chain[depth][1] for chain in chains), key=file.end)
    if isinstance(last, cst.SimpleStatementLine):
        inside = [statement for statement in statements if file.parent(statement) is last]
        return max(inside, key=file.end) if inside else None
    return last if isinstance(last, cst.BaseCompoundStatement) and not isinstance(last, cst.FunctionDef) else None


def _shared_with_targets(file: SourceFile, targets: Sequence[_Source], names: set[str], anchor: cst.CSTNode) -> bool:
    """Tell whether a name holds targets too (``data[:, 8]``), or targets are taken from it later."""
    for target in targets:
        if target.use.x is not None and target.use.x.deep_equals(target.expression):
            continue  # an autoencoder: the target is the input, scaled like it
        read = names_in(target.expression)
        if read & names:
            return True
        for name in read:
            for statement in definitions(file, name, target.expression):
                value = _right_side(statement)
                if value is not None and file.start(statement) > file.start(anchor) and names_in(value) & names:
                    return True
    return False


def _right_side(statement: cst.CSTNode) -> cst.BaseExpression | None:
    if isinstance(statement, (cst.Assign, cst.AugAssign, cst.AnnAssign)):
        return statement.value
    return None


def _after(
    file: SourceFile, rest: Sequence[_Source], names: set[str], anchor: cst.CSTNode, home: cst.FunctionDef | None
) -> tuple[list[_Source] | None, list[Use]]:
    """What must still be changed behind the anchor: names bound later, and expressions that use no changed name."""
    changed = tainted(file, names, anchor)
    late: list[_Source] = []
    inline: list[Use] = []
    for source in rest:
        read = names_in(source.expression)
        if read & changed:
            continue
        visible = home is None or home in set(file.ancestors(source.statement))
        if not visible:
            return None, []
        definition = _definition(file, source) if source.name is not None else None
        if definition is None or source.name is None:
            if source.expression is not source.use.x:
                return None, []
            inline.append(source.use)
        elif file.start(definition) > file.start(anchor):
            late.append(_Source(source.use, source.expression, source.name, definition))
        else:
            return None, []
    return late, inline


def tainted(file: SourceFile, names: set[str], anchor: cst.CSTNode) -> set[str]:
    """The names that hold changed data: those bound anew, and all that is computed from them behind the anchor."""
    changed = set(names)
    for node in file.nodes:
        if isinstance(node, cst.Assign) and file.start(node) > file.end(anchor) and names_in(node.value) & changed:
            for target in node.targets:
                changed |= names_in(target.target)
        elif isinstance(node, (cst.For, cst.CompFor)) and file.start(node) > file.end(anchor):
            changed |= names_in(node.target) if names_in(node.iter) & changed else set()
    return changed


def bound_part(statement: cst.Assign, name: str) -> cst.BaseExpression | None:
    """The expression that an assignment binds to a name, None where the name is unpacked from something."""
    target, value = statement.targets[0].target, statement.value
    if isinstance(target, cst.Name):
        return value
    if isinstance(target, cst.Tuple) and isinstance(value, cst.Tuple) and len(target.elements) == len(value.elements):
        for left, right in zip(target.elements, value.elements, strict=True):
            if isinstance(left.value, cst.Name) and left.value.value == name:
                return right.value
    return None


def last_value(file: SourceFile, name: cst.Name) -> cst.BaseExpression | None:
    """The expression that a name was last bound to before this use of it."""
    last = last_definition(file, name)
    return assigned_value(file, last.targets[0].target) if isinstance(last, cst.Assign) else None
