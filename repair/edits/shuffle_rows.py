"""``shuffle-rows``: rows and labels are put in a random order before ``fit`` holds the last of them out."""

from __future__ import annotations

import libcst as cst

from ..patch import Applicability
from .base import Draft, Edit
from .calls import callee_name, find_argument
from .data_flow import last_definition
from .data_uses import find_uses
from .errors import AlreadySo, EditNotApplicable
from .fresh import fresh_name
from .imports import spell_object
from .sources import SourceFile
from .spelling import insert_before, small_statement


def _shuffle_rows(draft: Draft) -> None:
    data = draft.fit.data
    if data.kind != "arrays":
        raise EditNotApplicable(f"the data come as {data.kind}; they are shuffled where they are made")
    if len(data.inputs) > 1 or len(data.targets) > 1:
        raise EditNotApplicable("the model has several inputs or outputs")
    train = find_uses(draft)[0]
    file, call, x, y = train.file, train.call, train.x, train.y
    if x is None or y is None:
        raise EditNotApplicable(f"{file.place(call)}: fit gets no pair of inputs and labels")
    if find_argument(file, call, "sample_weight", "fit") is not None:
        raise EditNotApplicable(f"{file.place(call)}: each row has a weight, which would have to move with it")
    if _is_shuffled(file, x):
        raise AlreadySo(f"the rows are already shuffled at {file.place(x)}")
    names = [_shuffled_name(file, node, default) for node, default in ((x, "x"), (y, "y"))]
    if names[0] == names[1]:
        raise EditNotApplicable(f"{file.place(call)}: inputs and labels are the same array")
    given = [file.text[slice(*file.outer(node))] for node in (x, y)]
    shuffle = spell_object(draft, file, call, "sklearn.utils.shuffle")
    line = f"{', '.join(names)} = {shuffle}({', '.join(given)}, random_state=0)"
    insert_before(draft, file, small_statement(file, call), [line])
    draft.record(file, call, "", line)
    for node, before, after in zip((x, y), given, names, strict=True):
        draft.record(file, node, before, after)
        draft.replace(file, *file.outer(node), after)


def _shuffled_name(file: SourceFile, node: cst.BaseExpression, default: str) -> str:
    """After the array where it has a name of its own; of ``data.x`` and ``data.y`` only their roles differ."""
    return fresh_name(file, f"{node.value if isinstance(node, cst.Name) else default}_shuffled")


def _is_shuffled(file: SourceFile, node: cst.BaseExpression) -> bool:
    statement = last_definition(file, node) if isinstance(node, cst.Name) else None
    made = statement.value if isinstance(statement, cst.Assign) else node
    return isinstance(made, cst.Call) and callee_name(made) == "shuffle"


SHUFFLE_ROWS = Edit(
    "shuffle-rows",
    "Shuffle rows and labels together before fit holds the last of them out.",
    (),
    _shuffle_rows,
    Applicability.REVIEW,
)
