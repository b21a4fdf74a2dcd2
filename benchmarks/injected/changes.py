"""Small changes of a program's text that the operators are made of."""

from __future__ import annotations

import libcst as cst

from .anatomy import LayerCall, Program
from .planting import Replacement
from .script import Interval, Script, argument


def instead(script: Script, node: cst.CSTNode, text: str) -> Replacement:
    """``text`` in place of an expression."""
    return Replacement(script.interval(node), text)


def with_argument(script: Script, call: cst.Call, name: str, text: str, position: int | None = None) -> Replacement:
    """A call with an argument set to ``text``, whether it was given before or not."""
    given = argument(call, name, position)
    if given is not None:
        return instead(script, given.value, text)
    if call.args:
        end = script.interval(call.args[-1].value).end + len(call.args[-1].value.rpar if _has_parens(call) else ())
        return Replacement(Interval(end, end), f", {name}={text}")
    end = script.interval(call).end - 1
    return Replacement(Interval(end, end), f"{name}={text}")


def _has_parens(call: cst.Call) -> bool:
    return bool(getattr(call.args[-1].value, "rpar", ()))


def wrapped(script: Script, node: cst.BaseExpression, before: str, after: str) -> tuple[Replacement, Replacement]:
    """``before`` and ``after`` around an expression that stays as it is."""
    where = script.interval(node)
    return (
        Replacement(Interval(where.start, where.start), before),
        Replacement(Interval(where.end, where.end), after),
    )


def defined(script: Script, text: str) -> Replacement:
    """A definition (or an import) behind the imports at the top."""
    where = script.behind_imports
    return Replacement(
        Interval(where, where), "\n" + text.strip("\n") if text.startswith("import") else f"\n\n\n{text}"
    )


def keras_import(program: Program) -> tuple[Replacement, ...]:
    """The import that a program lacks to say ``keras``."""
    _, lacking = program.keras_name()
    return (defined(program.script, lacking.strip()),) if lacking else ()


def layer_behind(program: Program, layer: LayerCall, text: str) -> Replacement | None:
    """Another layer behind a layer; None where the form of the program has no room for it.

    Args:
        text: The call that makes it.
    """
    script = program.script
    outer = layer.places[-1] if layer.form == "functional" else max(layer.places, key=lambda one: one.end)
    if layer.form == "list":
        return Replacement(Interval(outer.end, outer.end), f", {text}", Interval(2, 2 + len(text)))
    statement = script.statement(layer.call)
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return None
    body, end = statement.body[0], script.interval(statement).end
    lead = "\n" + script.indent(statement)
    if layer.form == "add" and isinstance(body, cst.Expr) and isinstance(body.value, cst.Call):
        assert isinstance(body.value.func, cst.Attribute)
        start = f"{lead}{script.code(body.value.func.value)}.add("
        return Replacement(Interval(end, end), f"{start}{text})", Interval(len(start), len(start) + len(text)))
    if layer.form == "functional" and isinstance(body, cst.Assign) and isinstance(body.targets[0].target, cst.Name):
        if script.parent(layer.call) is not body.value:
            return None  # the result goes on into something else within the statement
        name = body.targets[0].target.value
        start = f"{lead}{name} = "
        return Replacement(Interval(end, end), f"{start}{text}({name})", Interval(len(start), len(start) + len(text)))
    return None


def without_layer(program: Program, layer: LayerCall) -> Replacement | None:
    """A program without a layer; None where the form does not allow it."""
    script = program.script
    outer = Interval(min(one.start for one in layer.places), max(one.end for one in layer.places))
    if layer.form == "list":
        rest = script.text[outer.end :]
        comma = len(rest) - len(rest.lstrip())
        return Replacement(Interval(outer.start, outer.end + comma + 1), "") if rest.lstrip().startswith(",") else None
    statement = script.statement(layer.call)
    if layer.form == "add" and isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        where = script.interval(statement)
        return Replacement(where, "pass")
    applied = script.parent(layer.call)
    if layer.form == "functional" and isinstance(applied, cst.Call) and len(applied.args) == 1:
        return instead(script, applied, script.code(applied.args[0].value))
    return None


def prefix(script: Script, call: cst.Call) -> str:
    """What stands in front of the last name of what is called: ``layers.``, or nothing."""
    return f"{script.code(call.func.value)}." if isinstance(call.func, cst.Attribute) else ""
