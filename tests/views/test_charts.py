from __future__ import annotations

import math

import pytest

from dlfix.result import ReferenceResult, SkillResult, SuggestionResult
from dlfix.views import charts


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0],
        [5.0],
        [-3.0, 12.5],
        [1e-9, 1e3],
        [1e300, -1e300],
        [0.0, 0.0],
        [math.nan, None, 2.0],
        [],
        [1e-320, 1.0],
    ],
)
def test_every_value_lies_on_its_scale(values: list[float | None]) -> None:
    scale = charts.scale_for(values)
    for value in values:
        if value is not None and math.isfinite(value):
            assert 0 <= scale.at(value) <= 1
    ticks = charts.axis_ticks(scale)
    assert 1 <= len(ticks) <= 8
    assert all(-1e-6 <= tick.at <= 1 + 1e-6 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_wide_positive_ranges_are_logarithmic() -> None:
    assert charts.scale_for([1e-6, 1.0]).logarithmic
    assert not charts.scale_for([0.5, 1.0]).logarithmic
    assert not charts.scale_for([-1.0, 1000.0]).logarithmic


def test_gaps_break_a_curve_and_lone_values_are_dots() -> None:
    ys = [1.0, 2.0, math.nan, 3.0, None, 4.0, 5.0]
    chart = charts.curve_chart(
        "k", "loss", [charts.Curve("training", "s-train", range(1, 8), ys)], x_name="epoch", points=50, fraction=False
    )
    assert chart is not None
    (line,) = chart.lines
    assert len(line.paths) == 2
    assert len(line.dots) == 1
    assert chart.rows[2] == ("3", "n/a")
    assert chart.description == "training: from 1 to 5 over 7 epochs."


def test_nothing_to_draw_is_no_chart() -> None:
    curve = charts.Curve("training", "s-train", range(1, 3), [None, math.nan])
    assert charts.curve_chart("k", "loss", [curve], x_name="epoch", points=9, fraction=False) is None
    assert charts.sparkline([None, math.nan], charts.Scale(0, 1), 5) is None


def test_higher_values_are_drawn_higher() -> None:
    curve = charts.Curve("training", "s-train", range(1, 4), [0.1, 0.5, 0.9])
    chart = charts.curve_chart("k", "accuracy", [curve], x_name="epoch", points=9, fraction=True)
    assert chart is not None
    heights = [float(point.split(" ")[1]) for point in chart.lines[0].paths[0][1:].split("L")]
    assert heights == sorted(heights, reverse=True)
    span = chart.bottom - chart.top
    assert heights[0] == pytest.approx(chart.bottom - 0.1 * span, abs=0.1)


def test_skill_strip() -> None:
    suggestion = SuggestionResult(
        rank=1,
        patch="01.patch",
        title="t",
        verdict="fixed",
        skill=SkillResult(baseline=(0.0, 0.2), patched=(0.9, 1.0), gain=0.85, interval=(0.7, 0.9)),
    )
    scale = charts.skill_scale([0.0, 0.2, 0.9, 1.0])
    strip = charts.skill_strip(
        {"Before": (0.0, 0.2), "After": (0.9, 1.0)}, ReferenceResult(trivial=0.0, best=0.5), scale, suggestion
    )
    before, after = strip.rows
    assert [dot.at for dot in before.dots] == [3.0, 21.8]
    assert after.mean == "0.95"
    assert after.span == (78.2, 97.0)  # from 0.1 + 0.7 to 0.1 + 0.9
    assert [(mark.css, mark.at) for mark in strip.marks] == [("trivial", 3.0), ("best", 50.0)]
    assert not strip.clipped


def test_skills_far_below_zero_are_marked_at_the_edge() -> None:
    scale = charts.skill_scale([-250.0, 0.5])
    assert (scale.low, scale.high) == (-1.0, 1.0)
    strip = charts.skill_strip({"Before": (-250.0,)}, ReferenceResult(), scale)
    assert strip.clipped
    assert strip.rows[0].dots[0].at == 3.0
    assert strip.rows[0].mean == "-250"
