"""Facts about a live model: its layers as a flat graph, and what it was compiled with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..evaluation import in_output_order, output_names
from ..source import CallSite
from ..trace import CompileFacts, LayerFacts, LossFacts, ModelFacts, OptimizerFacts
from .array_operations import view
from .graph import LayerGraph, layer_graph
from .layer_statistics import spread_and_largest
from .plain import plain, shape_tuple, snake_case
from .session import SiteRegistry

_ACTIVATION_LAYERS = {"ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"}


def flat_layers(model: Any) -> list[tuple[str, Any]]:
    """The model's layers in order with their full names: no input layers, nested models flattened, each layer once.

    A layer class of the user's that only groups other layers (no weights of its own) is flattened like a model.
    """
    found: list[tuple[str, Any]] = []
    seen: set[int] = set()

    def visit(container: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for layer in _sublayers(container):
            if id(layer) in seen or type(layer).__name__ == "InputLayer":
                continue
            seen.add(id(layer))
            if is_group(layer):
                yield from visit(layer, f"{prefix}{layer.name}/")
            else:
                yield f"{prefix}{layer.name}", layer

    found.extend(visit(model, ""))
    return found


def _sublayers(container: Any) -> list[Any]:
    layers = getattr(container, "layers", None)
    if isinstance(layers, list | tuple) and _is_model(container):
        return list(layers)
    return list(container._flatten_layers(include_self=False, recursive=False))


def _is_model(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.Model)


def is_group(layer: Any) -> bool:
    if _is_model(layer):
        return bool(_sublayers(layer))
    if type(layer).__module__.partition(".")[0] in {"keras", "tensorflow", "keras_hub", "keras_cv", "keras_nlp"}:
        return False
    try:
        own = [*layer._trainable_variables, *layer._non_trainable_variables]
        return not own and bool(_sublayers(layer))
    except AttributeError:
        return False


def model_facts(
    model: Any,
    sites: SiteRegistry,
    initial: dict[int, dict[str, float]] | None = None,
    traced: LayerGraph | None = None,
) -> ModelFacts:
    """Describe a model.

    Args:
        initial: Weight statistics from before the first step, by ``id(layer)``.
        traced: The layer graph seen in a traced forward pass, for models whose graph cannot be read otherwise, and for
            what the user's code does between the layers of the others.
    """
    named = flat_layers(model)
    graph = layer_graph(model, [layer for _, layer in named])
    if traced is not None and len(traced.inbound) == len(named):
        graph = replace(graph, activations=traced.activations) if graph.certain else traced
    layers = [_layer_facts(i, name, layer, graph, sites, initial or {}) for i, (name, layer) in enumerate(named)]
    return ModelFacts(
        name=str(model.name),
        kind=_kind(model),
        layers=tuple(layers),
        output_layers=tuple(graph.outputs),
        parameters=_count(model.weights),
        trainable_parameters=_count(model.trainable_weights),
        input_shapes=_model_shapes(model, "inputs"),
        output_shapes=_model_shapes(model, "outputs") or graph.output_shapes,
        site=sites.site(model),
    )


def _kind(model: Any) -> str:
    import keras

    if isinstance(model, keras.Sequential):
        return "sequential"
    return "functional" if _is_functional(model) else "subclassed"


def _is_functional(model: Any) -> bool:
    return any(c.__name__ == "Functional" for c in type(model).__mro__)


def _model_shapes(model: Any, attribute: str) -> tuple[tuple[int | None, ...], ...]:
    import keras

    try:
        tensors = keras.tree.flatten(getattr(model, attribute))
    except Exception:
        return ()
    shapes = (shape_tuple(getattr(t, "shape", None)) for t in tensors)
    return tuple(s for s in shapes if s is not None)


def _layer_facts(  # noqa: PLR0917
    index: int,
    name: str,
    layer: Any,
    graph: LayerGraph,
    sites: SiteRegistry,
    initial: dict[int, dict[str, float]],
) -> LayerFacts:
    output_shape = _layer_shape(layer, "output")
    return LayerFacts(
        index=index,
        name=name,
        class_name=type(layer).__name__,
        activation=_with_applied(activation_name(layer), graph.activations.get(index)),
        units=_units(layer, output_shape),
        input_shape=_layer_shape(layer, "input"),
        output_shape=output_shape,
        parameters=_count(layer.weights),
        trainable_parameters=_count(layer.trainable_weights),
        trainable=bool(layer.trainable),
        inbound=graph.inbound[index],
        outbound=graph.outbound[index],
        site=sites.site(layer),
        config=layer_config(layer),
        weights={_weight_name(w, layer): tuple(int(d) for d in w.shape) for w in layer.weights},
        initial=initial.get(id(layer), {}),
    )


def _with_applied(own: str | None, applied: str | None) -> str | None:
    """The function that shapes a layer's values: its own, else what the user's code applies to its output."""
    return own if applied is None or own not in (None, "linear") else applied


def _layer_shape(layer: Any, which: str) -> tuple[int | None, ...] | None:
    import keras

    try:
        return shape_tuple(keras.tree.flatten(getattr(layer, which))[0].shape)
    except Exception:
        pass
    try:
        built = getattr(layer, "_build_shapes_dict", None) or {}
        shape = shape_tuple(next(iter(built.values())))
        if shape is None or which == "input":
            return shape
        return shape_tuple(layer.compute_output_shape(shape))
    except Exception:
        return None


def _units(layer: Any, output_shape: tuple[int | None, ...] | None) -> int | None:
    if output_shape:
        return output_shape[-1]
    for attribute in ("units", "filters"):
        value = getattr(layer, attribute, None)
        if isinstance(value, int | np.integer):
            return int(value)
    return None


def _weight_name(weight: Any, layer: Any) -> str:
    path = str(getattr(weight, "path", weight.name))
    head, _, tail = path.partition(f"{layer.name}/")
    return tail or head


def _count(weights: list[Any]) -> int:
    return int(sum(int(np.prod([int(d) for d in w.shape])) for w in weights))


def layer_config(layer: Any) -> dict[str, Any]:
    """The layer's ``get_config()`` as far as it is plain data."""
    try:
        config = layer.get_config()
    except Exception:
        return {}
    return {str(k): plain(v) for k, v in config.items() if k not in {"name", "dtype", "build_config"}}


