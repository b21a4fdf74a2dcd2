"""Causes before consequences, and the whole way from a trace to a diagnosis."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from dlfix.diagnose.diagnosis import chosen_fits, diagnose
from dlfix.diagnose.evidence import EVIDENCE
from dlfix.diagnose.explaining_away import EXPLAINS, explain_away
from dlfix.diagnose.fact_vocabulary import FACTS, FAULT_KINDS
from dlfix.diagnose.facts import facts_for
from dlfix.diagnose.findings import Diagnosis, ReferenceScores, Symptom
from dlfix.diagnose.hypotheses import Hypothesis
from dlfix.diagnose.trace import DataSample, FitTrace
from traces import breakdown, compiled, data, dense_layers, fit_trace, raised, site, span, statistics, trace, two_moons

POOR = {
    "skill": 0.0,
    "metric": "accuracy",
    "score": 0.5,
    "trivial": 0.5,
    "split": "validation",
    "rows": 100,
    "constant": False,
}


def broken(*shape: tuple[int, str], loss: str = "binary_crossentropy", **changes: Any) -> FitTrace:
    layers = dense_layers(*shape)
    steady = {index: {"update_norm": 0.02} for index in range(len(shape))}
    defaults: dict[str, Any] = {
        "evaluation": POOR,
        "epoch_metrics": {"loss": (0.70, 0.695, 0.694, 0.694, 0.694)},
        "statistics": statistics(len(shape), (0, 1, 2, 4, 8, 16, 900), per_layer=steady),
    }
    return fit_trace(layers, changes.pop("compile_facts", compiled(loss)), **{**defaults, **changes})


def kinds(found: Diagnosis) -> list[str]:
    return [fault.kind for fault in found.faults]


def test_a_healthy_run_is_silent() -> None:
    found = diagnose(trace())
    assert found.verdict == "healthy"
    assert found.faults == ()
    assert all(outcome.status != "failed" for outcome in found.checks)


def test_the_skill_is_that_of_predictions() -> None:
    fit = fit_trace()
    assert diagnose(trace(fit)).skill == fit.evaluation["skill"]
    others = replace(fit.data.targets[0], shape=(200, 4), integers=False, unique=None, counts=())
    pairs = replace(fit, data=replace(fit.data, targets=(others,)), compile=replace(fit.compile, losses=()))
    assert diagnose(trace(pairs)).skill is None


def test_of_a_healthy_run_that_is_suspected_something_could_be_improved() -> None:
    """Its loss still falls, which is no fault as long as the result is good."""
    losses = {"loss": tuple(np.linspace(0.7, 0.1, 20))}
    fit = fit_trace(epoch_metrics=losses)
    assert diagnose(trace(fit)).faults == ()
    assert "epochs" in {fault.kind for fault in diagnose(trace(fit), suspect=True).faults}


def test_reference_learners_are_not_asked_twice_about_one_task() -> None:
    known = diagnose(trace())
    again = diagnose(trace(fit_trace(epoch_metrics={"loss": (0.7, 0.69)})), known=known)
    assert again.reference is known.reference
    x, _ = two_moons()
    other = diagnose(trace(broken((8, "relu"), (1, "linear"), loss="mse", data=data(x, x[:, 0] * 7))), known=known)
    assert other.task != known.task
    assert other.reference is not known.reference
    assert diagnose(trace(fit_trace(), fit_trace()), known=None).reference is not known.reference


def test_odd_settings_of_a_healthy_run_are_no_faults() -> None:
    x, y = two_moons()
    fit = fit_trace(
        dense_layers((16, "linear"), (16, "linear"), (1, "sigmoid")), compiled(learning_rate=0.5), x * 5 + 3, y
    )
    found = diagnose(trace(fit))
    assert found.symptoms
    assert found.verdict == "healthy"


def test_a_constant_output_is_the_softmaxs_doing() -> None:
    found = diagnose(trace(broken((16, "relu"), (1, "softmax"), evaluation={**POOR, "constant": True})))
    assert kinds(found)[0] == "output_activation"
    fault = found.faults[0]
    assert (fault.layer and fault.layer.index, fault.span) == (1, span(12))
    assert fault.details["suggested_activation"] == "sigmoid"
    assert {found.symptoms[index].check for index in fault.symptoms} >= {"single-unit-softmax", "constant-prediction"}


def test_softmax_on_one_unit_is_certain_even_without_a_score() -> None:
    found = diagnose(trace(broken((16, "relu"), (1, "softmax"), evaluation={}, epoch_metrics={"loss": (0.7, 0.1)})))
    assert kinds(found)[0] == "output_activation"


def test_saturation_behind_unscaled_inputs_is_the_inputs_fault() -> None:
    x, y = two_moons()
    table = {0: {"saturated_fraction": 0.97, "update_norm": 0.02}, 1: {"update_norm": 0.02}}
    fit = broken(
        (16, "tanh"), (1, "sigmoid"), x=x * 300, y=y, statistics=statistics(2, (0, 1, 2, 900), per_layer=table)
    )
    found = diagnose(trace(fit))
    assert kinds(found)[0] == "input_scaling"
    assert "hidden_activation" in kinds(found)[1:]


def test_nan_after_huge_steps_is_the_learning_rates() -> None:
    table = {index: {"update_norm": [30, 90, 300, 900, 9000, math.nan]} for index in range(2)}
    fit = broken(
        (16, "relu"),
        (1, "sigmoid"),
        compile_facts=compiled(optimizer="SGD", learning_rate=10.0),
        statistics=statistics(2, per_layer=table, loss=[0.7, 50, 9000, math.nan]),
        epoch_metrics={"loss": (900.0, math.nan)},
    )
    fault = diagnose(trace(fit)).faults[0]
    assert (fault.kind, fault.hyperparameter, fault.span) == ("learning_rate", "optimizer.learning_rate", span(20))
    assert 0.0005 <= fault.details["suggested_learning_rate"] <= 0.1


def test_nan_behind_missing_values_is_the_datas() -> None:
    x, y = two_moons()
    x[3, 1] = np.nan
    fit = broken((16, "relu"), (1, "sigmoid"), x=x, y=y, epoch_metrics={"loss": (math.nan, math.nan)})
    assert kinds(diagnose(trace(fit)))[0] == "missing_values"


def test_a_placeholder_is_a_fact_where_it_means_nothing_else() -> None:
    x, y = two_moons()
    x[:40, 1] = -999.0
    fit = broken((16, "relu"), (1, "sigmoid"), x=x, y=y)
    found = diagnose(trace(fit))
    fault = next(one for one in found.faults if one.kind == "missing_values")
    assert facts_for(trace(fit), found, fault)["inputs.placeholder"] == -999.0
    x[:, 0] = np.where(np.arange(len(x)) % 9, 1000 * x[:, 0], -999.0)  # a value like any other there
    fit = broken((16, "relu"), (1, "sigmoid"), x=x, y=y)
    found = diagnose(trace(fit))
    fault = next(one for one in found.faults if one.kind == "missing_values")
    assert facts_for(trace(fit), found, fault)["inputs.placeholder"] is None


def test_sorted_rows_of_which_the_last_are_held_out_are_the_cause_of_shifted_shares() -> None:
    x, y = two_moons(300)
    x, y = x[np.argsort(y)], np.sort(y)
    y[100:200], y[200:] = 1, 2
    kept = np.arange(300) < 210
    fit = broken((16, "relu"), (3, "softmax"), x=x, y=y, loss="sparse_categorical_crossentropy")
    seen = {"evaluation": {**POOR, "skill": None, "rows": 90, "recalls": [None, None, 0.3]}}
    split = replace(fit.fit, validation_split=0.3)
    judged = replace(fit, **seen, fit=split, data=data(x[kept], y[kept], (x[~kept], y[~kept])))
    assert kinds(diagnose(trace(judged)))[0] == "shuffle"
    mixed = np.random.default_rng(0).permutation(np.flatnonzero(kept))
    sampled = DataSample((x[mixed],), (y[mixed],))
    unsorted = replace(judged, data=data(x[mixed], y[mixed], (x[~kept], y[~kept])), sample=sampled)
    assert "shuffle" not in kinds(diagnose(trace(unsorted)))


def test_a_batch_of_nan_that_the_sample_missed_is_the_datas() -> None:
    told = breakdown("loss", "data", operation="loss", kind="loss", layer=None, tensor="target")
    fit = broken((16, "relu"), (1, "sigmoid"), epoch_metrics={"loss": (0.7, math.nan)}, breakdown=told)
    assert kinds(diagnose(trace(fit)))[0] == "missing_values"


def test_what_broke_before_any_update_is_not_the_learning_rates() -> None:
    first = {"epoch_metrics": {"loss": (math.nan, math.nan)}, "compile_facts": compiled("mse", learning_rate=0.5)}

    def suspects(**changes: Any) -> list[str]:
        return kinds(diagnose(trace(broken((16, "relu"), (1, "linear"), **first, **changes))))

    assert "learning_rate" in suspects()
    assert "learning_rate" in suspects(breakdown=breakdown())
    assert "learning_rate" in suspects(breakdown=breakdown("update", step=0))
    assert "learning_rate" in suspects(breakdown=breakdown(step=0, exact=False))
    assert "learning_rate" not in suspects(breakdown=breakdown(step=0))


def test_dead_units_behind_huge_targets_are_the_targets_fault() -> None:
    x, _ = two_moons()
    y = (x.sum(axis=1) * 1e4 + 1e5).astype(float)
    table = {0: {"dead_fraction": [0.1, 1, 1, 1], "update_norm": 0.02}, 1: {"update_norm": 0.02}}
    fit = broken(
        (16, "relu"),
        (1, "linear"),
        loss="mean_squared_error",
        x=x,
        y=y,
        evaluation={**POOR, "metric": "r2", "trivial": 0.0},
        epoch_metrics={"loss": (1e10, 1e10, 1e10)},
        statistics=statistics(2, (0, 1, 2, 900), per_layer=table, loss=[1e10] * 6),
    )
    assert kinds(diagnose(trace(fit)))[0] == "target_scaling"


def test_tiny_steps_name_the_learning_rate_and_a_larger_one() -> None:
    table = {index: {"update_norm": 1e-5} for index in range(2)}
    fit = broken(
        (16, "relu"),
        (1, "sigmoid"),
        compile_facts=compiled(learning_rate=1e-6),
        statistics=statistics(2, (0, 1, 2, 900), per_layer=table),
    )
    fault = diagnose(trace(fit)).faults[0]
    assert (fault.kind, fault.details["direction"]) == ("learning_rate", "too low")
    assert fault.details["suggested_learning_rate"] > 1e-5


def test_poor_without_any_trace_of_a_cause_still_has_suspects() -> None:
    fit = broken((16, "relu"), (1, "sigmoid"), epoch_metrics={"loss": (0.7, 0.5, 0.45, 0.449, 0.449)})
    found = diagnose(trace(fit))
    assert found.verdict == "faulty"
    assert kinds(found)[0] == "learning_rate"
    assert all(fault.confidence <= 0.3 for fault in found.faults)


def test_more_evidence_never_lowers_confidence() -> None:
    plain = broken((16, "relu"), (1, "relu"))
    more = replace(plain, evaluation={**POOR, "constant": True})
    by_kind = [{fault.kind: fault.confidence for fault in diagnose(trace(fit)).faults} for fit in (plain, more)]
    assert by_kind[1]["output_activation"] > by_kind[0]["output_activation"]


def test_no_fit_is_an_error() -> None:
    found = diagnose(replace(trace(), fits=(), models_built=2))
    assert found.verdict == "error"
    assert "No training was seen (2 model(s) were built)." in found.notes


def test_a_fit_that_raised_on_labels_is_faulty() -> None:
    x, _ = two_moons()
    fit = fit_trace(
        dense_layers((16, "relu"), (3, "softmax")),
        compiled("sparse_categorical_crossentropy"),
        x,
        np.arange(len(x)) % 3 + 1,
        state="raised",
        evaluation={},
        epoch_metrics={},
        statistics=statistics(2, (0,), loss=(1.0,)),
        exception=raised("Received a label value of 3 which is outside the valid range of [0, 3)"),
    )
    found = diagnose(trace(fit, state="raised"))
    assert found.verdict == "faulty"
    assert kinds(found)[:2] == ["label_encoding", "output_units"]
    evidence = [found.symptoms[position].text for position in found.faults[0].symptoms]
    assert any("Received a label value of 3" in text for text in evidence)


def test_a_fit_that_raised_for_a_reason_of_its_own_is_an_error() -> None:
    fit = fit_trace(state="raised", evaluation={}, epoch_metrics={}, exception=raised("disk full"))
    assert diagnose(trace(fit, state="raised")).verdict == "error"


def test_settings_are_not_blamed_for_a_fit_that_raised() -> None:
    fit = fit_trace(state="raised", evaluation=POOR, exception=raised("target and output must have the same rank"))
    found = diagnose(trace(fit, state="raised"))
    assert (found.verdict, found.faults) == ("error", ())


def test_a_loop_of_single_epochs_is_one_training() -> None:
    parts = [
        replace(fit_trace(), epoch_metrics={"loss": (value,), "accuracy": (0.5,)}) for value in (0.7, 0.5, 0.3, 0.2)
    ]
    ((index, joined),) = chosen_fits(parts)
    assert index == 3
    assert joined.epoch_metrics["loss"] == (0.7, 0.5, 0.3, 0.2)
    assert len(joined.statistics.steps) == 4 * len(parts[0].statistics.steps)
    assert np.all(np.diff(joined.statistics.steps) > 0)


def test_one_unlucky_fold_is_no_fault() -> None:
    folds = [fit_trace() for _ in range(3)]
    folds = [replace(fold, model=replace(fold.model, name=f"m{i}")) for i, fold in enumerate(folds)]
    unlucky = replace(folds[1], evaluation=POOR, epoch_metrics={"loss": (0.7, 0.694, 0.694, 0.694, 0.694)})
    assert diagnose(trace(folds[0], unlucky, folds[2])).verdict == "healthy"
    again = replace(unlucky, model=folds[2].model)
    assert diagnose(trace(folds[0], unlucky, again)).verdict == "faulty"


def test_a_broken_fine_tuning_counts_after_a_healthy_pretraining() -> None:
    second = broken((16, "relu"), (1, "softmax"))
    second = replace(second, fit=replace(second.fit, site=site(40)), model=replace(second.model, name="second"))
    found = diagnose(trace(fit_trace(), second))
    assert kinds(found)[0] == "output_activation"
    assert found.faults[0].fit == 1


def test_too_few_updates_are_made_up_for_by_smaller_batches_too() -> None:
    x, y = two_moons(640)
    losses = {"loss": (0.70, 0.695, 0.69, 0.685, 0.68)}

    def told(batch_size: int) -> dict[str, Any]:
        few = statistics(2, (0, 1, 2, 4))
        fit = broken((8, "relu"), (1, "sigmoid"), data=data(x, y), epoch_metrics=losses, statistics=few)
        found = diagnose(trace(replace(fit, fit=replace(fit.fit, batch_size=batch_size))))
        return next(fault.details for fault in found.faults if fault.kind == "epochs")

    assert told(320)["suggested_batch_size"] == 32
    assert "suggested_batch_size" not in told(32)


def test_training_cut_short_by_us_is_not_called_too_short() -> None:
    fit = broken((16, "relu"), (1, "sigmoid"), state="stopped", epoch_metrics={"loss": (0.9, 0.8, 0.7)})
    assert "epochs" not in kinds(diagnose(trace(fit)))


def test_tables_use_the_known_words() -> None:
    assert set(EVIDENCE) <= set(FAULT_KINDS)
    assert set(EXPLAINS) <= set(EVIDENCE)
    assert all(set(left) <= set(EVIDENCE) for left in EXPLAINS.values())


def test_facts_are_complete_and_documented() -> None:
    run = trace(broken((16, "relu"), (1, "softmax")))
    found = diagnose(run)
    for fault in (None, *found.faults):
        assert set(facts_for(run, found, fault)) == set(FACTS)
    facts = facts_for(run, found, found.faults[0])
    assert facts["task.kind"] == "binary"
    assert facts["output.units"] == 1
    assert facts["output.activation"] == "softmax"
    assert facts["layer.is_output"] is True
    assert facts["fault.cause"] == "single-unit-softmax"
    assert facts["suggested_activation"] == "sigmoid"
    assert facts["model.hidden_activation"] == "relu"


def test_facts_without_any_fit() -> None:
    empty = replace(trace(), fits=())
    assert set(facts_for(empty, diagnose(empty))) == set(FACTS)


def test_no_sample_still_gives_a_diagnosis() -> None:
    found = diagnose(trace(broken((16, "relu"), (1, "relu"), sample=None, evaluation={})))
    assert kinds(found)[0] == "output_activation"
    assert diagnose(trace(fit_trace(sample=DataSample((), ())))).verdict == "healthy"


def shrinking(*sizes: int, class_names: tuple[str, ...], **config: Any) -> FitTrace:
    """A poor run of a network whose maps shrink to a single pixel."""
    pairs = zip(sizes, sizes[1:], class_names, strict=False)
    layers = [
        replace(
            dense_layers((20, "relu"))[0],
            index=index,
            name=f"layer_{index}",
            class_name=name,
            input_shape=(None, before, before, 20),
            output_shape=(None, after, after, 20),
            inbound=(index - 1,) if index else (),
            outbound=(index + 1,),
            config=config if name == "Conv2D" else {},
        )
        for index, (before, after, name) in enumerate(pairs)
    ]
    last = replace(dense_layers((1, "sigmoid"), inputs=20)[0], index=len(layers), inbound=(len(layers) - 1,))
    shape = tuple((20, "relu") for _ in layers)
    fit = broken(*shape, (1, "sigmoid"))
    return replace(fit, model=replace(fit.model, layers=(*layers, last), output_layers=(last.index,)))


def test_collapsed_maps_name_only_what_can_have_shrunk_them() -> None:
    by_strides = kinds(diagnose(trace(shrinking(64, 12, 1, class_names=("Conv2D", "Conv2D"), strides=[5, 5]))))
    assert "strides" in by_strides
    assert not {"kernel_size", "layers"} & set(by_strides)
    fit = shrinking(64, 16, 1, class_names=("Conv2D", "MaxPooling2D"), kernel_size=[7, 7], strides=[1, 1])
    found = diagnose(trace(fit))
    assert {"kernel_size", "layers"} <= set(kinds(found))
    assert "strides" not in kinds(found)
    pooling = next(fault for fault in found.faults if fault.kind == "layers")
    assert pooling.text.startswith("The maps are shrunk once too often.")
    assert pooling.layer is not None
    assert pooling.layer.index == 1


def test_collapsed_maps_are_the_fault_of_the_largest_kernel_or_strides() -> None:
    fit = shrinking(64, 30, 12, 5, 2, 1, class_names=("Conv2D",) * 4 + ("MaxPooling2D",))
    sizes = {
        0: {"kernel_size": [5, 5]},
        1: {"kernel_size": [7, 7]},
        2: {"kernel_size": [7, 7], "strides": [1, 2]},
        3: {},
    }
    layers = [replace(layer, config=sizes.get(layer.index, layer.config)) for layer in fit.model.layers]
    found = diagnose(trace(replace(fit, model=replace(fit.model, layers=tuple(layers)))))
    named = {fault.kind: fault.layer.index for fault in found.faults if fault.layer is not None}
    assert (named["kernel_size"], named["strides"], named["layers"]) == (1, 2, 4)


def test_forgotten_scaling_of_validation_data_is_a_fault_of_evaluation() -> None:
    x, y = two_moons()
    fit = broken((16, "relu"), (1, "sigmoid"))
    found = diagnose(trace(replace(fit, data=data(x, y, (x * 255, y)))))
    assert "evaluation" in kinds(found)
    assert "evaluation" not in kinds(diagnose(trace(replace(fit, data=data(x, y, (x, y))))))


def test_codes_and_heavy_tails_are_faults_of_encoding_only_where_training_is_poor() -> None:
    generator = np.random.default_rng(0)
    x = np.column_stack([generator.integers(0, 5, 200), np.exp(generator.normal(3, 2, 200))])
    y = x[:, 0] % 2
    poor = broken((16, "relu"), (1, "sigmoid"), x=x, y=y)
    found = diagnose(trace(poor))
    assert "feature_encoding" in kinds(found)
    facts = facts_for(trace(poor), found, found.faults[0])
    assert (facts["inputs.category_columns"], facts["inputs.heavy_tails"]) == ((0,), 1)
    assert diagnose(trace(fit_trace(x=x, y=y, evaluation={**POOR, "skill": 0.97}))).faults == ()


def test_the_same_fault_in_several_layers_explains_no_more_than_in_one() -> None:
    def suspect(kind: str, confidence: float) -> Hypothesis:
        return Hypothesis(kind, confidence, Symptom("any", "text"), (), None, None, False, "text")

    epochs, cause = suspect("epochs", 0.5), suspect("initializer", 0.7)
    once, thrice = (explain_away([epochs, *[cause] * count])[0].confidence for count in (1, 3))
    assert once == thrice < epochs.confidence


def test_a_rate_far_from_usual_tells_its_direction() -> None:
    for rate, direction in ((3.0, "too high"), (1e-7, "too low")):
        fit = broken((16, "relu"), (1, "sigmoid"), compile_facts=compiled(learning_rate=rate))
        fault = next(item for item in diagnose(trace(fit)).faults if item.kind == "learning_rate")
        assert fault.details["direction"] == direction
        assert fault.details["suggested_learning_rate"] == 0.001


def test_large_inputs_do_not_account_for_a_rate_far_from_usual() -> None:
    x, y = two_moons()
    ranks = []
    for rate in (0.003, 0.3):
        table = {index: {"update_norm": [1.5, 1.0, 0.5, 0.2, 0.1, 0.1]} for index in range(2)}
        fit = broken(
            (16, "relu"),
            (1, "sigmoid"),
            x=x * 30,
            y=y,
            compile_facts=compiled(learning_rate=rate),
            statistics=statistics(2, per_layer=table),
        )
        found = kinds(diagnose(trace(fit)))
        ranks.append(found.index("learning_rate") - found.index("input_scaling"))
    assert ranks[1] < 0 < ranks[0]


def test_clipping_that_leaves_nothing_is_no_lack_of_clipping() -> None:
    facts = compiled(optimizer="SGD", learning_rate=0.01)
    tight = replace(facts, optimizer=replace(facts.optimizer, config={"clipnorm": 1e-4}))
    found = diagnose(trace(broken((16, "relu"), (1, "sigmoid"), compile_facts=tight)))
    fault = next(item for item in found.faults if item.kind == "optimizer")
    assert fault.details["cause"] == "excessive-clipping"
    assert "suggested_clipnorm" not in fault.details


def test_penalties_name_their_layer_and_weight_decay_the_optimizer() -> None:
    layers = list(dense_layers((16, "relu"), (16, "relu"), (1, "sigmoid")))
    layers[1] = replace(layers[1], config={"kernel_regularizer": {"class_name": "L2", "config": {"l2": 1.0}}})
    unmeasured = statistics(3, series={"penalty": math.nan})
    fit = fit_trace(layers, evaluation=POOR, statistics=unmeasured)
    fault = next(item for item in diagnose(trace(fit)).faults if item.kind == "regularization")
    assert fault.layer is not None
    assert (fault.layer.index, fault.span) == (1, span(12))
    facts = compiled(optimizer="AdamW", learning_rate=0.1)
    decaying = replace(facts, optimizer=replace(facts.optimizer, config={"weight_decay": 5.0}))
    fit = broken((16, "relu"), (1, "sigmoid"), compile_facts=decaying)
    fault = next(item for item in diagnose(trace(fit)).faults if item.kind == "regularization")
    assert (fault.layer, fault.span) == (None, span(20))


def test_rows_and_labels_that_do_not_meet_are_a_fault_whatever_the_loss_does() -> None:
    x, _ = two_moons(300)
    shifted = np.roll(x @ np.array([1.0, -2.0, 0.5, 0.3]), 1)
    fit = fit_trace(dense_layers((16, "relu"), (1, "linear")), compiled("mse"), x, shifted, statistics=statistics(2))
    assert kinds(diagnose(trace(replace(fit, evaluation={}))))[0] == "label_order"


def test_odd_but_harmless_settings_are_no_faults() -> None:
    """Hints and smells of a program that works: each shows a symptom, none of them a fault."""
    facts = compiled(optimizer="SGD", learning_rate=0.9)
    odd = replace(facts, optimizer=replace(facts.optimizer, config={"momentum": 0.995, "epsilon": 1.0}))
    layers = list(dense_layers((16, "relu"), (16, "softmax"), (1, "sigmoid")))
    layers[0] = replace(layers[0], config={"kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.2}}})
    x, y = two_moons(400)
    found = diagnose(trace(fit_trace(layers, odd, x, y, statistics=statistics(3, series={"penalty": math.nan}))))
    seen = {symptom.check for symptom in found.symptoms}
    assert {"hidden-softmax", "unusual-momentum", "unusual-learning-rate", "excessive-regularization"} <= seen
    assert found.verdict == "healthy"


def test_inputs_that_only_validation_has_scaled_are_the_trainings_fault() -> None:
    x, y = two_moons()
    evaluated = {**POOR, "skill": 0.7}
    facts = data(x * 60, y)
    other = fit_trace(data=replace(facts, validation_inputs=data(x, y).inputs), evaluation=evaluated)
    assert kinds(diagnose(trace(other)))[:2] == ["input_scaling", "evaluation"]
    other = fit_trace(data=replace(data(x, y), validation_inputs=facts.inputs), evaluation=evaluated)
    assert kinds(diagnose(trace(other)))[0] == "evaluation"
    assert kinds(diagnose(trace(replace(other, evaluation={**POOR, "skill": 0.97})))) == []


def test_a_dozen_training_rows_beside_hundreds_for_validation_are_a_fault_unless_it_does_well() -> None:
    x, y = two_moons()
    facts = replace(data(x, y), validation_inputs=data(x, y).inputs, rows=20)
    known = ReferenceScores(0.0, 0.6, 0.6, "linear", "accuracy", 200)
    for held_out, skill, expected in ((300, 0.6, ["training_data"]), (300, 0.97, []), (60, 0.6, [])):
        fit = fit_trace(data=replace(facts, validation_rows=held_out), evaluation={**POOR, "skill": skill})
        assert kinds(diagnose(trace(fit), known=replace(diagnose(trace(fit)), reference=known))) == expected


def test_too_few_updates_are_the_batchs_fault_where_usual_batches_would_do() -> None:
    x, y = two_moons(2000)
    losses = {"loss": tuple(np.linspace(0.69, 0.5, 40))}
    poor = {**POOR, "skill": 0.4, "rows": 1000}
    for batch, epochs, expected in ((1000, 40, ["batch_size", "epochs"]), (32, 2, ["epochs"])):
        metrics = {"loss": losses["loss"][:epochs]}
        fit = fit_trace(x=x, y=y, epoch_metrics=metrics, evaluation=poor, statistics=statistics(2, (0, 1, 2, 60)))
        fit = replace(fit, fit=replace(fit.fit, batch_size=batch, epochs=epochs, steps_per_epoch=-(-2000 // batch)))
        assert [kind for kind in kinds(diagnose(trace(fit))) if kind in ("batch_size", "epochs")] == expected


def test_targets_far_away_that_would_fit_the_activation_are_to_be_moved() -> None:
    x, _ = two_moons()
    target = x[:, 0] / 8 + 0.5
    for values, first in ((target + 1000, "target_scaling"), (target * 1000, "output_activation")):
        fit = broken((8, "relu"), (1, "sigmoid"), loss="mse", x=x, y=values)
        assert kinds(diagnose(trace(fit)))[0] == first


def test_a_crossentropy_on_prices_is_the_losss_fault_and_unscaled_prices_come_next() -> None:
    x, _ = two_moons()
    found = diagnose(trace(broken((8, "relu"), (1, "linear"), loss="categorical_crossentropy", x=x, y=x[:, 0] * 9e4)))
    assert kinds(found)[:2] == ["loss", "target_scaling"]
