"""From symptoms to ranked faults: causes before consequences, each with its place in the source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .checks.subject import Subject
from .confidence import said
from .evidence import EVIDENCE, HYPERPARAMETER_OF_CHECK, HYPERPARAMETERS, LAYER_KINDS, OPTIMIZER_SETTINGS
from .explaining_away import explain_away
from .findings import Fault, LayerReference, Symptom
from .gate import Judgement
from .hypotheses import Hypothesis, Seen, learning_rate_direction, place, say, weigh
from .measures import holds_bytes, labels_are_sorted, update_ratio
from .structure import RECURRENT_LAYERS, convolution_size, effective_activation, has_any, hidden_linear_maps
from .suggested_values import (
    USUAL_RATES,
    suggested_batch_size,
    suggested_epochs,
    suggested_initializer,
    suggested_learning_rate,
    suggested_loss,
    suggested_output_activation,
    suggested_units,
)

#: Faults below this confidence are not worth a place in the list.
LEAST = 0.1
#: At most so many faults of one kind that names layers (a network whose hidden layers all share a fault).
PER_KIND = 4
#: Settings that make a training worse, but never end it with an exception.
NEVER_RAISE = frozenset({"epochs", "batch_size", "dropout", "overfitting", "shuffle"})
#: Where nothing particular is seen but the result is poor: settings that are most often at fault (developer fixes in
#: the DeepFD benchmark: learning rate and epochs 18 of 58 each, layers 7), with confidences to match.
GENERAL: tuple[tuple[str, float], ...] = (("learning_rate", 0.25), ("epochs", 0.22), ("units", 0.12))


def localize(subject: Subject, seen: Sequence[Seen], judgement: Judgement) -> tuple[Fault, ...]:
    """Rank the suspect causes of what was seen in one fit.

    Args:
        subject: The fit.
        seen: Its symptoms with their positions in the diagnosis.
        judgement: Whether training is shown to be poor. If not, only certain contradictions become faults.
    """
    hypotheses = list(_hypotheses(subject, seen))
    if not judgement.poor:
        hypotheses = [item for item in hypotheses if item.certain]
    hypotheses = explain_away(hypotheses)
    if subject.fit.state == "raised":
        hypotheses = [item for item in hypotheses if item.certain or item.kind not in NEVER_RAISE]
    elif judgement.poor and not any(item.confidence >= 0.25 for item in hypotheses):
        hypotheses.extend(_general(subject, seen, {item.kind for item in hypotheses}))
    ranked = sorted(hypotheses, key=lambda item: (-item.confidence, list(EVIDENCE).index(_family(item.kind))))
    return tuple(_fault(subject, item) for item in _limited(ranked) if item.confidence >= LEAST)


def _family(kind: str) -> str:
    return kind if kind in EVIDENCE else "overfitting"


def _limited(ranked: Iterable[Hypothesis]) -> list[Hypothesis]:
    kept: list[Hypothesis] = []
    for item in ranked:
        if sum(1 for other in kept if other.kind == item.kind) < PER_KIND:
            kept.append(item)
    return kept


def _hypotheses(subject: Subject, seen: Sequence[Seen]) -> Iterable[Hypothesis]:
    for kind in EVIDENCE:
        for layer in _layers_named(kind, seen):
            confidence, support = weigh(kind, seen, layer)
            if not support:
                continue
            symptoms = [symptom for _, symptom in support]
            main = symptoms[0]
            if not _plausible(kind, subject, symptoms):
                continue
            confidence = min(0.99, confidence * _standing(kind, subject, symptoms))
            where, span = place(kind, subject, main)
            yield Hypothesis(
                kind=kind,
                confidence=confidence,
                main=main,
                symptoms=tuple(position for position, _ in support),
                layer=where,
                span=span,
                certain=any(
                    symptom.details.get("certain") is True and symptom.check in EVIDENCE[kind].primary
                    for symptom in symptoms
                ),
                text=say(kind, subject, symptoms),
                details=_details(kind, subject, symptoms, where),
            )


def _layers_named(kind: str, seen: Sequence[Seen]) -> list[LayerReference | None]:
    if kind not in LAYER_KINDS:
        return [None]
    primary = EVIDENCE[kind].primary
    named = {symptom.layer for _, symptom in seen if symptom.check in primary and symptom.layer is not None}
    ordered: list[LayerReference] = sorted((layer for layer in named if layer is not None), key=_index)
    return [*ordered] or [None]


def _index(layer: LayerReference) -> int:
    return layer.index


def _plausible(kind: str, subject: Subject, symptoms: Sequence[Symptom]) -> bool:
    checks = {symptom.check for symptom in symptoms}
    main = symptoms[0]
    if kind in ("learning_rate", "optimizer") and _broke_before_any_update(subject):
        return False
    if kind == "hidden_activation":
        if main.check == "dying-relu" and main.details.get("is_output"):
            return False
        if main.check == "vanishing-gradient" and not _has_saturating_layers(subject):
            return False  # rectifiers do not fade gradients; dead ones cut them, which is a symptom of its own
        outputs = {head.layer.index for head in subject.heads}
        return main.layer is None or main.layer.index not in outputs
    if kind == "learning_rate":
        primary = checks & set(EVIDENCE[kind].primary)
        return primary != {"dying-relu"} or (not main.details.get("is_output") and _steps_may_kill(subject))
    if kind == "shuffle" and main.check in ("unseen-classes", "shifted-class-shares"):
        return "sorted-labels" in checks or bool(labels_are_sorted(subject.fit))
    if kind == "label_encoding" and main.check == "mismatched-loss":
        return bool(main.details.get("other_encoding"))  # the other loss and the other encoding both mend it
    if kind == "input_scaling" and main.check in ("mismatched-validation-inputs", "mismatched-test-inputs"):
        return bool(main.details.get("training_is_off")) or "unscaled-inputs" in checks
    if main.check == "collapsed-feature-maps":
        return _may_collapse(kind, subject)
    if kind == "epochs":
        return subject.fit.state != "stopped"  # cut short by us, not by the user
    if kind == "optimizer" and main.check not in OPTIMIZER_SETTINGS:
        config = subject.fit.compile.optimizer.config
        return not any(config.get(name) for name in ("clipnorm", "clipvalue", "global_clipnorm"))
    return True


def _broke_before_any_update(subject: Subject) -> bool:
    """Whether numbers broke on the way to the first update: no setting of the optimizer can have done that."""
    broken = subject.fit.breakdown
    return broken is not None and broken.exact and broken.step == 0 and broken.direction != "update"


def _may_collapse(kind: str, subject: Subject) -> bool:
    """Whether a setting of this kind is there that can have shrunk the maps."""
    layers = subject.fit.model.layers
    if kind == "strides":
        return any(convolution_size(layer, "strides") > 1 for layer in layers)
    if kind == "kernel_size":
        return any(convolution_size(layer, "kernel_size") > 3 for layer in layers)
    return kind != "layers" or any("Pool" in layer.class_name for layer in layers)


def _has_saturating_layers(subject: Subject) -> bool:
    names = {effective_activation(subject.fit.model, layer) for layer in hidden_linear_maps(subject.fit.model)}
    recurrent = has_any(subject.fit.model, RECURRENT_LAYERS)
    return recurrent or bool(names & {"sigmoid", "tanh", "hard_sigmoid", "softsign", "softmax"})


def _steps_may_kill(subject: Subject) -> bool:
    """Whether the learning rate is well above a usual one; units that die under small steps die of something else."""
    optimizer = subject.fit.compile.optimizer
    usual = USUAL_RATES.get(optimizer.class_name, 0.001)
    return optimizer.learning_rate is None or optimizer.learning_rate > 3 * usual


def _standing(kind: str, subject: Subject, symptoms: Sequence[Symptom]) -> float:
    """Factor for what the symptoms' own strength cannot say."""
    checks = {symptom.check for symptom in symptoms}
    if kind == "output_activation" and "single-unit-softmax" in checks and subject.task.kind == "multiclass":
        return 0.8  # the missing units come first
    if kind == "output_activation" and symptoms[0].details.get("shifted"):
        return 0.8  # the targets would fit, were they brought to where the activation is
    if kind == "evaluation" and symptoms[0].details.get("training_is_off"):
        return 0.7  # what is validated with is as it should be
    if kind == "label_encoding" and "out-of-range-labels" in checks:
        return 1.0 if _shift_suffices(subject) else 0.6  # otherwise more outputs are what is needed
    if kind == "output_units" and subject.task.encoding == "one_based" and _shift_suffices(subject):
        return 0.7
    if kind == "loss" and symptoms[0].details.get("certain") and _activation_promises_classes(subject):
        return 0.85
    return 1.0


