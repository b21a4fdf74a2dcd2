"""Setting one argument of a layer, optimizer, compile or fit call, wherever its value is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libcst as cst

from ...diagnose.source import CallSite
from ...diagnose.trace import FitTrace, LayerFacts
from .base import Draft
from .calls import Argument, add_keyword, callee_name, find_argument, is_last_positional, remove_argument
from .errors import AlreadySo, EditNotApplicable
from .signatures import accepts
from .sources import SourceFile
from .spelling import NOT_LITERAL, literal, quote_of, spell
from .values import Origin, find_value


@dataclass(frozen=True)
class Target:
    """A call expression whose arguments are edited.

    Attributes:
        callee: Class or method name for the order of its parameters.
        siblings: Layers made by this same expression (in a loop or a helper function), the one asked for included.
    """

    file: SourceFile
    call: cst.Call
    callee: str
    origin: Origin
    layer: LayerFacts | None = None
    siblings: tuple[LayerFacts, ...] = ()
    fit: FitTrace | None = None


def layer_target(draft: Draft, layer: LayerFacts | None = None) -> Target:
    """The call that made a layer."""
    layer = layer or draft.layer
    file, call = draft.locate(layer.site, f"layer {layer.name}")
    siblings = tuple(other for other in draft.fit.model.layers if other.site is not None and _same_place(other, layer))
    origin = Origin(layer.site, siblings.index(layer), len(siblings))
    return Target(file, call, layer.class_name, origin, layer, siblings, draft.fit)


def _same_place(left: LayerFacts, right: LayerFacts) -> bool:
    return left.site is not None and right.site is not None and left.site.span == right.site.span


def simple_target(draft: Draft, site: CallSite | None, callee: str) -> Target:
    """The call of a compile, fit or optimizer."""
    file, call = draft.locate(site, f"the {callee} call")
    if callee == "fit" and callee_name(call) != "fit":  # another library calls it: cross_val_score, a grid search
        raise EditNotApplicable(f"{file.place(call)}: fit is called by {callee_name(call) or 'other code'}")
    return Target(file, call, callee, Origin(site))


def require_right_for_all(target: Target, *, change: str) -> None:
    """Refuse a change to an expression that makes several layers, unless they all play the same part."""
    layer, fit = target.layer, target.fit
    if layer is None or fit is None or len(target.siblings) < 2:
        return
    is_output = layer.index in fit.model.output_layers
    for other in target.siblings:
        if (other.index in fit.model.output_layers) != is_output or other.class_name != layer.class_name:
            names = ", ".join(sibling.name for sibling in target.siblings)
            raise EditNotApplicable(
                f"{target.file.place(target.call)} makes several layers ({names}); "
                f"{change} would be wrong for some of them"
            )


def set_argument(draft: Draft, target: Target, name: str, value: Any, text: str | None = None) -> None:
    """Set an argument to a value, replacing it where it is written, or adding it.

    Args:
        text: Source of the value when it is not simply its literal.
    """
    file, call = target.file, target.call
    argument = find_argument(file, call, name, target.callee)
    if argument is None:
        if not accepts(target.callee, name):
            raise EditNotApplicable(f"{target.callee} takes no argument {name}")
        require_right_for_all(target, change=f"adding {name}")
        new = text if text is not None else spell(value, quote_of(file))
        draft.record(file, call, f"no {name}", f"{name}={new}")
        add_keyword(draft, file, call, name, new)
        return
    write_value(draft, target, argument, name, value, text=text)


def write_value(
    draft: Draft, target: Target, argument: Argument, name: str, value: Any, *, text: str | None = None
) -> None:
    """Write a new value in place of an argument's present one."""
    site = find_value(draft, target.file, argument.value, target.origin)
    if site.node is None and site.call is not None:
        new = text if text is not None else spell(value, quote_of(site.file))
        draft.record(site.file, site.call, f"{site.keyword} left at its default", f"{site.keyword}={new}")
        add_keyword(draft, site.file, site.call, site.keyword, new)
        return
    node = site.node if site.node is not None else argument.value
    if not site.specific:
        require_right_for_all(target, change=f"another {name}")
    present = literal(node)
    if text is None and same_value(present, value):
        raise AlreadySo(f"{name} is already {spell(value)}")
    new = text if text is not None else spell(value, _quote(site.file, node))
    if site.file.code(node) == new:
        raise AlreadySo(f"{name} is already {new}")
    draft.record(site.file, node, site.file.code(node), new)
    draft.replace(site.file, site.file.start(node), site.file.end(node), new)


def same_value(present: Any, wanted: Any) -> bool:
    """Tell whether a literal has this value; ``1`` and ``True`` are not the same."""
    if present is NOT_LITERAL:
        return False
    if isinstance(present, bool) != isinstance(wanted, bool):
        return False
    if isinstance(present, (list, tuple)) and isinstance(wanted, (list, tuple)):
        return list(present) == list(wanted)
    return bool(present == wanted)


def _quote(file: SourceFile, node: cst.CSTNode) -> str:
    if isinstance(node, cst.SimpleString) and node.quote in ("'", '"'):
        return node.quote
    return quote_of(file)


def drop_argument(draft: Draft, target: Target, name: str) -> None:
    """Remove an argument so that its default holds."""
    file, call = target.file, target.call
    argument = find_argument(file, call, name, target.callee)
    if argument is None:
        raise AlreadySo(f"{name} is already left at its default")
    if not is_last_positional(call, argument):
        raise EditNotApplicable(f"{file.place(call)}: {name} is passed by position with others behind it")
    require_right_for_all(target, change=f"removing {name}")
    draft.record(file, call, file.code(argument.node), f"{name} left at its default")
    remove_argument(draft, file, call, argument)
