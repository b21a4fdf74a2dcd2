"""``set-loss``: strings, objects, functions, and one loss among several."""

from __future__ import annotations

import libcst as cst

from .base import Draft, Edit, Parameter
from .calls import Argument, add_keyword, find_argument
from .errors import AlreadySo, EditNotApplicable
from .imports import Imports, spell_keras
from .sources import SourceFile
from .spelling import literal, quote_of, spell
from .targets import Target, simple_target
from .values import ValueSite, find_value

#: Name of a loss as a string -> class. Shorter names that Keras accepts stand in ``_SHORT``.
_CLASSES = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "categorical_hinge": "CategoricalHinge",
    "cosine_similarity": "CosineSimilarity",
    "hinge": "Hinge",
    "huber": "Huber",
    "kl_divergence": "KLDivergence",
    "log_cosh": "LogCosh",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_error": "MeanSquaredError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "poisson": "Poisson",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "squared_hinge": "SquaredHinge",
}
_SHORT = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}
_BY_CLASS = {value: key for key, value in _CLASSES.items()}
_CAN_TAKE_LOGITS = {name for name in _CLASSES if name.endswith("crossentropy")}


def loss_name(spelling: str) -> str:
    """The full snake-case name of a loss from any spelling of it.

    >>> loss_name("MSE"), loss_name("BinaryCrossentropy")
    ('mean_squared_error', 'binary_crossentropy')
    """
    if spelling in _BY_CLASS:
        return _BY_CLASS[spelling]
    lowered = spelling.lower()
    return _SHORT.get(lowered, lowered)


def _set_loss(draft: Draft) -> None:
    wanted, from_logits = loss_name(draft.parameter("loss")), bool(draft.parameter("from_logits"))
    if from_logits and wanted not in _CAN_TAKE_LOGITS:
        raise EditNotApplicable(f"{wanted} has no from_logits")
    target = simple_target(draft, draft.fit.compile.site, "compile")
    argument = find_argument(target.file, target.call, "loss", "compile")
    if argument is None:
        text = _spelled(draft, target.file, target.call, wanted, from_logits, as_object=from_logits)
        draft.record(target.file, target.call, "no loss", f"loss={text}")
        add_keyword(draft, target.file, target.call, "loss", text)
        return
    site = _one_of_several(draft, _written(draft, target, argument))
    node, file = site.node, site.file
    if node is None:
        raise EditNotApplicable(f"{target.file.place(target.call)}: it is not clear where the loss is written")
    if _is_already(file, node, wanted, from_logits):
        raise AlreadySo(f"the loss is already {file.code(node)}")
    text = _new_text(draft, file, node, wanted, from_logits)
    draft.record(file, node, file.code(node), text)
    draft.replace(file, file.start(node), file.end(node), text)


def _written(draft: Draft, target: Target, argument: Argument) -> ValueSite:
    return find_value(draft, target.file, argument.value, target.origin)


def _one_of_several(draft: Draft, site: ValueSite) -> ValueSite:
    """Pick the output's own loss out of a list or dictionary of losses."""
    node = site.node
    if isinstance(node, cst.List):
        elements = [element.value for element in node.elements]
        return ValueSite(site.file, elements[_output(draft, len(elements))])
    if isinstance(node, cst.Dict):
        values = [element.value for element in node.elements if isinstance(element, cst.DictElement)]
        if len(values) == 1:
            return ValueSite(site.file, values[0])
        names = [layer.name for layer in draft.fit.model.layers if layer.index == draft.request.context.layer]
        for element in node.elements:
            if isinstance(element, cst.DictElement) and literal(element.key) in names:
                return ValueSite(site.file, element.value)
        raise EditNotApplicable(f"{site.file.place(node)}: it is not clear which of {len(values)} losses is meant")
    return site


def _output(draft: Draft, count: int) -> int:
    outputs = draft.fit.model.output_layers
    if count == 1:
        return 0
    if draft.request.context.layer in outputs and len(outputs) == count:
        return outputs.index(draft.request.context.layer)
    raise EditNotApplicable(f"it is not clear which of {count} losses is meant; name an output layer")


def _is_already(file: SourceFile, node: cst.BaseExpression, wanted: str, from_logits: bool) -> bool:
    if isinstance(node, cst.Call):
        named = node.func.attr.value if isinstance(node.func, cst.Attribute) else getattr(node.func, "value", "")
        if loss_name(str(named)) != wanted:
            return False
        logits = next(
            (arg for arg in node.args if arg.keyword is not None and arg.keyword.value == "from_logits"), None
        )
        if logits is None and node.args and node.args[0].keyword is None and wanted in _CAN_TAKE_LOGITS:
            logits = node.args[0]
        return (literal(logits.value) if logits is not None else False) is from_logits
    value = literal(node)
    if isinstance(value, str):
        return loss_name(value) == wanted and not from_logits
    named = node.attr.value if isinstance(node, cst.Attribute) else getattr(node, "value", "")
    imports = Imports(file, node)
    return (imports.origin(node) or "").startswith("keras.") and loss_name(str(named)) == wanted and not from_logits


def _new_text(draft: Draft, file: SourceFile, node: cst.BaseExpression, wanted: str, from_logits: bool) -> str:
    is_object = isinstance(node, cst.Call) and (Imports(file, node).origin(node.func) or "").startswith("keras.")
    if isinstance(node, cst.SimpleString) and not from_logits:
        return spell(wanted, node.quote if len(node.quote) == 1 else quote_of(file))
    like = node.func if isinstance(node, cst.Call) else None
    return _spelled(draft, file, node, wanted, from_logits, as_object=is_object or from_logits, like=like)


def _spelled(
    draft: Draft,
    file: SourceFile,
    at: cst.CSTNode,
    wanted: str,
    from_logits: bool,
    *,
    as_object: bool,
    like: cst.BaseExpression | None = None,
) -> str:
    if not as_object:
        return spell(wanted, quote_of(file))
    if wanted not in _CLASSES:
        raise EditNotApplicable(f"{wanted} is not a loss class of Keras")
    callee = spell_keras(draft, file, at, f"keras.losses.{_CLASSES[wanted]}", like)
    return f"{callee}({'from_logits=True' if from_logits else ''})"


SET_LOSS = Edit(
    "set-loss",
    "Use another loss, written the way the author wrote the old one.",
    (Parameter("loss", (str,)), Parameter("from_logits", (bool,), required=False, default=False)),
    _set_loss,
)