def _shift_suffices(subject: Subject) -> bool:
    """Whether the labels fit the output once they start at 0 (or are read as two classes)."""
    target, head = subject.target, subject.head
    if target is None or head is None or not target.integers:
        return False
    room = max(2, head.units or 1)
    distinct = len(target.unique) if target.unique is not None else int(target.maximum - target.minimum) + 1
    return distinct <= room


def _activation_promises_classes(subject: Subject) -> bool:
    return subject.task.kind == "regression" and subject.head is not None and subject.head.activation == "softmax"


def _general(subject: Subject, seen: Sequence[Seen], known: set[str]) -> Iterable[Hypothesis]:
    poor = [(position, symptom) for position, symptom in seen if symptom.check in ("below-reference", "trivial-skill")]
    if not poor:
        return
    positions, main = tuple(position for position, _ in poor), poor[0][1]
    where: LayerReference | None
    texts = {
        "learning_rate": "The learning rate may not suit this problem.",
        "epochs": "Training may be too short.",
        "units": "The hidden layers may be too narrow.",
    }
    for kind, confidence in GENERAL:
        if kind in known or (kind == "epochs" and subject.fit.state == "stopped"):
            continue
        if kind == "units":
            hidden = [layer for layer in subject.fit.model.layers if layer.parameters][:-1]
            if not hidden:
                continue
            narrow = min(hidden, key=lambda layer: layer.units or 0)
            where, span = subject.reference_to(narrow), narrow.site.span if narrow.site else None
        else:
            where, span = place(kind, subject, main)
        yield Hypothesis(
            kind,
            confidence,
            main,
            positions,
            where,
            span,
            False,
            f"{texts[kind]} {main.text}",
            _details(kind, subject, [main], where),
        )