def activation_name(layer: Any) -> str | None:
    """Name of the layer's activation, ``linear`` for one that is not set, None where a layer has none."""
    class_name = type(layer).__name__
    if class_name in _ACTIVATION_LAYERS:
        return snake_case(class_name)
    inner = getattr(layer, "forward_layer", None) or getattr(layer, "layer", None)
    if inner is not None and class_name in {"Bidirectional", "TimeDistributed"}:
        return activation_name(inner)
    if not hasattr(layer, "activation"):
        return None
    return function_name(layer.activation)


def function_name(activation: Any) -> str | None:
    """Keras's name of an activation, be it a function, a layer used as one, or None."""
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        return activation
    name = getattr(activation, "__name__", None)
    if isinstance(name, str):
        return name.lstrip("_") if name != "<lambda>" else "lambda"
    return snake_case(type(activation).__name__)


def initial_statistics(model: Any) -> dict[int, dict[str, float]]:
    """Size of each weight before training, by ``id(layer)``: ``kernel_std``, ``kernel_max`` and the like."""
    found: dict[int, dict[str, float]] = {}
    for _, layer in flat_layers(model):
        values: dict[str, float] = {}
        for weight in layer.weights:
            array = view(weight.value if hasattr(weight, "path") else weight)
            if array.size == 0 or not np.issubdtype(array.dtype, np.floating):
                continue
            name = _weight_name(weight, layer).replace("/", "_")
            values[f"{name}_std"], values[f"{name}_max"] = spread_and_largest(array)
        found[id(layer)] = values
    return found


