"""The part of the HTML report that pictures the model: boxes, sparklines and the table of layers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..result import LayerResult, Result
from . import charts, graph, wording


@dataclass(frozen=True)
class Statistic:
    """A statistic of layers as shown. ``sources``: the series it may stand under, the ratio of two in the last case."""

    caption: str
    name: str
    series: str
    is_share: bool


STATISTICS = (
    Statistic("grad", "Gradient norm", "gradient_norm", False),
    Statistic("dead", "Dead units, share", "dead_fraction", True),
    Statistic("sat", "Saturated, share", "saturated_fraction", True),
    Statistic("std", "Activation std", "activation_std", False),
    Statistic("upd", "Update / weight norm", "update_ratio", False),
)


#: Characters that fit a line in a box, and its heading beside a fault mark or alone.
_KIND_LIMIT, _MARKED_NAME_LIMIT, _NAME_LIMIT = 38, 19, 28


@dataclass(frozen=True)
class BoxSpark:
    """A sparkline in a box; a statistic has the same ``slot`` in every box, so that they line up."""

    slot: int
    caption: str
    name: str
    line: charts.Sparkline


@dataclass(frozen=True)
class ShownBox:
    at: graph.Box
    title: str
    name: str
    kind: str
    members: tuple[str, ...]
    faults: tuple[int, ...]
    folded: bool
    sparks: tuple[BoxSpark, ...]


@dataclass(frozen=True)
class LayerRow:
    layer: LayerResult
    kind: str
    shape: str
    sparks: tuple[charts.Sparkline | None, ...]


@dataclass(frozen=True)
class Block:
    name: str
    first: int
    last: int
    rows: tuple[LayerRow, ...]
    left_out: int


@dataclass(frozen=True)
class ModelSection:
    picture: graph.Picture
    boxes: tuple[ShownBox, ...]
    faulty: tuple[LayerResult, ...]
    captions: tuple[tuple[str, str, str], ...]
    rows: tuple[LayerRow, ...]
    left_out: int
    blocks: tuple[Block, ...]


def model_section(result: Result, spark_points: int, layer_rows: int) -> ModelSection | None:
    """Everything the template needs to draw the model; None when there is none."""
    if result.model is None or not result.model.layers:
        return None
    layers = result.model.layers
    shown = [statistic for statistic in STATISTICS if any(_has_values(_series(layer, statistic)) for layer in layers)]
    scales = {
        statistic: charts.scale_for(
            (value for layer in layers for value in _series(layer, statistic)), fraction=statistic.is_share
        )
        for statistic in shown
    }
    picture = graph.picture(result.model, has_statistics=bool(shown))

    def sparks(layer: LayerResult) -> tuple[charts.Sparkline | None, ...]:
        return tuple(
            charts.sparkline(_series(layer, statistic), scales[statistic], spark_points) for statistic in shown
        )

    def rows(chosen: Sequence[LayerResult]) -> tuple[LayerRow, ...]:
        return tuple(LayerRow(layer, _kind(layer), _shape(layer), sparks(layer)) for layer in chosen[:layer_rows])

    single = [layer for box in picture.boxes if not box.node.is_folded for layer in box.node.layers]
    return ModelSection(
        picture=picture,
        boxes=tuple(_box(box, () if picture.plain else sparks(box.node.layers[0]), shown) for box in picture.boxes),
        faulty=tuple(layer for layer in layers if layer.faults),
        captions=tuple((entry.caption, entry.name, _scale_words(scales[entry])) for entry in shown),
        rows=rows(single),
        left_out=max(0, len(single) - layer_rows),
        blocks=tuple(
            Block(
                name=f"{graph.block_name(node)}: {' → '.join(graph.block_members(node))}",
                first=node.layers[0].index,
                last=node.layers[-1].index,
                rows=rows(node.layers),
                left_out=max(0, len(node.layers) - layer_rows),
            )
            for node in picture.folded
        ),
    )


def _series(layer: LayerResult, statistic: Statistic) -> charts.Values:
    if statistic.series in layer.series or statistic.series != "update_ratio":
        return layer.series.get(statistic.series, ())
    return tuple(_ratios(layer.series.get("update_norm", ()), layer.series.get("weight_norm", ())))


def _ratios(updates: charts.Values, weights: charts.Values) -> Iterator[float | None]:
    for update, weight in zip(updates, weights, strict=False):
        known_update, known_weight = wording.finite(update), wording.finite(weight)
        yield known_update / known_weight if known_update is not None and known_weight else None


def _has_values(values: charts.Values) -> bool:
    return any(wording.finite(value) is not None for value in values)


def _scale_words(scale: charts.Scale) -> str:
    kind = ", log scale" if scale.logarithmic else ""
    return f"{wording.number(scale.low)} to {wording.number(scale.high)}{kind}"


def _box(box: graph.Box, sparks: Sequence[charts.Sparkline | None], shown: Sequence[Statistic]) -> ShownBox:
    node, layer = box.node, box.node.layers[0]
    if node.is_folded:
        parameters = f"{sum(entry.parameters for entry in node.layers):,} par."
        name = graph.block_name(node)
        kind = f"layers {layer.index} to {node.layers[-1].index}, {parameters}"
        sparks = ()
    else:
        name, kind = f"{layer.index} {layer.name}", _box_kind(layer)
    faults = tuple(rank for entry in node.layers for rank in entry.faults)
    return ShownBox(
        at=box,
        title=wording.one_line(f"{name}: {kind}", 200),
        name=wording.shortened(name, _room(name, _MARKED_NAME_LIMIT if faults else _NAME_LIMIT)),
        kind=wording.one_line(kind, _room(kind, _KIND_LIMIT)),
        members=tuple(wording.one_line(line, _room(line, _KIND_LIMIT)) for line in graph.block_members(node))
        if node.is_folded
        else (),
        faults=faults,
        folded=node.is_folded,
        sparks=tuple(
            BoxSpark(slot, entry.caption, entry.name, line)
            for slot, (entry, line) in enumerate(zip(shown, sparks, strict=False))
            if line is not None
        ),
    )


def _room(text: str, limit: int) -> int:
    """How many characters of a text fit where ``limit`` Latin ones do: East Asian ones are twice as wide."""
    start = text[:limit]
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in start)
    return limit if not wide else max(4, limit * len(start) // (len(start) + wide))


def _kind(layer: LayerResult) -> str:
    parts = [wording.one_line(layer.class_name, 40)]
    if layer.activation:
        parts.append(wording.one_line(layer.activation, 40))
    return ", ".join(parts)


def _box_kind(layer: LayerResult) -> str:
    parts = [_kind(layer)]
    if layer.units is not None:
        parts.append(wording.count(layer.units, "unit"))
    if layer.parameters:
        parts.append(f"{layer.parameters:,} par.")
    line = ", ".join(parts)
    return line if len(line) <= _KIND_LIMIT else ", ".join(parts[:2])


def _shape(layer: LayerResult) -> str:
    if layer.output_shape is None:
        return "unknown" if layer.units is None else wording.count(layer.units, "unit")
    return " × ".join(
        "batch" if size is None and i == 0 else "?" if size is None else str(size)
        for i, size in enumerate(layer.output_shape)
    )