def _details(kind: str, subject: Subject, symptoms: Sequence[Symptom], where: LayerReference | None) -> dict[str, Any]:
    """Facts that a rule can use to mend this fault; names are those of ``fact_vocabulary.FACTS``."""
    details: dict[str, Any] = {"cause": symptoms[0].check}
    if kind == "learning_rate":
        details |= _learning_rate_details(subject, symptoms)
    elif kind == "output_activation":
        details |= {"direction": "mismatch", "suggested_activation": suggested_output_activation(subject)}
        details["suggested_loss"] = suggested_loss(subject)
        if symptoms[0].details.get("from_logits"):
            details["suggested_from_logits"] = False
    elif kind == "loss":
        details |= {"direction": "mismatch", "suggested_loss": suggested_loss(subject)}
        details["suggested_activation"] = suggested_output_activation(subject)
    elif kind == "output_units":
        details |= {"direction": "mismatch", "suggested_units": suggested_units(subject)}
        details["suggested_loss"] = suggested_loss(subject)
        details["suggested_activation"] = suggested_output_activation(subject)
    elif kind == "label_encoding":
        details |= {"direction": "mismatch", "suggested_units": suggested_units(subject)}
        details["labels.multiplier"] = symptoms[0].details.get("multiplier")
    elif kind == "epochs":
        details |= {"direction": "too low", "suggested_epochs": suggested_epochs(subject)}
        smaller = suggested_batch_size(subject)
        if smaller < min(subject.fit.fit.batch_size or 0, subject.fit.data.rows or 0):
            details["suggested_batch_size"] = smaller  # more updates in the same passes
    elif kind == "batch_size":
        direction = "too high" if symptoms[0].check == "oversized-batch" else "too low"
        details |= {"direction": direction, "suggested_batch_size": suggested_batch_size(subject)}
    elif kind == "dropout":
        details |= {"direction": "too high", "suggested_rate": 0.2 if (symptoms[0].value or 0) > 0.5 else 0.1}
    elif kind == "overfitting":
        details["direction"] = "too high"
        best = symptoms[0].details.get("best_epoch")
        details["suggested_epochs"] = None if best is None else max(1, int(best) + 1)
    elif kind == "optimizer":
        details |= _optimizer_details(symptoms[0])
    elif kind == "regularization":
        details["direction"] = "too high"
    elif kind in ("input_scaling", "target_scaling"):
        details["direction"] = "too low" if symptoms[0].details.get("small") else "too high"
        if kind == "input_scaling" and subject.fit.data.inputs and holds_bytes(subject.fit.data.inputs[0]):
            details["inputs.divisor"] = 255.0
    elif kind == "units":
        details["direction"] = "too low"
    elif kind == "missing_values" and symptoms[0].details.get("means_missing"):
        details["inputs.placeholder"] = symptoms[0].details["placeholder"]
    if where is not None:
        details |= _layer_details(kind, subject, symptoms, where)
    return {name: value for name, value in details.items() if value is not None}


