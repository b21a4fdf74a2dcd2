"""The part of the HTML report on the training run that was watched: its metrics per epoch and its loss per step."""

from __future__ import annotations

from ..result import Result
from . import charts
from .html_patches import is_share, metric_groups

_CHARTS_AT_MOST = 12


def training_charts(result: Result, points: int) -> list[charts.CurveChart]:
    """Loss per step, then one chart per metric with its validation twin."""
    drawn = [_loss_per_step(result, points)]
    for base, names in list(metric_groups(result.metrics).items())[:_CHARTS_AT_MOST]:
        curves = [
            charts.Curve(
                "validation" if name.startswith("val_") else "training",
                "s-val" if name.startswith("val_") else "s-train",
                range(1, len(result.metrics[name]) + 1),
                result.metrics[name],
            )
            for name in names
            if result.metrics[name]
        ]
        key = f"training-{len(drawn)}"
        drawn.append(
            charts.curve_chart(key, f"{base} per epoch", curves, x_name="epoch", points=points, fraction=is_share(base))
        )
    return [chart for chart in drawn if chart is not None]


def _loss_per_step(result: Result, points: int) -> charts.CurveChart | None:
    steps, loss = result.loss_steps, result.loss
    if not loss or len(steps) != len(loss):
        return None
    curve = charts.Curve("training", "s-train", steps, loss)
    return charts.curve_chart("training-0", "loss per step", [curve], x_name="step", points=2 * points, fraction=False)
