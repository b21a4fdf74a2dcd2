"""The network itself: width, depth, dropout (RCD), normalization, kernels, strides, frozen layers."""

from __future__ import annotations

from collections.abc import Iterator

from ..anatomy import CONVOLUTIONS, DENSE, RECURRENT, LayerCall, Program, leading_number
from ..changes import instead, keras_import, layer_behind, prefix, with_argument, without_layer
from ..planting import Planting, Replacement
from ..script import Interval, argument, string
from .registry import operator


def _number_of_units(layer: LayerCall):  # type: ignore[no-untyped-def]
    return leading_number(layer.call, "filters" if layer.name in CONVOLUTIONS else "units")


@operator
def units(program: Program) -> Iterator[Planting]:
    """A hidden layer is a bottleneck through which next to nothing passes."""
    for layer in program.hidden:
        known = _number_of_units(layer)
        if known is None or known[1] < 8:
            continue
        kind = "filters" if layer.name in CONVOLUTIONS else "units"
        for count in (1, 2):
            change = instead(program.script, known[0], str(count))
            text = f"{layer.name} with {count} {kind} instead of {known[1]:.0f}"
            yield Planting("units", str(count), kind, (change,), text, layer.places, at_layer=True)


@operator
def layers(program: Program) -> Iterator[Planting]:
    """Many more layers than such a network can be trained with."""
    script = program.script
    for layer in program.hidden:
        if layer.name not in DENSE or layer.form not in ("list", "add"):
            continue
        for count, activation in ((12, "sigmoid"), (30, "relu")):
            call = f'{prefix(script, layer.call)}Dense(16, activation="{activation}")'
            change = _repeated(program, layer, call, count)
            if change is not None:
                text = f"{count} more dense layers with {activation}"
                yield Planting("layers", f"{count} {activation}", "layers", (change,), text, layer.places)


def _repeated(program: Program, layer: LayerCall, call: str, count: int) -> Replacement | None:
    if layer.form == "list":
        end = max(layer.places, key=lambda one: one.end).end
        text = f", *[{call} for _ in range({count})]"
        return Replacement(Interval(end, end), text, Interval(4, 4 + len(call)))
    once = layer_behind(program, layer, call)
    if once is None or once.mark is None:
        return None
    indent = program.script.indent(layer.call)
    body = once.text.strip()
    head = f"\n{indent}for _ in range({count}):\n{indent}    "
    begin = len(head) + body.index(call)
    return Replacement(once.where, head + body, Interval(begin, begin + len(call)))


@operator
def rcd(program: Program) -> Iterator[Planting]:
    """Nearly everything is dropped (RCD): a dropout layer with a huge rate, or a new one behind a hidden layer."""
    keras, _ = program.keras_name()
    known = [layer for layer in program.layers if layer.name == "Dropout"]
    for layer in known:
        found = leading_number(layer.call, "rate")
        if found is not None:
            change = instead(program.script, found[0], "0.95")
            text = f"dropout rate 0.95 instead of {found[1]:g}"
            yield Planting("rcd", "0.95", "dropout", (change,), text, layer.places, at_layer=True)
    for layer in program.hidden:
        if layer.name in RECURRENT and "return_sequences" in program.script.code(layer.call):
            continue
        for rate in ("0.9", "0.97"):
            added = layer_behind(program, layer, f"{keras}.layers.Dropout({rate})")
            if added is not None:
                changes = (added, *keras_import(program))
                text = f"new dropout layer with rate {rate} behind {layer.name}"
                yield Planting("rcd", f"new {rate}", "dropout", changes, text, at_layer=True)


@operator
def batchnorm_removed(program: Program) -> Iterator[Planting]:
    """All normalization layers are removed."""
    found = [layer for layer in program.layers if layer.name in ("BatchNormalization", "LayerNormalization")]
    changes = [without_layer(program, layer) for layer in found]
    kept = tuple(change for change in changes if change is not None)
    if found and len(kept) == len(found):
        text = f"{len(found)} normalization layers removed"
        yield Planting("batchnorm-removed", "all", "missing_batchnorm", kept, text)


@operator
def kernel_size(program: Program) -> Iterator[Planting]:
    """Kernels that see a single pixel, in all convolutions."""
    found = [layer for layer in program.hidden if layer.name in CONVOLUTIONS]
    given = [argument(layer.call, "kernel_size", 1) for layer in found]
    if not found or any(one is None for one in given):
        return
    changes = tuple(instead(program.script, one.value, "1") for one in given if one is not None)
    places = tuple(place for layer in found for place in layer.places)
    text = f"kernels of size 1 in {len(found)} convolutions"
    yield Planting("kernel-size", "1", "kernel_size", changes, text, places, at_layer=True)


@operator
def strides(program: Program) -> Iterator[Planting]:
    """A convolution skips most of what it is given; padding keeps what is behind it possible."""
    for layer in program.hidden:
        if layer.name not in CONVOLUTIONS:
            continue
        for step in (4, 8):
            call = layer.call
            changes = [with_argument(program.script, call, "strides", str(step))]
            padding = argument(call, "padding")
            if padding is None or string(padding.value) != "same":
                added = with_argument(program.script, call, "padding", '"same"')
                same_place = added.where == changes[0].where
                changes = [Replacement(added.where, changes[0].text + added.text)] if same_place else [*changes, added]
            text = f"{layer.name} with strides {step}"
            yield Planting("strides", str(step), "strides", tuple(changes), text, layer.places, at_layer=True)


@operator
def frozen(program: Program) -> Iterator[Planting]:
    """Layers that must learn may not: every layer with a kernel, or the output alone."""
    script = program.script
    output = [program.output] if program.output is not None else []
    everything = [*program.hidden, *output]
    for name, chosen in (("all", everything), ("output", output)):
        if chosen and (name == "output" or len(chosen) > 1):
            changes = tuple(with_argument(script, layer.call, "trainable", "False") for layer in chosen)
            places = tuple(place for layer in chosen for place in layer.places)
            text = f"{len(chosen)} layers with trainable=False"
            # Where no layer may learn, there is no layer to name.
            yield Planting("frozen", name, "frozen_weights", changes, text, places, at_layer=name == "output")
