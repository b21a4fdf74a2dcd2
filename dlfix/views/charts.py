"""Geometry of the report's charts: curves, sparklines, and skills per seed on one scale. Nothing here judges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..result import ReferenceResult, SuggestionResult
from ..thinning import thin
from . import wording

Values = Sequence[float | None]

#: Size of a curve chart in SVG units; small enough that its text stays readable on a 320 px screen.
WIDTH, HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 26
_TABLE_ROWS = 24


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """One curve: ``css`` names colour and dash pattern, ``paths`` its unbroken pieces, ``dots`` its single points."""

    label: str
    css: str
    paths: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Legend:
    css: str
    label: str


@dataclass(frozen=True)
class CurveChart:
    key: str
    title: str
    description: str
    x_name: str
    lines: tuple[Line, ...]
    legend: tuple[Legend, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    logarithmic: bool
    thinned: bool
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Curve:
    """Values to draw: ``css`` is the class of its style; curves of one ``label`` share a legend entry."""

    label: str
    css: str
    xs: Sequence[int]
    ys: Values
    column: str = ""


@dataclass(frozen=True)
class Dot:
    at: float
    label: str
    clipped: bool


@dataclass(frozen=True)
class SkillRow:
    label: str
    css: str
    dots: tuple[Dot, ...]
    mean: str
    span: tuple[float, float] | None  # percent, the interval of the gain seen from the baseline's mean


@dataclass(frozen=True)
class SkillMark:
    css: str
    label: str
    at: float


@dataclass(frozen=True)
class SkillStrip:
    """Skills per seed on a scale that all strips of a report share. Positions are per cent of the width."""

    description: str
    rows: tuple[SkillRow, ...]
    marks: tuple[SkillMark, ...]
    ticks: tuple[Tick, ...]

    @property
    def clipped(self) -> bool:
        """Whether some value lies below the scale."""
        return any(dot.clipped for row in self.rows for dot in row.dots)


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic axis from ``low`` to ``high``, which map to 0 and 1."""

    low: float
    high: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        if self.logarithmic:
            span = math.log10(self.high) - math.log10(self.low)
            return (math.log10(max(value, self.low)) - math.log10(self.low)) / span if span else 0.5
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


def scale_for(values: Iterable[float | None], *, fraction: bool = False, logarithmic: bool | None = None) -> Scale:
    """An axis that holds all values. Positive values over more than two decades get a logarithmic one."""
    present = [value for value in map(wording.finite, values) if value is not None]
    if not present:
        return Scale(0.0, 1.0)
    low, high = min(present), max(present)
    if fraction and low >= 0 and high <= 1:
        return Scale(0.0, 1.0)
    if logarithmic is None:
        logarithmic = low > 0 and high / low > 100
    if logarithmic and high > 0:
        positive = min(value for value in present if value > 0)
        low_exponent, high_exponent = math.floor(math.log10(positive)), math.ceil(math.log10(high))
        return Scale(10.0**low_exponent, 10.0 ** min(308, max(high_exponent, low_exponent + 1)), True)
    margin = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return Scale(max(low - margin, -1.7e308), min(high + margin, 1.7e308))


def axis_ticks(scale: Scale, goal: int = 4) -> tuple[Tick, ...]:
    """Round values along an axis."""
    if scale.logarithmic:
        lowest, highest = round(math.log10(scale.low)), round(math.log10(scale.high))
        stride = max(1, math.ceil((highest - lowest) / goal))
        return tuple(Tick(scale.at(10.0**e), _power(e)) for e in range(lowest, highest + 1, stride))
    span = scale.high - scale.low
    if not math.isfinite(span):
        return (Tick(0.0, wording.number(scale.low)), Tick(1.0, wording.number(scale.high)))
    raw = span / goal
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next((f * magnitude for f in (1, 2, 2.5, 5, 10) if f * magnitude >= raw * 0.99), raw)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return tuple(
        Tick(scale.at(index * step), wording.number(round(index * step, 12))) for index in range(first, last + 1)
    )


def _power(exponent: int) -> str:
    return wording.number(10.0**exponent) if -3 <= exponent <= 5 else f"1e{exponent}"


def curve_chart(
    key: str, title: str, curves: Sequence[Curve], *, x_name: str, points: int, fraction: bool
) -> CurveChart | None:
    """Draw some curves over the same axis; None when no value is there to draw."""
    curves = [curve for curve in curves if any(wording.finite(value) is not None for value in curve.ys)]
    if not curves:
        return None
    vertical = scale_for((value for curve in curves for value in curve.ys), fraction=fraction)
    xs = [x for curve in curves for x in curve.xs]
    horizontal = Scale(min(xs), max(xs))
    lines = tuple(_line(curve, horizontal, vertical, points) for curve in curves)
    kept, rows = _table(curves)
    legend = tuple(Legend(css, label) for label, css in {curve.label: curve.css for curve in curves}.items())
    return CurveChart(
        key=key,
        title=title,
        description=_describe(curves, x_name),
        x_name=x_name,
        lines=lines,
        legend=legend,
        x_ticks=_whole_ticks(horizontal),
        y_ticks=tuple(Tick(_y(tick.at), tick.label) for tick in axis_ticks(vertical)),
        columns=(x_name, *(curve.column or curve.label for curve in curves)),
        rows=rows,
        logarithmic=vertical.logarithmic,
        thinned=kept,
    )


def _x(share: float) -> float:
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _whole_ticks(scale: Scale) -> tuple[Tick, ...]:
    low, high = int(scale.low), int(scale.high)
    if high == low:
        return (Tick(_x(0.5), f"{low:,}"),)
    inner = [
        tick for tick in axis_ticks(scale) if 0.12 < tick.at < 0.85 and float(tick.label.replace(",", "")).is_integer()
    ]
    return (
        Tick(_x(0), f"{low:,}"),
        *(Tick(_x(tick.at), tick.label) for tick in inner),
        Tick(_x(1), f"{high:,}"),
    )


