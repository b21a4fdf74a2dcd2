"""When training counts as poor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dlfix.diagnose.checks import run_checks
from dlfix.diagnose.checks.subject import Subject
from dlfix.diagnose.diagnosis import task_of
from dlfix.diagnose.findings import ReferenceScores, Symptom
from dlfix.diagnose.gate import FLOOR, judge, shortfall, standard_error
from traces import dense_layers, fit_trace, statistics


def subject(best: float | None, losses: tuple[float, ...] = (0.7, 0.5, 0.2), **evaluation: Any) -> Subject:
    fit = fit_trace(epoch_metrics={"loss": losses})
    scored = {**fit.evaluation, "split": "validation", **evaluation} if evaluation else {}
    fit = replace(fit, evaluation=scored)
    return Subject(fit, task_of(fit), ReferenceScores(0.0, best, best, "linear", "accuracy", 200))


def poor(one: Subject) -> bool:
    return judge(one, run_checks(one)[0]).poor


def poor_by_its_loss(one: Subject) -> bool:
    """As of data in which quick learners often find nothing, so that their finding nothing does not speak."""
    return judge(one, [symptom for symptom in run_checks(one)[0] if symptom.check != "unlearnable-labels"]).poor


@pytest.mark.parametrize(
    ("skill", "best", "rows", "expected"),
    [
        (0.0, 0.9, 200, True),
        (0.5, 0.9, 200, True),
        (0.85, 0.9, 200, False),  # within the floor
        (0.82, 0.95, 20, False),  # a gap, but on 20 rows
        (0.7, 0.95, 10_000, True),
        (0.98, 0.9, 200, False),  # better than the references
        (0.0, 0.03, 200, True),  # nobody finds anything in a table: the data are to blame
    ],
)
def test_skill_against_the_references(skill: float, best: float, rows: int, expected: bool) -> None:
    assert poor(subject(best, skill=skill, rows=rows)) is expected


def test_margin_shrinks_with_the_rows_down_to_the_floor() -> None:
    margins = [shortfall(subject(0.9, skill=0.5, rows=rows)) for rows in (10, 100, 1000, 100_000)]
    values = [item.margin for item in margins if item is not None]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.3
    exact = shortfall(replace(subject(0.9, skill=0.5, rows=10**6), reference=ReferenceScores(0, 0.9, 0.9, rows=10**6)))
    assert exact is not None
    assert exact.margin == FLOOR


def test_standard_error_of_an_accuracy() -> None:
    assert standard_error("accuracy", 0.0, 0.5, 10_000) == pytest.approx(0.5 / 100 / 0.5, rel=0.01)
    assert standard_error("r2", 0.5, 0.0, 400) == pytest.approx(0.05)
    assert standard_error("accuracy", 1.0, 0.5, 20) > 0  # all right on twenty rows is no certainty


def test_four_rows_are_judged_by_what_is_learned_by_heart() -> None:
    assert poor(subject(1.0, skill=0.0, rows=4, split="training"))
    assert not poor(subject(1.0, skill=1.0, rows=4, split="training"))


def test_without_a_score_the_loss_decides() -> None:
    assert poor(subject(None, losses=(0.7, 0.695, 0.694, 0.694)))
    assert not poor(subject(None, losses=(0.7, 0.5, 0.3, 0.2)))


@pytest.mark.parametrize(
    ("losses", "best", "expected"),
    [
        ((0.695, 0.694, 0.6935, 0.6935), 0.0, True),
        ((0.695, 0.694, 0.6935, 0.6935), 0.07, False),  # a reference finds a little
        ((0.69, 0.67, 0.65, 0.63), 0.0, False),  # learns by heart what has no rule
        ((0.9, 0.8, 0.72, 0.70), 0.0, False),  # still falling
    ],
    ids=["stands still", "a little to find", "by heart", "falls"],
)
def test_who_learns_nothing_at_all_is_poor_even_where_there_is_no_rule(
    losses: tuple[float, ...], best: float, expected: bool
) -> None:
    assert poor_by_its_loss(subject(best, tuple(np.repeat(losses, 20)), skill=0.0, rows=200)) is expected
    assert not poor_by_its_loss(subject(best, losses, skill=0.0, rows=200))  # four epochs show nothing


def test_a_few_parameters_standing_still_on_labels_without_a_rule_are_not() -> None:
    losses = tuple(np.repeat((0.695, 0.694, 0.6935, 0.6935), 20))
    fit = fit_trace(dense_layers((1, "sigmoid")), epoch_metrics={"loss": losses}, statistics=statistics(1))
    fit = replace(fit, evaluation={**fit.evaluation, "skill": 0.0, "rows": 200, "split": "validation"})
    assert not poor_by_its_loss(Subject(fit, task_of(fit), ReferenceScores(0.0, 0.0, 0.0, "linear", "accuracy", 200)))


def test_broken_numbers_are_always_poor() -> None:
    assert judge(subject(0.9, skill=0.9, rows=200), [Symptom("nonfinite-loss", "")]).poor
    assert judge(subject(0.9, skill=0.9, rows=200, diverged=True), []).poor


def test_odd_settings_alone_are_not() -> None:
    odd = [
        Symptom(name, "") for name in ("oversized-updates", "unscaled-inputs", "missing-nonlinearity", "overfitting")
    ]
    assert not judge(subject(0.9, skill=0.9, rows=200), odd).poor


def test_something_telling_counts_beside_a_small_shortfall() -> None:
    telling, common = Symptom("undersized-updates", ""), Symptom("unconverged-loss", "")
    behind, close = subject(0.95, skill=0.82, rows=60), subject(0.95, skill=0.87, rows=60)
    assert judge(behind, [telling]).poor  # sampling alone might account for it, but hardly for both
    assert not judge(behind, [common]).poor
    assert not judge(close, [telling]).poor
    assert not judge(subject(0.95, skill=0.82, rows=8), [telling]).poor


def test_two_telling_symptoms_count_beside_half_of_a_shortfall() -> None:
    one, other = Symptom("sorted-labels", ""), Symptom("unsuitable-output-activation", "")
    behind = subject(0.48, skill=0.39, rows=600)  # by less than sampling may bring about in one case of twenty
    assert judge(behind, [one, other]).reasons == ("sorted-labels", "unsuitable-output-activation")
    assert not judge(behind, [one]).poor
    assert not judge(subject(0.48, skill=0.44, rows=600), [one, other]).poor
    assert not judge(subject(0.48, skill=0.39, rows=50), [one, other]).poor


def test_a_class_too_rare_to_be_told_is_poor_where_nobody_tells_it() -> None:
    rare = [Symptom("imbalanced-classes", "")]
    assert judge(subject(0.0, skill=0.0, rows=172), rare).poor
    assert not judge(subject(0.2, skill=0.15, rows=172), rare).poor
    assert not judge(subject(None, skill=0.6, rows=172), rare).poor


def test_scrambled_inputs_are_poor_where_references_find_little_as_well() -> None:
    scrambled = [Symptom("scrambled-inputs", "")]
    assert judge(subject(0.1, skill=0.11, rows=400), scrambled).poor
    assert judge(subject(None, skill=0.11, rows=400), scrambled).poor
    assert not judge(subject(0.6, skill=0.6, rows=400), scrambled).poor
    assert not judge(subject(0.1, skill=0.11, rows=400), []).poor


def test_without_a_reference_something_telling_counts_beside_a_middling_result() -> None:
    telling, common = Symptom("undersized-updates", ""), Symptom("unconverged-loss", "")
    for one, expected in (
        (subject(None, skill=0.6, rows=200), True),
        (subject(None, skill=0.9, rows=200), False),
        (subject(None, losses=(0.7, 0.6, 0.5)), True),
        (subject(None, losses=(0.7, 0.5, 0.2)), False),
    ):
        assert judge(one, [telling]).poor is expected
        assert not judge(one, [common]).poor
        cut = replace(one, fit=replace(one.fit, state="stopped"))
        assert not judge(cut, [telling, common]).poor


def test_a_run_cut_short_while_learning_is_not_poor() -> None:
    cut = subject(0.95, skill=0.3, rows=200)
    cut = replace(cut, fit=replace(cut.fit, state="stopped"))
    seen = [Symptom("below-reference", ""), Symptom("unconverged-loss", "")]
    assert not judge(cut, seen).poor
    assert judge(cut, seen[:1]).poor


def test_of_models_trained_against_each_other_only_what_breaks_counts() -> None:
    """A discriminator at its best knows nothing, and its loss stands still."""
    still = subject(0.9, losses=(0.693,) * 5, skill=0.0)
    game = replace(still, fit=replace(still.fit, adversarial=True))
    assert poor(still)
    assert not poor(game)
    assert judge(game, [Symptom("nonfinite-loss", "", strength=1.0)]).poor


def test_held_out_rows_of_one_class_show_by_how_many_are_told() -> None:
    one_class = {"skill": None, "rows": 45, "classes": [0.0, 1.0, 2.0]}
    missed = subject(None, **one_class, recalls=[None, None, 0.56])
    told = subject(None, **one_class, recalls=[None, None, 0.98])
    telling = [Symptom("sorted-labels", "")]
    assert judge(missed, telling).reasons == ("sorted-labels",)
    assert not judge(told, telling).poor
    assert not judge(missed, []).poor
