"""Settings of fit: epochs (HNE), batch size (HBS, HDB) and the order of rows."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from ..anatomy import Program, leading_number
from ..changes import defined, with_argument, wrapped
from ..planting import Planting
from ..script import argument, number
from .registry import operator


def _epochs(program: Program) -> float | None:
    given = argument(program.fit, "epochs", 3) if program.fit is not None else None
    return None if given is None else number(program.resolve(given.value))


@operator
def hne(program: Program) -> Iterator[Planting]:
    """Training ends long before it has converged (HNE)."""
    epochs = _epochs(program)
    if program.fit is None or epochs is None:
        return
    for count in sorted({1, 2, max(1, int(epochs // 10))}):
        if count <= epochs / 4:
            change = with_argument(program.script, program.fit, "epochs", str(count), 3)
            text = f"{count} epochs instead of {epochs:.0f}"
            place = (program.script.interval(program.fit),)
            yield Planting("hne", str(count), "epochs", (change,), text, place, "fit.epochs")


@operator
def hbs(program: Program) -> Iterator[Planting]:
    """All rows make one batch, so that there is one update per epoch (HBS, HDB)."""
    if program.fit is None or program.feed is None or program.feed.kind != "arrays":
        return
    for size in (1024, 100000):
        change = with_argument(program.script, program.fit, "batch_size", str(size), 2)
        place = (program.script.interval(program.fit),)
        yield Planting("hbs", str(size), "batch_size", (change,), f"batches of {size} rows", place, "fit.batch_size")


@operator
def class_weight(program: Program) -> Iterator[Planting]:
    """One class weighs so much that all others are given up for it."""
    known = leading_number(program.output.call, "units") if program.output is not None else None
    if (
        program.fit is None
        or program.feed is None
        or known is None
        or program.task not in ("binary", "sparse", "one_hot")
    ):
        return
    classes = 2 if program.task == "binary" else int(known[1])
    if program.task == "binary" and known[1] != 1:
        return  # several labels at once, or grey values
    for weight in (200.0, 10000.0):
        weights = ", ".join(f"{label}: {weight if label == 0 else 1.0}" for label in range(classes))
        change = with_argument(program.script, program.fit, "class_weight", f"{{{weights}}}")
        place = (program.script.interval(program.fit),)
        text = f"class 0 weighs {weight:.0f} times as much as any other"
        yield Planting("class-weight", f"{weight:.0f}", "class_weights", (change,), text, place, "fit.class_weight")


_SORTED = '''def by_label(values, labels):
    """Rows in the order of their labels."""
    return values[np.argsort(np.asarray(labels).reshape(len(labels), -1)[:, 0], kind="stable")]
'''


@operator
def unshuffled(program: Program) -> Iterator[Planting]:
    """Rows sorted by label are trained in that order."""
    feed, script = program.feed, program.script
    if program.fit is None or feed is None or feed.kind != "arrays" or feed.y is None:
        return
    if program.task not in ("sparse", "binary", "margin") or isinstance(feed.y, cst.Dict):
        return
    x, y = script.code(feed.x), script.code(feed.y)
    changes = (
        *wrapped(script, feed.x, "by_label(", f", {y})"),
        *wrapped(script, feed.y, "by_label(", f", {y})"),
        with_argument(script, program.fit, "shuffle", "False"),
        defined(script, _SORTED),
        *([] if "import numpy as np" in script.text else [defined(script, "import numpy as np")]),
    )
    text = f"{x} and {y} are sorted by label and not shuffled"
    yield Planting("unshuffled", "sorted", "shuffle", changes, text, (script.interval(program.fit),), "fit.shuffle")
