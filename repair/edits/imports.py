"""How a file spells the names of Keras and NumPy, and how new ones are spelled in the same style."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from .base import Draft
from .errors import EditNotApplicable
from .signatures import ACTIVATION_LAYERS
from .sources import SourceFile
from .spelling import insert_after, quote_of, spell

_Statement = cst.Import | cst.ImportFrom


@dataclass(frozen=True)
class Binding:
    """One imported name. ``origin`` is the dotted path as the library spells it today (``keras.layers``)."""

    name: str
    origin: str
    statement: _Statement
    written: str


def canonical(dotted: str) -> str:
    """Bring the many homes of Keras to one: ``tensorflow.keras.layers`` and ``keras.src.layers`` are one.

    >>> canonical("tensorflow.keras.layers")
    'keras.layers'
    """
    for prefix in (
        "tensorflow.python.keras",
        "tensorflow.keras",
        "tensorflow.compat.v2.keras",
        "keras.api",
        "keras.src",
    ):
        if dotted == prefix or dotted.startswith(prefix + "."):
            dotted = "keras" + dotted[len(prefix) :]
            break
    parts = dotted.split(".")
    if parts[0] == "keras" and len(parts) > 3 and parts[2].islower():
        parts = [*parts[:2], *parts[3:]]  # keras.layers.core.Dense
    return ".".join(parts)


class Imports:
    """The imports of one file that are visible from one place in it."""

    def __init__(self, file: SourceFile, at: cst.CSTNode) -> None:
        self.file = file
        self.at = at
        functions = {node for node in file.ancestors(at) if isinstance(node, cst.FunctionDef)}
        self.bindings: list[Binding] = []
        self.stars: list[tuple[str, cst.ImportFrom]] = []
        for node in file.nodes:
            if isinstance(node, (cst.Import, cst.ImportFrom)):
                around = {outer for outer in file.ancestors(node) if isinstance(outer, cst.FunctionDef)}
                if around <= functions:
                    self._collect(node)

    def _collect(self, statement: _Statement) -> None:
        module = ""
        if isinstance(statement, cst.ImportFrom):
            if statement.relative or statement.module is None:
                return
            module = cst.Module([]).code_for_node(statement.module) + "."
            if isinstance(statement.names, cst.ImportStar):
                self.stars.append((module[:-1], statement))
                return
        for alias in statement.names:  # type: ignore[union-attr]
            name, bound = alias.evaluated_name, alias.evaluated_alias
            if isinstance(statement, cst.Import) and bound is None:
                bound = name.split(".")[0]
                self.bindings.append(Binding(bound, canonical(bound), statement, bound))
            else:
                self.bindings.append(Binding(bound or name, canonical(module + name), statement, module + name))

    def origin(self, node: cst.CSTNode) -> str | None:
        """The library path that an expression like ``tf.keras.layers.Dense`` stands for, None if unknown."""
        parts: list[str] = []
        while isinstance(node, cst.Attribute):
            parts.insert(0, node.attr.value)
            node = node.value
        if not isinstance(node, cst.Name):
            return None
        for binding in reversed(self.bindings):
            if binding.name == node.value:
                return canonical(".".join([binding.written, *parts]))
        for module, _ in self.stars:
            if canonical(module).split(".")[0] == "keras" and not parts:
                return canonical(f"{module}.{node.value}")
        return None

    def find(self, origin: str) -> str | None:
        """How a module or object can be spelled with what is imported already."""
        parts = origin.split(".")
        for length in range(len(parts), 0, -1):
            prefix = ".".join(parts[:length])
            for binding in reversed(self.bindings):
                if binding.origin == prefix:
                    return ".".join([binding.name, *parts[length:]])
            if prefix == "keras":
                for binding in reversed(self.bindings):
                    if binding.origin == "tensorflow":
                        return ".".join([binding.name, "keras", *parts[1:]])
        return None

    def find_exact(self, origin: str) -> str | None:
        """The name that an object is imported as, on its own or by a star import of its module."""
        for binding in reversed(self.bindings):
            if binding.origin == origin:
                return binding.name
        module, _, name = origin.rpartition(".")
        return name if any(canonical(star) == module for star, _ in self.stars) else None

    def siblings(self, module: str) -> cst.ImportFrom | None:
        """The last ``from module import A, B`` of the file."""
        found = [
            binding.statement
            for binding in self.bindings
            if isinstance(binding.statement, cst.ImportFrom) and binding.origin.rpartition(".")[0] == module
        ]
        return found[-1] if found else None

    @property
    def keras_root(self) -> str:
        """``tensorflow.keras`` or ``keras``, as the file imports it."""
        for binding in self.bindings:
            if binding.written.startswith("tensorflow.keras") or binding.written == "tensorflow":
                return "tensorflow.keras"
        if any(module.startswith("tensorflow.keras") for module, _ in self.stars):
            return "tensorflow.keras"
        return "keras"


def spell_keras(
    draft: Draft, file: SourceFile, at: cst.CSTNode, origin: str, like: cst.BaseExpression | None = None
) -> str:
    """Spell a Keras class or function in the file's own style, adding an import only when there is no way without.

    Args:
        at: Where the name will stand.
        origin: Its path, ``keras.layers.BatchNormalization``.
        like: A neighbour of the same module whose spelling is followed, ``layers.Dense``.
    """
    imports = Imports(file, at)
    module, _, name = origin.rpartition(".")
    exact = imports.find_exact(origin)
    if exact is not None:
        return exact
    if isinstance(like, cst.Attribute):
        prefix = file.code(like.value)
        if imports.origin(like.value) == module:
            return f"{prefix}.{name}"
    siblings = imports.siblings(module)
    if siblings is not None and not _taken(file, name) and (isinstance(like, cst.Name) or imports.find(module) is None):
        _extend(draft, file, siblings, name)
        return name
    found = imports.find(origin)
    if found is not None:
        return found
    root = imports.keras_root + module.removeprefix("keras")
    if _taken(file, name):
        parent, _, last = root.rpartition(".")
        add_import(draft, file, at, f"from {parent} import {last} as keras_{last}")
        return f"keras_{last}.{name}"
    add_import(draft, file, at, f"from {root} import {name}")
    return name


def spell_numpy(draft: Draft, file: SourceFile, at: cst.CSTNode) -> str:
    """The name of NumPy in this file; imported if it is not yet."""
    found = Imports(file, at).find("numpy")
    if found is not None:
        return found
    alias = "np" if not _taken(file, "np") else "numpy"
    add_import(draft, file, at, "import numpy as np" if alias == "np" else "import numpy")
    return alias


def spell_object(draft: Draft, file: SourceFile, at: cst.CSTNode, origin: str) -> str:
    """The name of an object of another library in this file; imported by its own name if it is not yet."""
    found = Imports(file, at).find(origin)
    if found is not None:
        return found
    module, _, name = origin.rpartition(".")
    if _taken(file, name):
        raise EditNotApplicable(f"{file.path}: the name {name} already stands for something else")
    add_import(draft, file, at, f"from {module} import {name}")
    return name


def _taken(file: SourceFile, name: str) -> bool:
    return any(
        node.value == name and not isinstance(file.parent(node), (cst.Attribute, cst.Arg)) for node in file.names
    )


def _extend(draft: Draft, file: SourceFile, statement: cst.ImportFrom, name: str) -> None:
    assert not isinstance(statement.names, cst.ImportStar)
    last = statement.names[-1]
    inner = last.asname.name if last.asname is not None else last.name
    end = file.end(inner)
    start = file.start(last)
    own_line = not file.text[file.line_start(start) : start].strip()
    separator = f",{file.newline}{file.indentation(start)}" if own_line and statement.lpar is not None else ", "
    draft.insert(file, end, f"{separator}{name}")


def add_import(draft: Draft, file: SourceFile, at: cst.CSTNode, line: str) -> None:
    """Add an import behind its relatives: the last one of its package, else the last, else the file's head."""
    package = line.split()[1].split(".", maxsplit=1)[0]
    relatives: list[cst.CSTNode] = []
    others: list[cst.CSTNode] = []
    for binding in Imports(file, at).bindings:
        own = binding.written.split(".")[0]
        related = own == package or {own, package} <= {"keras", "tensorflow"}
        (relatives if related else others).append(binding.statement)
    for module, statement in Imports(file, at).stars:
        (relatives if module.split(".")[0] == package else others).append(statement)
    top_level = [node for node in others if not any(isinstance(a, cst.IndentedBlock) for a in file.ancestors(node))]
    top_level = [node for node in top_level if file.start(node) < file.start(at)]
    relatives = [node for node in relatives if file.start(node) < file.start(at)]
    if relatives or top_level:
        anchor = (relatives or top_level)[-1] if relatives else max(top_level, key=file.start)
        anchor = max(relatives, key=file.start) if relatives else anchor
        insert_after(draft, file, anchor, [line])
        return
    head = _head(file)
    if head is not None:
        insert_after(draft, file, head, [line])
        return
    body = file.module.body
    offset = file.line_start(file.start(body[0])) if body else len(file.text)
    draft.insert(file, offset, f"{line}{file.newline}")


