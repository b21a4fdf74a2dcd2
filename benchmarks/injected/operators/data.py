"""Data that cannot teach: wrong labels (TCL), too few rows (TRD), one-sided (TUD), noisy (TAN), overlapping (TCO),
with gaps, or with columns that lost their meaning. Only what reaches the training is spoilt, validation rows are not.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from ..anatomy import Feed, Program
from ..changes import defined, wrapped
from ..planting import Planting, Replacement
from .registry import operator

_MISLABELLED = '''def mislabelled(labels, share):
    """Some rows get the label of another row."""
    labels = np.array(labels)
    rng = np.random.default_rng(7)
    hit = np.flatnonzero(rng.random(len(labels)) < share)
    labels[hit] = labels[rng.permutation(hit)]
    return labels
'''
_ONE_SIDED = '''def one_sided(labels):
    """Rows of the first class, and one in a hundred of the others."""
    labels = np.asarray(labels).reshape(len(labels), -1)
    first = labels[:, 0] == labels[0, 0]
    return np.flatnonzero(first | (np.arange(len(labels)) % 100 == 0))
'''
_OVERLAPPING = '''def overlapping(labels, share):
    """Rows of each class get the number of the next class."""
    labels = np.array(labels)
    hit = np.random.default_rng(7).random(labels.shape) < share
    values = np.unique(labels)
    following = values[(np.searchsorted(values, labels) + 1) % len(values)]
    return np.where(hit, following, labels)
'''
_NOISY = '''def noisy_copy(values, strength):
    """Values with noise of so many standard deviations."""
    values = np.asarray(values, dtype="float32")
    return values + np.random.default_rng(7).normal(0, strength * values.std(), values.shape).astype("float32")
'''
_WITH_GAPS = '''def with_gaps(values, share):
    """Values of which some are missing."""
    values = np.array(values, dtype="float32")
    values[np.random.default_rng(7).random(values.shape) < share] = np.nan
    return values
'''
_SCRAMBLED = '''def scrambled(values):
    """A table read in the wrong order: the entries of different rows are mixed."""
    values = np.asarray(values)
    return np.ascontiguousarray(np.moveaxis(values, 0, -1)).reshape(values.shape)
'''


def _arrays(program: Program) -> Feed | None:
    """Inputs and targets, where both are single arrays."""
    feed = program.feed
    if feed is None or feed.kind != "arrays" or feed.y is None or program.fit is None:
        return None
    calls_own_function = isinstance(feed.x, cst.Call) and isinstance(feed.x.func, cst.Name)
    return None if isinstance(feed.y, cst.Dict) or calls_own_function else feed


def _planting(  # noqa: PLR0917
    program: Program, operator_id: str, severity: str, kind: str, changes: tuple[Replacement, ...], text: str
) -> Planting:
    place = (program.script.interval(program.fit),) if program.fit is not None else ()
    has = "import numpy as np" in program.script.text
    imports = () if has else (defined(program.script, "import numpy as np"),)
    return Planting(operator_id, severity, kind, (*changes, *imports), text, place, "data")


@operator
def tcl(program: Program) -> Iterator[Planting]:
    """Labels of some or all training rows are those of other rows (TCL)."""
    feed = _arrays(program)
    if feed is None or feed.y is None:
        return
    for share in ("1.0", "0.7"):
        changes = (
            *wrapped(program.script, feed.y, "mislabelled(", f", {share})"),
            defined(program.script, _MISLABELLED),
        )
        yield _planting(program, "tcl", share, "training_data", changes, f"share of wrong labels: {share}")


@operator
def trd(program: Program) -> Iterator[Planting]:
    """Nearly all training rows are deleted (TRD)."""
    feed = _arrays(program)
    if feed is None or feed.y is None:
        return
    for step in (50, 200):
        changes = (
            *wrapped(program.script, feed.x, "(", f")[::{step}]"),
            *wrapped(program.script, feed.y, "(", f")[::{step}]"),
        )
        yield _planting(program, "trd", f"1/{step}", "training_data", changes, f"one training row in {step} is left")


@operator
def tud(program: Program) -> Iterator[Planting]:
    """Next to all training rows are of one class (TUD)."""
    feed = _arrays(program)
    if feed is None or feed.y is None or program.task not in ("sparse", "binary", "one_hot", "margin"):
        return
    labels = program.script.code(feed.y)
    changes = (
        *wrapped(program.script, feed.x, "(", f")[one_sided({labels})]"),
        *wrapped(program.script, feed.y, "(", f")[one_sided({labels})]"),
        defined(program.script, _ONE_SIDED),
    )
    yield _planting(program, "tud", "1/100", "training_data", changes, "one class holds nearly all training rows")


@operator
def tan(program: Program) -> Iterator[Planting]:
    """Training inputs are drowned in noise (TAN)."""
    feed = _arrays(program)
    if feed is None or program.has_embedding:
        return
    for strength in ("3.0", "10.0"):
        changes = (
            *wrapped(program.script, feed.x, "noisy_copy(", f", {strength})"),
            defined(program.script, _NOISY),
        )
        text = f"noise of {strength} standard deviations on the training inputs"
        yield _planting(program, "tan", strength, "training_data", changes, text)


@operator
def tco(program: Program) -> Iterator[Planting]:
    """Most rows of each class carry the number of the next class (TCO)."""
    feed = _arrays(program)
    if feed is None or feed.y is None or program.task not in ("sparse", "margin"):
        return
    for share in ("0.5", "0.65"):
        changes = (
            *wrapped(program.script, feed.y, "overlapping(", f", {share})"),
            defined(program.script, _OVERLAPPING),
        )
        yield _planting(program, "tco", share, "training_data", changes, f"{share} of each class labelled as the next")


@operator
def missing_inputs(program: Program) -> Iterator[Planting]:
    """Entries of the training inputs are NaN."""
    feed = _arrays(program)
    if feed is None or program.has_embedding:
        return
    for share in ("0.001", "0.05"):
        changes = (
            *wrapped(program.script, feed.x, "with_gaps(", f", {share})"),
            defined(program.script, _WITH_GAPS),
        )
        yield _planting(program, "missing-inputs", share, "missing_values", changes, f"share of NaN inputs: {share}")


@operator
def missing_targets(program: Program) -> Iterator[Planting]:
    """Entries of the training targets are NaN."""
    feed = _arrays(program)
    if feed is None or feed.y is None or program.task not in ("regression", "binary"):
        return
    for share in ("0.01", "0.05"):
        changes = (
            *wrapped(program.script, feed.y, "with_gaps(", f", {share})"),
            defined(program.script, _WITH_GAPS),
        )
        yield _planting(program, "missing-targets", share, "missing_values", changes, f"share of NaN targets: {share}")


@operator
def scrambled_columns(program: Program) -> Iterator[Planting]:
    """A table or picture read in the wrong order of axes, so that columns have lost their meaning."""
    feed = _arrays(program)
    if feed is None or program.has_embedding:
        return
    nodes = [node for node in (feed.x, feed.validation_x) if node is not None]
    changes = (
        *(r for node in nodes for r in wrapped(program.script, node, "scrambled(", ")")),
        defined(program.script, _SCRAMBLED),
    )
    yield _planting(
        program, "scrambled-columns", "axes", "feature_encoding", changes, "axes of the inputs are mixed up"
    )


@operator
def merged_tokens(program: Program) -> Iterator[Planting]:
    """Numbers of words are divided, so that different words become the same."""
    feed = _arrays(program)
    if feed is None or not program.has_embedding:
        return
    nodes = [node for node in (feed.x, feed.validation_x) if node is not None]
    for divisor in (12, 500):
        changes = tuple(r for node in nodes for r in wrapped(program.script, node, "(", f") // {divisor}"))
        text = f"numbers of words are divided by {divisor}"
        yield _planting(program, "merged-tokens", f"/{divisor}", "feature_encoding", changes, text)


@operator
def codes_for_one_hot(program: Program) -> Iterator[Planting]:
    """Categories go in as their numbers where the program has a column for each."""
    script = program.script
    if program.fit is None:
        return
    for node in script.nodes:
        is_eye = isinstance(node, cst.Subscript) and isinstance(node.value, cst.Call) and len(node.slice) == 1
        if not is_eye or script.code(node.value.func) != "np.eye":
            continue
        index = node.slice[0].slice
        if isinstance(index, cst.Index):
            change = Replacement(script.interval(node), script.code(index.value))
            text = "categories go in as numbers instead of one-hot"
            yield _planting(program, "codes-for-one-hot", "numbers", "feature_encoding", (change,), text)
