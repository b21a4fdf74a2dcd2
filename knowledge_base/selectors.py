"""Which layers of a model an edit of a rule aims at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..diagnose.findings import Fault
from ..diagnose.structure import (
    DROPOUT_LAYERS,
    RECURRENT_LAYERS,
    convolution_size,
    effective_activation,
    first_layers,
    hidden_linear_maps,
    output_heads,
    weighted_layers,
)
from ..diagnose.trace import LayerFacts, ModelFacts

#: Activations with bounds that a layer can be driven into.
BOUNDED_ACTIVATIONS = frozenset({"sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softsign"})


def select_layers(selector: str, model: ModelFacts, fault: Fault) -> tuple[int, ...]:
    """Indices of the layers that ``selector`` means, in the model's order; empty when there is none.

    Args:
        selector: A word of ``vocabulary.LAYER_SELECTORS``.
        model: The model that was trained.
        fault: The fault to be answered.
    """
    return _SELECTORS[selector](model, fault)


def _fault(model: ModelFacts, fault: Fault) -> tuple[int, ...]:
    del model
    return () if fault.layer is None else (fault.layer.index,)


def _first(model: ModelFacts, fault: Fault) -> tuple[int, ...]:
    """The layer where the inputs come in. With several inputs, one layer cannot stand for all."""
    del fault
    starts = [layer.index for layer in model.layers if not layer.inbound]
    return (starts[0],) if len(starts) == 1 and len(first_layers(model)) == 1 else ()


def _output(model: ModelFacts, fault: Fault) -> tuple[int, ...]:
    """The layer that makes the output at fault; the first output when the fault names none."""
    heads = output_heads(model)
    if not heads:
        return ()
    named = fault.layer.index if fault.layer is not None else None
    for head in heads:
        if named in (head.layer.index, head.activation_layer.index):
            return (head.layer.index,)
    return (heads[0].layer.index,)


def _hidden(model: ModelFacts, wanted: Callable[[str | None], bool]) -> tuple[int, ...]:
    return tuple(layer.index for layer in hidden_linear_maps(model) if wanted(effective_activation(model, layer)))


def _last_recurrent(model: ModelFacts, fault: Fault) -> tuple[int, ...]:
    del fault
    return tuple(layer.index for layer in model.layers if layer.class_name in RECURRENT_LAYERS)[-1:]


def _last_pooling(model: ModelFacts, fault: Fault) -> tuple[int, ...]:
    del fault
    pooling = [item for item in model.layers if "Pool" in item.class_name and not item.class_name.startswith("Global")]
    return tuple(layer.index for layer in pooling[-1:])


def _where(wanted: Callable[[LayerFacts], bool]) -> Callable[[ModelFacts, Fault], tuple[int, ...]]:
    def select(model: ModelFacts, fault: Fault) -> tuple[int, ...]:
        del fault
        return tuple(layer.index for layer in model.layers if wanted(layer))

    return select


_SELECTORS: Mapping[str, Callable[[ModelFacts, Fault], tuple[int, ...]]] = {
    "fault": _fault,
    "first": _first,
    "output": _output,
    "all-hidden": lambda model, fault: _hidden(model, lambda activation: activation is not None),
    "linear-hidden": lambda model, fault: _hidden(model, lambda activation: activation == "linear"),
    "bounded-hidden": lambda model, fault: _hidden(model, lambda activation: activation in BOUNDED_ACTIVATIONS),
    "relu-hidden": lambda model, fault: _hidden(model, lambda activation: activation == "relu"),
    "last-recurrent": _last_recurrent,
    "dropout": _where(lambda layer: layer.class_name in DROPOUT_LAYERS),
    "strided": _where(lambda layer: convolution_size(layer, "strides") > 1),
    "large-kernels": _where(lambda layer: convolution_size(layer, "kernel_size") > 3),
    "last-pooling": _last_pooling,
    "weighted": lambda model, fault: tuple(layer.index for layer in weighted_layers(model)),
    "frozen": _where(lambda layer: layer.parameters > 0 and not layer.trainable),
}