def _head(file: SourceFile) -> cst.CSTNode | None:
    """The module docstring or the last ``__future__`` import, whichever comes later."""
    found: cst.CSTNode | None = None
    for position, statement in enumerate(file.module.body):
        if not isinstance(statement, cst.SimpleStatementLine):
            break
        first = statement.body[0]
        docstring = position == 0 and isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString)
        module = first.module if isinstance(first, cst.ImportFrom) else None
        if docstring or (isinstance(module, cst.Name) and module.value == "__future__"):
            found = statement.body[-1]
        else:
            break
    return found


def spell_call(file: SourceFile, callee: str, arguments: dict[str, object]) -> str:
    """Spell a call with keyword arguments in the file's quotes.

    The one argument of ``Activation`` and ``Dropout`` is written without its name, as everybody does.
    """
    quote = quote_of(file)
    bare = callee.rpartition(".")[2]
    values = []
    for position, (name, value) in enumerate(arguments.items()):
        text = spell(value, quote)
        plain = position == 0 and (bare in {"Dropout", "Dense", "Rescaling"} or bare in ACTIVATION_LAYERS - {"ReLU"})
        values.append(text if plain and name in _FIRST.get(bare, ()) else f"{name}={text}")
    return f"{callee}({', '.join(values)})"


_FIRST = {"Activation": ("activation",), "Dropout": ("rate",), "Dense": ("units",), "Rescaling": ("scale",)}
