"""Loss (LCH) and the size of the output."""

from __future__ import annotations

from collections.abc import Iterator

from ..anatomy import DENSE, Program, leading_number
from ..changes import instead, keras_import
from ..planting import Planting
from .registry import operator

#: By what is learned: losses that fit neither output nor labels, or pull the wrong way.
_WRONG = {
    "binary": ("poisson", "hinge", "categorical_crossentropy", "mean_absolute_percentage_error"),
    "margin": ("binary_crossentropy", "poisson", "categorical_crossentropy"),
    "one_hot": ("mean_absolute_percentage_error", "hinge", "cosine_similarity"),
    "sparse": ("mse", "binary_crossentropy", "mae"),
    "regression": ("binary_crossentropy", "cosine_similarity", "categorical_crossentropy", "hinge"),
}


@operator
def lch(program: Program) -> Iterator[Planting]:
    """Another loss (LCH)."""
    given = program.compile_argument("loss")
    if given is None or program.compile is None:
        return
    for name in _WRONG.get(program.task, ()):
        if name.replace("_", "") != program.loss:
            change = instead(program.script, given.value, f'"{name}"')
            places = (program.script.interval(program.compile),)
            yield Planting("lch", name, "loss", (change,), f"loss {name!r}", places, "compile.loss")


@operator
def lch_form(program: Program) -> Iterator[Planting]:
    """The loss for class numbers where labels are one-hot, and the other way round (LCH)."""
    given = program.compile_argument("loss")
    name = {"one_hot": "sparse_categorical_crossentropy", "sparse": "categorical_crossentropy"}.get(program.task)
    if given is None or program.compile is None or name is None:
        return
    change = instead(program.script, given.value, f'"{name}"')
    places = (program.script.interval(program.compile),)
    yield Planting("lch-form", name, "loss", (change,), f"loss {name!r}", places, "compile.loss")


@operator
def lch_logits(program: Program) -> Iterator[Planting]:
    """A loss that takes probabilities for logits, or logits for probabilities (LCH)."""
    given = program.compile_argument("loss")
    classes = {"binary": "BinaryCrossentropy", "one_hot": "CategoricalCrossentropy", "sparse": None}
    if given is None or program.compile is None or program.task not in classes or "crossentropy" not in program.loss:
        return
    name = classes[program.task] or "SparseCategoricalCrossentropy"
    keras, _ = program.keras_name()
    wanted = not program.loss_from_logits
    change = instead(program.script, given.value, f"{keras}.losses.{name}(from_logits={wanted})")
    places = (program.script.interval(given.value), program.script.interval(program.compile))
    changes = (change, *keras_import(program))
    text = f"the loss is told from_logits={wanted}"
    yield Planting("lch-logits", str(wanted), "loss", changes, text, places, "compile.loss")


@operator
def output_units(program: Program) -> Iterator[Planting]:
    """The output has another size than the labels ask for."""
    layer = program.output
    known = leading_number(layer.call, "units") if layer is not None and layer.name in DENSE else None
    if layer is None or known is None:
        return
    node, units = known
    wanted = {"sparse": (1, int(units) - 1), "one_hot": (1, int(units) + 1), "binary": (int(units) + 1,)}
    for count in wanted.get(program.task, (int(units) + 1,)):
        if 0 < count != units:
            change = instead(program.script, node, str(count))
            text = f"{count} output units instead of {units:.0f}"
            yield Planting("output-units", str(count), "output_units", (change,), text, layer.places, at_layer=True)