def _line(curve: Curve, horizontal: Scale, vertical: Scale, points: int) -> Line:
    pieces: list[list[tuple[float, float]]] = [[]]
    for index in thin(len(curve.ys), points):
        value = wording.finite(curve.ys[index])
        if value is None:
            pieces.append([])
        else:
            share = min(1.0, max(0.0, vertical.at(value)))
            pieces[-1].append((_x(horizontal.at(curve.xs[index])), _y(share)))
    paths = tuple(path_data(piece) for piece in pieces if len(piece) > 1)
    return Line(curve.label, curve.css, paths, tuple(piece[0] for piece in pieces if len(piece) == 1))


def path_data(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _table(curves: Sequence[Curve]) -> tuple[bool, tuple[tuple[str, ...], ...]]:
    xs = sorted({x for curve in curves for x in curve.xs})
    chosen = [xs[index] for index in thin(len(xs), _TABLE_ROWS)]
    lookups = [dict(zip(curve.xs, curve.ys, strict=False)) for curve in curves]
    rows = tuple(
        (f"{x:,}", *(wording.number(wording.finite(lookup[x])) if x in lookup else "" for lookup in lookups))
        for x in chosen
    )
    return len(chosen) < len(xs), rows


def _describe(curves: Sequence[Curve], x_name: str) -> str:
    parts = []
    for curve in curves:
        present = [value for value in map(wording.finite, curve.ys) if value is not None]
        name = curve.column or curve.label
        parts.append(
            f"{name}: from {wording.number(present[0])} to {wording.number(present[-1])} over {len(curve.ys)} {x_name}s"
        )
    return "; ".join(parts) + "."


@dataclass(frozen=True)
class Sparkline:
    """A series in a box of 46 by 16 units."""

    paths: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    last: str
    text: str


SPARK_WIDTH, SPARK_HEIGHT = 46, 16


def sparkline(values: Values, scale: Scale, points: int) -> Sparkline | None:
    """Draw a series small; None when it holds no value."""
    first = next((value for value in values if wording.finite(value) is not None), None)
    last = next((value for value in reversed(values) if wording.finite(value) is not None), None)
    if first is None or last is None:
        return None
    indices = thin(len(values), points)
    pieces: list[list[tuple[float, float]]] = [[]]
    for order, index in enumerate(indices):
        value = wording.finite(values[index])
        if value is None:
            pieces.append([])
            continue
        share = min(1.0, max(0.0, scale.at(value)))
        x = order / max(1, len(indices) - 1) * (SPARK_WIDTH - 2) + 1
        pieces[-1].append((round(x, 1), round(SPARK_HEIGHT - 1.5 - share * (SPARK_HEIGHT - 3), 1)))
    return Sparkline(
        paths=tuple(path_data(piece) for piece in pieces if len(piece) > 1),
        dots=tuple(piece[0] for piece in pieces if len(piece) == 1),
        last=wording.number(last),
        text=f"{wording.number(first)} to {wording.number(last)}",
    )


def skill_scale(values: Iterable[float | None]) -> Scale:
    """The scale of all skill strips: up to 1, down to the lowest value, but no further than -1 (R² has no floor)."""
    lowest = min((value for value in map(wording.finite, values) if value is not None), default=0.0)
    return Scale(max(-1.0, min(0.0, math.floor(lowest * 4) / 4)), 1.0)


_ROW_STYLES = {"Before": "before", "After": "after"}


def skill_strip(
    rows: Mapping[str, Values], reference: ReferenceResult, scale: Scale, shown: SuggestionResult | None = None
) -> SkillStrip:
    """Skills per seed by row (``Before``, ``After``) with the reference learners' marks."""
    drawn = []
    for label, values in rows.items():
        css = _ROW_STYLES.get(label, "train")
        dots = tuple(_dot(value, scale) for value in map(wording.finite, values) if value is not None)
        span = None
        before = wording.mean(rows.get("Before", ()))
        if css == "after" and shown is not None and shown.skill.interval is not None and before is not None:
            low, high = (_percent(before + bound, scale) for bound in shown.skill.interval)
            span = (low, high)
        drawn.append(SkillRow(label, css, dots, wording.skill(wording.mean(values)), span))
    marks = [("trivial", "trivial predictor", reference.trivial), ("linear", "linear model", reference.linear)]
    best = f"best reference ({wording.words(reference.best_name)})" if reference.best_name else "best reference"
    marks.append(("best", best, reference.best))
    return SkillStrip(
        description=" ".join(
            f"{row.label}: {', '.join(dot.label for dot in row.dots) or 'no score'}." for row in drawn
        ),
        rows=tuple(drawn),
        marks=tuple(
            SkillMark(css, f"{label} {wording.skill(value)}", _percent(value, scale))
            for css, label, value in marks
            if wording.finite(value) is not None and value is not None
        ),
        ticks=tuple(Tick(_percent(value, scale), f"{value:g}") for value in _skill_ticks(scale)),
    )


def _skill_ticks(scale: Scale) -> list[float]:
    step = 0.25 if scale.low > -0.5 else 0.5
    return [index * step for index in range(math.ceil(scale.low / step), round(1 / step) + 1)]


def _percent(value: float, scale: Scale) -> float:
    return round(3 + 94 * min(1.0, max(0.0, scale.at(value))), 2)


def _dot(value: float, scale: Scale) -> Dot:
    return Dot(_percent(value, scale), wording.skill(value), value < scale.low)
