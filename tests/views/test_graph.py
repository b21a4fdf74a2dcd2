from __future__ import annotations

from types import ModuleType

import pytest

from dlfix.result import LayerResult, ModelResult
from dlfix.views import graph


def _model(*inbound: tuple[int, ...], kinds: str = "", faulty: tuple[int, ...] = ()) -> ModelResult:
    layers = tuple(
        LayerResult(
            index=index,
            name=f"l{index}",
            class_name=kinds[index] if kinds else "Dense",
            inbound=sources,
            faults=(1,) if index in faulty else (),
        )
        for index, sources in enumerate(inbound)
    )
    return ModelResult(name="m", kind="functional", parameters=0, layers=layers)


def _chain(length: int, **options: object) -> ModelResult:
    return _model(*((index - 1,) if index else () for index in range(length)), **options)  # type: ignore[arg-type]


def _overlap(one: graph.Box, other: graph.Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


@pytest.mark.parametrize("name", ["faulty", "branched", "huge"])
def test_boxes_lie_apart_inside_the_picture(name: str, samples: ModuleType) -> None:
    picture = graph.picture(samples.SAMPLES[name]().model)
    for position, box in enumerate(picture.boxes):
        assert box.x >= 0
        assert box.x + box.width <= picture.width
        assert box.y + box.height <= picture.height
        assert not any(_overlap(box, other) for other in picture.boxes[:position])


def test_each_layer_is_below_what_feeds_it(samples: ModuleType) -> None:
    boxes = graph.picture(samples.branched().model).boxes
    for box in boxes:
        for source in box.node.inbound:
            assert boxes[source].y < box.y


def test_branches_stand_side_by_side() -> None:
    boxes = graph.picture(_model((), (0,), (0,), (1, 2))).boxes
    assert boxes[1].y == boxes[2].y
    assert boxes[1].x != boxes[2].x
    assert boxes[0].x == boxes[1].x == boxes[3].x


def test_one_edge_per_connection() -> None:
    assert len(graph.picture(_model((), (0,), (0, 1), (2, 0))).edges) == 5


def test_one_chain_fits_a_narrow_screen() -> None:
    assert graph.picture(_chain(5)).width <= 288


def test_many_branches_go_into_one_column() -> None:
    picture = graph.picture(_model((), (0,), (0,), (0,), (0,), (0,), (1, 2, 3, 4, 5)))
    assert len({box.x for box in picture.boxes}) == 1
    assert len(picture.edges) == 10


def test_unknown_and_backward_connections_are_left_out() -> None:
    picture = graph.picture(_model((2,), (0, 99), (1, 2)))
    assert len(picture.edges) == 2


def test_small_models_are_never_folded() -> None:
    assert graph.picture(_chain(24)).folded == ()


def test_repeated_blocks_are_folded_but_no_faulty_layer() -> None:
    picture = graph.picture(_chain(300, kinds="CBR" * 100, faulty=(151,)))
    assert len(picture.boxes) < 20
    assert sum(len(box.node.layers) for box in picture.boxes) == 300
    alone = [box.node for box in picture.boxes if any(layer.faults for layer in box.node.layers)]
    assert [node.layers[0].index for node in alone] == [151]
    assert not alone[0].is_folded
    assert graph.block_name(picture.folded[0]).endswith("× 3 layers")
    assert graph.block_members(picture.folded[0]) == ["B → R", "C"]  # the first layer has no input, and stands alone


def test_the_number_of_boxes_is_bounded() -> None:
    kinds = "".join(chr(0x4E00 + index) for index in range(1500))  # no two alike
    picture = graph.picture(_chain(1500, kinds=kinds, faulty=(700,)))
    assert len(picture.boxes) <= graph.BOXES_AT_MOST
    assert picture.plain
    assert sum(len(box.node.layers) for box in picture.boxes) == 1500


def test_no_layers() -> None:
    picture = graph.picture(ModelResult(name="m", kind="sequential", parameters=0))
    assert (picture.boxes, picture.edges) == ((), ())
