"""Layout of the picture of a model: boxes from top to bottom, branches side by side, long ways round the side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..result import LayerResult, ModelResult

#: Size of a box and of the room between boxes, in SVG units that are CSS pixels: one chain fits a 320 px screen.
BOX_WIDTH, FULL_HEIGHT, PLAIN_HEIGHT = 272, 98, 50
GAP_X, GAP_Y, MARGIN, RAIL = 20, 26, 4, 9
#: Above this number of boxes repeated blocks are folded; above the next, boxes lose their sparklines.
FOLD_ABOVE, PLAIN_ABOVE, BOXES_AT_MOST = 24, 40, 120
_LONGEST_BLOCK, _MOST_COLUMNS, _MOST_RAILS = 24, 3, 10


@dataclass(frozen=True)
class Node:
    """One box: a layer, or a block of layers folded into one."""

    layers: tuple[LayerResult, ...]
    repeats: int = 1
    inbound: tuple[int, ...] = ()  # indices of nodes

    @property
    def is_folded(self) -> bool:
        return len(self.layers) > 1


@dataclass(frozen=True)
class Box:
    node: Node
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    boxes: tuple[Box, ...]
    edges: tuple[str, ...]
    folded: tuple[Node, ...]
    plain: bool


@dataclass
class _Grid:
    rank: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)

    @property
    def columns(self) -> int:
        return max(self.column, default=0) + 1


def picture(model: ModelResult, *, has_statistics: bool = True) -> Picture:
    """Lay a model out; boxes are lower when there is nothing to draw in them."""
    nodes = _nodes(model.layers)
    grid = _place(nodes)
    if grid.columns > _MOST_COLUMNS:
        grid = _Grid(list(range(len(nodes))), [0] * len(nodes))
    plain = len(nodes) > PLAIN_ABOVE or not has_statistics
    height = PLAIN_HEIGHT if plain else FULL_HEIGHT
    boxes = tuple(
        Box(
            node,
            MARGIN + column * (BOX_WIDTH + GAP_X),
            MARGIN + rank * (height + GAP_Y),
            BOX_WIDTH,
            height,
        )
        for node, rank, column in zip(nodes, grid.rank, grid.column, strict=True)
    )
    edges, rails = _edges(nodes, grid, boxes)
    right = max((box.x + box.width for box in boxes), default=0) + MARGIN
    return Picture(
        width=right + (rails + 1) * RAIL if rails else right,
        height=max((box.y + box.height for box in boxes), default=0) + MARGIN,
        boxes=boxes,
        edges=edges,
        folded=tuple(node for node in nodes if node.is_folded),
        plain=plain,
    )


def _nodes(layers: Sequence[LayerResult]) -> list[Node]:
    positions = {layer.index: position for position, layer in enumerate(layers)}
    sources = [
        tuple(sorted({positions[i] for i in layer.inbound if i in positions and positions[i] < position}))
        for position, layer in enumerate(layers)
    ]
    groups: list[tuple[int, int, int]] = [(position, position + 1, 1) for position in range(len(layers))]
    if len(layers) > FOLD_ABOVE:
        groups = _fold_repeats(layers, sources)
    if len(groups) > BOXES_AT_MOST:
        groups = _fold_runs(layers, groups)
    owner = {position: node for node, (start, end, _) in enumerate(groups) for position in range(start, end)}
    return [
        Node(
            tuple(layers[start:end]),
            repeats,
            tuple(sorted({owner[s] for p in range(start, end) for s in sources[p] if s < start})),
        )
        for start, end, repeats in groups
    ]


def _signature(layer: LayerResult, position: int, sources: tuple[int, ...]) -> tuple[object, ...]:
    if layer.faults:
        return (position,)
    return (layer.class_name, layer.activation, tuple(position - source for source in sources))


def _fold_repeats(layers: Sequence[LayerResult], sources: Sequence[tuple[int, ...]]) -> list[tuple[int, int, int]]:
    """Fold runs in which a block of layers comes at least three times; faulty layers are never folded."""
    signatures = [_signature(layer, position, sources[position]) for position, layer in enumerate(layers)]
    groups: list[tuple[int, int, int]] = []
    position = 0
    while position < len(layers):
        best_end, best_repeats = position + 1, 1
        for period in range(1, min(_LONGEST_BLOCK, (len(layers) - position) // 3) + 1):
            end = position + period
            while end < len(layers) and signatures[end] == signatures[end - period]:
                end += 1
            repeats = (end - position) // period
            if repeats >= 3 and repeats * period >= 6 and position + repeats * period > best_end:
                best_end, best_repeats = position + repeats * period, repeats
        groups.append((position, best_end, best_repeats))
        position = best_end
    return groups


def _fold_runs(layers: Sequence[LayerResult], groups: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Fold whatever stands between faulty layers in runs, so that the number of boxes stays bounded."""
    size = -(-len(groups) // (BOXES_AT_MOST // 2))
    folded: list[tuple[int, int, int]] = []
    members = 0
    for start, end, repeats in groups:
        faulty = any(layer.faults for layer in layers[start:end])
        if members and not faulty and members < size:
            folded[-1] = (folded[-1][0], end, 1)
            members += 1
        else:
            folded.append((start, end, repeats))
            members = 0 if faulty else 1
    return folded


def _place(nodes: Sequence[Node]) -> _Grid:
    """Rank by the longest way from an input; in a rank, stay in the column of the first source if it is free."""
    grid = _Grid()
    taken: set[tuple[int, int]] = set()
    for node in nodes:
        rank = max((grid.rank[source] + 1 for source in node.inbound), default=0)
        column = min((grid.column[source] for source in node.inbound), default=0)
        while (rank, column) in taken:
            column += 1
        taken.add((rank, column))
        grid.rank.append(rank)
        grid.column.append(column)
    return grid


def _edges(nodes: Sequence[Node], grid: _Grid, boxes: Sequence[Box]) -> tuple[tuple[str, ...], int]:
    paths = []
    rails: list[int] = []  # the rank down to which each rail is in use
    right = max((box.x + box.width for box in boxes), default=0)
    for target, node in enumerate(nodes):
        for source in node.inbound:
            if grid.rank[target] == grid.rank[source] + 1:
                paths.append(_straight(boxes[source], boxes[target]))
                continue
            rail = next((i for i, until in enumerate(rails) if until <= grid.rank[source]), len(rails))
            rail = min(rail, _MOST_RAILS - 1)
            rails[rail : rail + 1] = [grid.rank[target]]
            paths.append(_round_the_side(boxes[source], boxes[target], right + (rail + 1) * RAIL))
    return tuple(paths), len(rails)


def _straight(source: Box, target: Box) -> str:
    x1, y1 = source.x + source.width // 2, source.y + source.height
    x2, y2 = target.x + target.width // 2, target.y
    if x1 == x2:
        return f"M{x1} {y1}V{y2 - 2}"
    middle = (y1 + y2) // 2
    return f"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2 - 2}"


def _round_the_side(source: Box, target: Box, x: int) -> str:
    x1, y1 = source.x + source.width, source.y + source.height - 12
    x2, y2 = target.x + target.width + 2, target.y + 12
    return f"M{x1} {y1}H{x - 5}Q{x} {y1} {x} {y1 + 5}V{y2 - 5}Q{x} {y2} {x - 5} {y2}H{x2}"


def block_name(node: Node) -> str:
    """What a folded box is: ``32 × 2 layers``."""
    if node.repeats > 1:
        return f"{node.repeats} × {len(node.layers) // node.repeats} layers"
    return f"{len(node.layers)} layers"


def block_members(node: Node, at_most: int = 3) -> list[str]:
    """The kinds of layers in a folded box, in at most so many lines."""
    members: Iterable[LayerResult] = node.layers[: len(node.layers) // node.repeats]
    kinds = [layer.class_name for layer in members]
    if node.repeats == 1:
        kinds = list(dict.fromkeys(kinds))
    lines = [kinds[start : start + 2] for start in range(0, len(kinds), 2)]
    shown = [" → ".join(line) if node.repeats > 1 else ", ".join(line) for line in lines[:at_most]]
    if len(lines) > at_most:
        shown[-1] += " …"
    return shown
