"""Facts: what rules may ask about a diagnosed run, as one flat dictionary with dotted names.

The names are those of ``fact_vocabulary.FACTS``. Every one is present in what ``facts_for`` returns; a fact that is
unknown or has no meaning for this run is None.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .fact_vocabulary import FACTS
from .findings import Diagnosis, Fault
from .losses import canonical_name, loss_family
from .measures import (
    category_columns,
    class_shares,
    class_weights,
    columns,
    heavy_tailed_columns,
    holds_bytes,
    identifier_columns,
    inputs_are_tokens,
    is_one_hot,
    labels_are_sorted,
    labels_multiplier,
    largest_scale,
    looks_like_image,
    picture_size,
    starts_with_normalization,
    steps_per_epoch,
    update_ratio,
    updates_made,
)
from .stored_axes import lie_channel_by_channel
from .structure import (
    DROPOUT_LAYERS,
    EMBEDDING_LAYERS,
    NORMALIZATION_LAYERS,
    RECURRENT_LAYERS,
    OutputHead,
    effective_activation,
    first_layers,
    has_any,
    hidden_linear_maps,
    output_heads,
    weighted_layers,
)
from .trace import FitTrace, LayerFacts, Trace

#: Facts that only make sense when the labels are classes.
_OF_CLASSES = (
    "labels.largest_class_share",
    "labels.smallest_class_share",
    "labels.class_weights",
    "labels.sorted",
)
#: Training steps in which small networks usually arrive; the XOR cases need 10,000 at most and the others far fewer.
_USUAL_UPDATES = 2000


def facts_for(trace: Trace, diagnosis: Diagnosis, fault: Fault | None = None) -> dict[str, Any]:
    """Every fact of ``FACTS`` about the fit that ``fault`` concerns (the last fit without a fault).

    Example:
        >>> facts = facts_for(trace, diagnosis, diagnosis.faults[0])  # doctest: +SKIP
        >>> facts["task.kind"], facts["output.units"]  # doctest: +SKIP
        ('binary', 1)
    """
    facts: dict[str, Any] = dict.fromkeys(FACTS)
    facts["verdict"] = diagnosis.verdict
    _add_task(facts, diagnosis)
    if trace.fits:
        index = fault.fit if fault is not None and 0 <= fault.fit < len(trace.fits) else len(trace.fits) - 1
        fit = trace.fits[index]
        for add in (_add_labels, _add_output, _add_compile, _add_fit, _add_inputs, _add_model, _add_results):
            add(facts, fit)
        if facts["task.kind"] not in ("binary", "multiclass"):
            for name in _OF_CLASSES:
                facts[name] = None
        if fault is not None and fault.layer is not None:
            _add_layer(facts, fit, fault.layer.index)
    if fault is not None:
        _add_fault(facts, diagnosis, fault)
    return facts


def _add_fault(facts: dict[str, Any], diagnosis: Diagnosis, fault: Fault) -> None:
    facts["fault.kind"] = fault.kind
    facts["fault.confidence"] = fault.confidence
    symptoms = [diagnosis.symptoms[index] for index in fault.symptoms if index < len(diagnosis.symptoms)]
    if symptoms:
        facts["fault.cause"] = max(symptoms, key=lambda symptom: symptom.strength).check
    for name, value in fault.details.items():
        known = name if name in FACTS else f"fault.{name}"
        if known in FACTS and value is not None:
            facts[known] = value


def _add_task(facts: dict[str, Any], diagnosis: Diagnosis) -> None:
    task = diagnosis.task
    facts["task.kind"] = task.kind
    facts["task.classes"] = task.classes
    facts["task.encoding"] = task.encoding
    facts["task.confidence"] = task.confidence
    reference = diagnosis.reference
    facts["reference.linear"] = reference.linear
    facts["reference.best"] = reference.best
    facts["reference.best_name"] = reference.best_name


def _add_labels(facts: dict[str, Any], fit: FitTrace) -> None:
    if not fit.data.targets:
        return
    labels = fit.data.targets[0]
    facts["labels.shape_rank"] = len(labels.shape)
    facts["labels.columns"] = columns(labels)
    facts["labels.minimum"], facts["labels.maximum"] = labels.minimum, labels.maximum
    facts["labels.mean"], facts["labels.std"] = labels.mean, labels.std
    facts["labels.integers"] = labels.integers
    facts["labels.one_hot"] = is_one_hot(labels)
    facts["labels.multiplier"] = labels_multiplier(labels)
    facts["labels.nonfinite"] = labels.nonfinite
    facts["labels.distinct"] = None if labels.unique is None else len(labels.unique)
    facts["labels.in_unit_interval"] = labels.minimum >= 0 and labels.maximum <= 1
    facts["labels.in_signed_interval"] = labels.minimum >= -1 and labels.maximum <= 1
    facts["labels.nonnegative"] = labels.minimum >= 0
    shares = class_shares(labels)
    if shares:
        facts["labels.largest_class_share"], facts["labels.smallest_class_share"] = max(shares), min(shares)
    facts["labels.class_weights"] = class_weights(labels)
    facts["labels.sorted"] = labels_are_sorted(fit)


def _add_output(facts: dict[str, Any], fit: FitTrace) -> None:
    heads = output_heads(fit.model)
    facts["output.count"] = len(heads)
    if not heads:
        return
    head: OutputHead = heads[0]
    facts["output.activation"] = head.activation
    facts["output.units"] = head.units
    facts["output.layer"] = head.layer.index
    facts["output.activation_layer"] = head.activation_layer.index
    facts["output.activation_is_separate"] = head.activation_layer.index != head.layer.index
    facts["output.class_name"] = head.layer.class_name
    if fit.model.output_shapes:
        facts["output.shape_rank"] = len(fit.model.output_shapes[0])


def _add_compile(facts: dict[str, Any], fit: FitTrace) -> None:
    if fit.compile.losses:
        loss = fit.compile.losses[0]
        facts["loss.name"] = canonical_name(loss.name)
        facts["loss.family"] = loss_family(loss)
        facts["loss.from_logits"] = loss.from_logits
        facts["loss.is_custom"] = loss.is_custom
        facts["loss.from_string"] = loss.from_string
    optimizer = fit.compile.optimizer
    config = optimizer.config
    facts["optimizer.name"] = optimizer.class_name
    facts["optimizer.from_string"] = optimizer.from_string
    facts["optimizer.momentum"] = config.get("momentum")
    facts["optimizer.clips"] = any(config.get(name) for name in ("clipnorm", "clipvalue", "global_clipnorm"))
    facts["learning_rate"] = optimizer.learning_rate
    facts["update_ratio"] = update_ratio(fit)


def _add_fit(facts: dict[str, Any], fit: FitTrace) -> None:
    facts["fit.epochs"] = fit.fit.epochs
    facts["fit.batch_size"] = fit.fit.batch_size
    facts["fit.steps_per_epoch"] = steps_per_epoch(fit)
    facts["fit.updates"] = updates_made(fit)
    if per_epoch := facts["fit.steps_per_epoch"]:
        facts["epochs_for_updates"] = math.ceil(_USUAL_UPDATES / per_epoch)
    facts["fit.shuffle"] = fit.fit.shuffle
    facts["fit.validation_split"] = fit.fit.validation_split
    facts["fit.has_validation"] = fit.data.has_validation or fit.fit.validation_split > 0
    facts["data.kind"] = fit.data.kind
    facts["data.rows"] = fit.data.rows
    facts["data.validation_rows"] = fit.data.validation_rows


def _add_inputs(facts: dict[str, Any], fit: FitTrace) -> None:
    inputs = fit.data.inputs
    facts["inputs.count"] = len(inputs)
    if not inputs:
        return
    first = inputs[0]
    largest = max(max(abs(item.minimum), abs(item.maximum)) for item in inputs)
    facts["inputs.minimum"] = min(item.minimum for item in inputs)
    facts["inputs.maximum"] = max(item.maximum for item in inputs)
    facts["inputs.mean"], facts["inputs.std"] = first.mean, first.std
    facts["inputs.shape_rank"] = len(first.shape)
    facts["inputs.columns"] = columns(first)
    facts["inputs.looks_like_image"] = looks_like_image(fit)
    facts["inputs.divisor"] = 255.0 if holds_bytes(first) else float(largest)
    facts["inputs.integers"] = first.integers
    facts["inputs.are_tokens"] = inputs_are_tokens(fit)
    facts["inputs.nonfinite"] = sum(item.nonfinite for item in inputs)
    facts["inputs.has_nonfinite"] = facts["inputs.nonfinite"] > 0
    facts["inputs.largest_scale"] = max(largest_scale(item) for item in inputs)
    deviations = [value for item in inputs for value in item.column_std]
    positive = [value for value in deviations if value > 0]
    facts["inputs.scale_spread"] = max(positive) / min(positive) if positive else None
    facts["inputs.constant_columns"] = len(deviations) - len(positive)
    facts["inputs.heavy_tails"] = heavy_tailed_columns(first)
    if fit.sample is not None and fit.sample.inputs and lie_channel_by_channel(fit.sample.inputs[0]):
        *places, channels = fit.sample.inputs[0].shape[1:]
        facts["inputs.stored_shape"] = (channels, *places)
        facts["inputs.stored_order"] = (*range(2, len(places) + 2), 1)
    facts["inputs.category_columns"] = category_columns(fit)
    facts["inputs.categories"] = len(facts["inputs.category_columns"])
    facts["inputs.identifier_columns"] = identifier_columns(fit)
    facts["inputs.identifiers"] = len(facts["inputs.identifier_columns"])
    facts["inputs.height"], facts["inputs.width"] = picture_size(first) or (None, None)


def _add_model(facts: dict[str, Any], fit: FitTrace) -> None:
    model = fit.model
    weighted = weighted_layers(model)
    outputs = {head.layer.index for head in output_heads(model)}
    facts["model.kind"] = model.kind
    facts["model.layers"] = len(model.layers)
    facts["model.hidden_layers"] = sum(1 for layer in weighted if layer.index not in outputs)
    names = Counter(name for layer in hidden_linear_maps(model) if (name := effective_activation(model, layer)))
    facts["model.hidden_activation"] = names.most_common(1)[0][0] if names else None
    facts["model.parameters"] = model.parameters
    facts["model.trainable_parameters"] = model.trainable_parameters
    facts["model.has_normalization"] = has_any(model, NORMALIZATION_LAYERS)
    facts["model.starts_with_normalization"] = starts_with_normalization(fit)
    first = first_layers(model)
    facts["model.first_layer"] = first[0].index if first else None
    facts["model.has_dropout"] = has_any(model, DROPOUT_LAYERS)
    facts["model.has_embedding"] = has_any(model, EMBEDDING_LAYERS)
    facts["model.has_recurrent"] = has_any(model, RECURRENT_LAYERS)
    facts["model.has_convolution"] = any("Conv" in layer.class_name for layer in model.layers)


def _add_results(facts: dict[str, Any], fit: FitTrace) -> None:
    for name in ("skill", "metric", "split", "constant", "prediction_min", "prediction_max"):
        facts[f"evaluation.{name}"] = fit.evaluation.get(name)


def _add_layer(facts: dict[str, Any], fit: FitTrace, index: int) -> None:
    layer: LayerFacts | None = next((item for item in fit.model.layers if item.index == index), None)
    if layer is None:
        return
    outputs = output_heads(fit.model)
    facts["layer.index"] = layer.index
    facts["layer.name"] = layer.name
    facts["layer.class_name"] = layer.class_name
    facts["layer.activation"] = effective_activation(fit.model, layer)
    facts["layer.units"] = layer.units
    facts["layer.rate"] = layer.config.get("rate")
    facts["layer.is_output"] = any(index in (head.layer.index, head.activation_layer.index) for head in outputs)
    facts["layer.trainable"] = layer.trainable
    facts["layer.kernel_initializer"] = _initializer_name(layer.config.get("kernel_initializer"))


def _initializer_name(config: Any) -> str | None:
    if isinstance(config, Mapping):
        name = config.get("class_name")
        return str(name) if name is not None else None
    return str(config) if config is not None else None
