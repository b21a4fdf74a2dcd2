"""Labels in a form that loss and output do not understand, or that differ between training and validation."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from ..anatomy import Program, leading_number
from ..changes import defined, wrapped
from ..planting import Planting, Replacement
from .registry import operator


def _labels(program: Program) -> list[cst.BaseExpression]:
    """Labels of training and validation, where they are arrays of one output."""
    feed = program.feed
    if feed is None or feed.kind != "arrays" or feed.y is None or isinstance(feed.y, cst.Dict):
        return []
    return [node for node in (feed.y, feed.validation_y) if node is not None]


def _planting(
    program: Program, operator_id: str, severity: str, changes: tuple[Replacement, ...], text: str
) -> Planting:
    place = (program.script.interval(program.fit),) if program.fit is not None else ()
    kind = "label_order" if operator_id == "label-order" else "label_encoding"
    return Planting(operator_id, severity, kind, changes, text, place, "targets")


def _numpy(program: Program) -> tuple[Replacement, ...]:
    has = "import numpy as np" in program.script.text
    return () if has else (defined(program.script, "import numpy as np"),)


@operator
def label_values(program: Program) -> Iterator[Planting]:
    """Class numbers moved or divided, for training and validation alike."""
    values = {
        "sparse": ("+ 1", "/ 10.0"),
        "binary": ("* 2 - 1", "+ 1", "* 255"),
        "margin": ("* 0.5 + 0.5",),
        "one_hot": ("* 2 - 1",),
    }
    nodes = _labels(program)
    for change in values.get(program.task, ()) if nodes else ():
        changes = tuple(r for node in nodes for r in wrapped(program.script, node, "(", f") {change}"))
        yield _planting(program, "label-values", change, changes, f"labels {change}")


@operator
def label_form(program: Program) -> Iterator[Planting]:
    """One-hot labels where the loss takes class numbers, and the other way round."""
    nodes = _labels(program)
    if not nodes or program.output is None:
        return
    if program.task == "one_hot":
        changes = tuple(r for node in nodes for r in wrapped(program.script, node, "np.argmax(", ", axis=-1)"))
        yield _planting(program, "label-form", "numbers", (*changes, *_numpy(program)), "class numbers for one-hot")
    known = leading_number(program.output.call, "units")
    if program.task == "sparse" and known is not None:
        count = int(known[1])
        changes = tuple(r for node in nodes for r in wrapped(program.script, node, f"np.eye({count})[", "]"))
        yield _planting(program, "label-form", "one-hot", (*changes, *_numpy(program)), "one-hot for class numbers")


@operator
def label_order(program: Program) -> Iterator[Planting]:
    """Training and validation number the classes differently."""
    feed = program.feed
    nodes = _labels(program)
    known = leading_number(program.output.call, "units") if program.output is not None else None
    if feed is None or len(nodes) != 2 or feed.y is None or known is None:
        return
    if program.task == "sparse":
        changes = wrapped(program.script, feed.y, "(", f" + 1) % {known[1]:.0f}")
    elif program.task == "one_hot":
        changes = wrapped(program.script, feed.y, "np.roll(", ", 1, axis=-1)")
    elif program.task == "binary" and known[1] == 1:
        changes = wrapped(program.script, feed.y, "1 - (", ")")
    else:
        return
    imports = _numpy(program) if program.task == "one_hot" else ()
    text = "classes of the training labels are numbered anew, those of the validation are not"
    yield _planting(program, "label-order", "rolled", (*changes, *imports), text)
