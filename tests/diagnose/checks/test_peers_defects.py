"""Defects of the published tools that must not come back here: conditions always true, never true, or plain crashes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from check_traces import IDS, ONE_HOT, REAL, X, on, run, scaled
from dlfix.diagnose.checks import run_checks
from dlfix.diagnose.checks.subject import Subject
from dlfix.diagnose.findings import ReferenceScores, Task
from dlfix.diagnose.trace import DataFacts, FitTrace
from traces import dense_layers, fit_trace, statistics, two_moons

STRUCTURAL = {"unsuitable-output-activation", "mismatched-loss", "mixed-output-activation", "unreachable-targets"}


def test_deepdiagnosis_test_for_crossentropies_is_always_true() -> None:
    """``x == A or B``: every network is told to use softmax. A regression has nothing to do with it."""
    assert not STRUCTURAL & set(run(scaled(REAL)))


def test_autotrainer_calls_squared_error_an_improper_loss_of_regressions() -> None:
    assert "mismatched-loss" not in run(scaled(REAL))
    assert "mismatched-loss" not in run(on(np.stack([REAL, -REAL], 1), (2, "linear"), "mean_squared_error"))


def test_deepdiagnosis_poor_weight_takes_the_variance_of_one_number_and_never_fires() -> None:
    layers = list(dense_layers((16, "relu"), (16, "relu"), (1, "sigmoid")))
    layers[0] = replace(layers[0], initial={"kernel_std": 5.0})
    assert "unsuitable-initial-weights" in run(fit_trace(layers))


def test_deepdiagnosis_divides_updates_by_a_mean_weight_which_is_about_zero() -> None:
    """The ratio here is of norms, which no sign cancels: usual steps on weights of zero mean are usual."""
    usual = fit_trace(statistics=statistics(3, per_layer={i: {"weight_norm": 5.0} for i in range(3)}))
    assert not {"oversized-updates", "undersized-updates"} & set(run(usual))


def test_deepdiagnosis_crashes_on_a_flat_loss() -> None:
    flat = fit_trace(epoch_metrics={"loss": (0.6931,) * 6}, evaluation={}, statistics=statistics(3, loss=[0.6931] * 17))
    assert "flat-loss" in run(flat)


def test_autotrainer_takes_zero_entries_for_dead_units() -> None:
    """Sparse but living layers: most entries are 0, hardly any unit is always."""
    sparse = fit_trace(statistics=statistics(3, per_layer={1: {"zero_fraction": 0.9, "dead_fraction": 0.1}}))
    assert not {"dying-relu", "empty-activation"} & set(run(sparse))


def test_autotrainer_and_umlaut_want_a_fixed_accuracy() -> None:
    """0.55 of hard labels is no symptom, nor is a validation accuracy above 0.95."""
    fit = fit_trace(
        epoch_metrics={"loss": (0.7, 0.69, 0.68), "accuracy": (0.5, 0.53, 0.55), "val_accuracy": (1.0,) * 3}
    )
    assert not {"flat-accuracy", "zero-accuracy", "suspicious-validation"} & set(run(fit))


def test_umlaut_and_deepdiagnosis_alarm_for_inputs_beyond_one() -> None:
    assert "unscaled-inputs" not in run(on(IDS % 2, (1, "sigmoid"), "binary_crossentropy", 3 * X))


def test_umlaut_blames_softmax_both_ways() -> None:
    assert not STRUCTURAL & set(run(on(ONE_HOT, (3, "softmax"), "categorical_crossentropy")))
    assert not STRUCTURAL & set(run(on(ONE_HOT, (3, "linear"), "categorical_crossentropy", from_logits=True)))


def empty_fit() -> FitTrace:
    fit = fit_trace(dense_layers((1, "linear")))
    none = statistics(1, (0,), loss=[0.5])
    series = replace(none, **{name: getattr(none, name)[:0] for name in ("steps", "epochs", "gradient_norm")})
    cut = {name: values[:0] for name, values in none.layers.items()}
    steps = ("loss_before", "loss_after", "predicted_change", "penalty", "learning_rate", "loss_steps", "loss")
    series = replace(series, layers=cut, **{name: getattr(series, name)[:0] for name in steps})
    return replace(
        fit, statistics=series, data=DataFacts("generator", (), (), None), sample=None, epoch_metrics={}, evaluation={}
    )


def test_no_check_fails_on_a_run_that_left_next_to_nothing() -> None:
    unknown = Task("unknown", None, "real", 0.0)
    for fit in (empty_fit(), replace(empty_fit(), data=fit_trace().data), replace(fit_trace(), sample=None)):
        _, outcomes = run_checks(Subject(fit, unknown, ReferenceScores(None, None, None)))
        assert not [outcome for outcome in outcomes if outcome.status == "failed"]


def test_no_check_fails_on_numbers_that_are_none() -> None:
    x, y = two_moons(60)
    broken = x.copy()
    broken[:, 1] = np.nan
    nothing = statistics(3, per_layer={i: dict.fromkeys(statistics(3).layers, np.nan) for i in range(3)})
    for fit in (
        fit_trace(x=broken, y=y),
        fit_trace(x=x, y=np.where(y == 0, np.nan, 1.0)),
        fit_trace(x=np.zeros_like(x), y=y),
        fit_trace(x=x[:1], y=y[:1]),
        fit_trace(statistics=nothing),
        fit_trace(epoch_metrics={"loss": (float("nan"),) * 6, "accuracy": (float("nan"),) * 6}),
    ):
        run(fit)