def _optimizer_details(main: Symptom) -> dict[str, Any]:
    if main.check in OPTIMIZER_SETTINGS:
        return {"direction": main.details.get("direction")}
    return {"direction": "missing", "suggested_clipnorm": 1.0}


def _learning_rate_details(subject: Subject, symptoms: Sequence[Symptom]) -> dict[str, Any]:
    source = next((item for item in symptoms if "update_ratio" in item.details), None)
    measured = source.details["update_ratio"] if source else None
    checks = {symptom.check for symptom in symptoms}
    direction = learning_rate_direction(symptoms)
    if not checks & set(EVIDENCE["learning_rate"].primary):  # suspected only because nothing else is
        measured = update_ratio(subject.fit)
        direction = "too high" if measured is not None and measured > 0.02 else "too low"
    return {
        "direction": direction,
        "suggested_learning_rate": suggested_learning_rate(
            subject, measured, direction=direction, at_start=bool(source and source.details.get("at_start"))
        ),
        "update_ratio": measured,
        "unusual": direction == "too high" and "unusual-learning-rate" in checks,
    }


def _layer_details(kind: str, subject: Subject, symptoms: Sequence[Symptom], where: LayerReference) -> dict[str, Any]:
    layer = next((item for item in subject.fit.model.layers if item.index == where.index), None)
    if layer is None:
        return {}
    if kind == "hidden_activation":
        missing = symptoms[0].check == "missing-nonlinearity"
        current = effective_activation(subject.fit.model, layer)
        dead = symptoms[0].check == "dying-relu" and current == "relu"
        return {
            "direction": "missing" if missing else "mismatch",
            "suggested_activation": "leaky_relu" if dead else "relu",
        }
    if kind == "initializer":
        return {"suggested_initializer": suggested_initializer(subject, layer)}
    if kind == "units":
        return {"suggested_units": 4 * max(8, layer.units or 8)}
    return {}


def _fault(subject: Subject, item: Hypothesis) -> Fault:
    return Fault(
        kind=item.kind,
        text=item.text,
        confidence=said(item.confidence),
        layer=item.layer,
        hyperparameter=HYPERPARAMETER_OF_CHECK.get(item.main.check, HYPERPARAMETERS.get(item.kind)),
        span=item.span,
        symptoms=item.symptoms,
        fit=subject.index,
        details=item.details,
        raw=round(item.confidence, 4),
    )