@dataclass(frozen=True)
class CompileRecord:
    """What one ``compile`` call was given, as facts; holds no model."""

    site: CallSite | None
    optimizer_from_string: bool
    loss: Any
    metrics: tuple[str, ...]
    options: dict[str, Any]

    @classmethod
    def of(
        cls, signature_of: Callable[..., Any], model: Any, args: Any, kwargs: Any, site: CallSite | None
    ) -> CompileRecord:
        bound = inspect.signature(signature_of).bind(model, *args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        names = [_metric_name(m) for key in ("metrics", "weighted_metrics") for m in _leaves(given.get(key))]
        options: dict[str, Any] = {
            str(name): plain(given.get(name))
            for name in ("run_eagerly", "steps_per_execution", "jit_compile", "loss_weights", "auto_scale_loss")
            if name in given
        }
        return cls(
            site=site,
            optimizer_from_string=isinstance(given.get("optimizer"), str | dict),
            loss=given.get("loss"),
            metrics=tuple(names),
            options=options,
        )


def compile_facts(model: Any, record: CompileRecord | None, sites: SiteRegistry) -> CompileFacts:
    """Describe how a model was compiled; without a record (compiled before the hooks) sites are unknown."""
    site = record.site if record else None
    loss = in_output_order(record.loss if record else getattr(model, "loss", None), output_names(model))
    return CompileFacts(
        optimizer=optimizer_facts(model.optimizer, record, sites),
        losses=tuple(loss_facts(one, site, sites) for one in _leaves(loss)),
        metrics=record.metrics if record else (),
        site=site,
        options=dict(record.options) if record else {"run_eagerly": bool(getattr(model, "run_eagerly", False))},
    )


def optimizer_facts(optimizer: Any, record: CompileRecord | None, sites: SiteRegistry) -> OptimizerFacts:
    import keras

    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    config = {str(k): plain(v) for k, v in (inner.get_config() if hasattr(inner, "get_config") else {}).items()}
    schedule = getattr(inner, "_learning_rate", None)
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        config["learning_rate_schedule"] = type(schedule).__name__
    try:
        rate: float | None = float(np.asarray(inner.learning_rate))
    except Exception:
        rate = None
    from_string = bool(record and record.optimizer_from_string)
    return OptimizerFacts(
        class_name=type(inner).__name__,
        learning_rate=rate,
        config=config,
        from_string=from_string,
        site=(record.site if from_string and record else None) or sites.site(inner) or sites.site(optimizer),
    )


def loss_facts(loss: Any, compile_site: CallSite | None, sites: SiteRegistry) -> LossFacts:
    import keras

    if isinstance(loss, str | dict):
        try:
            made = keras.losses.get(loss)
        except Exception:
            made = loss
        return LossFacts(name=_loss_name(made), from_logits=False, from_string=True, site=compile_site)
    config: dict[str, Any] = {}
    if isinstance(loss, keras.losses.Loss):
        try:
            config = {str(k): plain(v) for k, v in loss.get_config().items()}
        except Exception:
            config = {}
        config.pop("fn", None)
    name = _loss_name(loss)
    return LossFacts(
        name=name,
        from_logits=bool(config.get("from_logits", False) or _bound_argument(loss, "from_logits")),
        is_custom=not _is_kerases(loss),
        from_string=False,
        site=sites.site(loss) or compile_site,
        config=config,
    )


def _bound_argument(loss: Any, name: str) -> Any:
    """An argument that a Keras loss object or a ``functools.partial`` passes on to its function."""
    for attribute in ("_fn_kwargs", "keywords"):
        given = getattr(loss, attribute, None)
        if isinstance(given, dict) and name in given:
            return given[name]
    return getattr(loss, name, None)


def _is_kerases(loss: Any) -> bool:
    module = getattr(loss, "__module__", None) or type(loss).__module__
    return str(module).partition(".")[0] == "keras"


def _loss_name(loss: Any) -> str:
    if isinstance(loss, str):
        return loss
    inner = getattr(loss, "func", None)  # functools.partial
    if callable(inner):
        return _loss_name(inner)
    name = getattr(loss, "__name__", None)
    if isinstance(name, str):
        return name
    fn = getattr(loss, "fn", None)
    fn_name = getattr(fn, "__name__", None)
    if type(loss).__module__.startswith("keras") and type(loss).__name__ == "LossFunctionWrapper" and fn_name:
        return str(fn_name)
    return snake_case(type(loss).__name__)


def _metric_name(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    name = getattr(metric, "name", None) or getattr(metric, "__name__", None)
    return str(name) if name else snake_case(type(metric).__name__)


def _leaves(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in _leaves(v)]
    return [value]
