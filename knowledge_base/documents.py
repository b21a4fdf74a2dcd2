"""YAML documents whose every error can name the file and the line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)

#: The C parser is some eight times faster; PyYAML is sometimes built without it.
_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a knowledge file."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class KnowledgeError(ValueError):
    """Rules or cases that cannot be used; the message has one ``file:line: what to do`` per mistake."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class _Loader(_BaseLoader):  # type: ignore[misc]
    """Safe YAML, with ``1e-3`` a number (YAML 1.1 reads it as text) and repeated keys refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
                seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


@dataclass(frozen=True)
class Document:
    """A parsed YAML file that still knows where everything stands."""

    path: Path
    text: str
    content: Any

    def line(self, location: Sequence[str | int]) -> int:
        """Line, counted from 1, of the entry at ``location``, or of the nearest one around it that exists."""
        node = yaml.compose(self.text, Loader=_Loader)
        line = 1 if node is None else node.start_mark.line + 1
        for part in location:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if found is None:
                    continue  # pydantic also names the alternatives of a union in its locations
                key, node = found
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
        return line

    def problem(self, location: Sequence[str | int], message: str) -> Problem:
        return Problem(str(self.path), self.line(location), message)

    def parse(self, model: type[Model]) -> Model:
        """The content as ``model``.

        Raises:
            KnowledgeError: It does not fit; every misfit with its line.
        """
        if not isinstance(self.content, dict):
            received = "nothing" if self.content is None else f"a {type(self.content).__name__}"
            raise KnowledgeError([self.problem((), f"expected a mapping of names to values, received {received}")])
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            raise KnowledgeError([self.problem(e["loc"], _describe(e)) for e in error.errors()]) from error


def read_document(path: Path) -> Document:
    """Read one YAML file.

    Raises:
        KnowledgeError: It cannot be read or is not valid YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KnowledgeError([Problem(str(path), 1, f"is not UTF-8 text (byte {error.start})")]) from error
    except OSError as error:
        raise KnowledgeError([Problem(str(path), 1, f"cannot be read: {error.strerror or error}")]) from error
    try:
        content = yaml.load(text, Loader=_Loader)  # _Loader derives from yaml's safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = " ".join(part for part in (error.context, error.problem) if part)
        raise KnowledgeError([Problem(str(path), line, f"is not valid YAML: {reason}")]) from error
    except yaml.YAMLError as error:
        raise KnowledgeError([Problem(str(path), 1, f"is not valid YAML: {error}")]) from error
    return Document(path, text, content)


def _describe(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] == "extra_forbidden":
        return f"{where} is not a known field"
    received = "" if isinstance(error["input"], dict | list | tuple) else f" (received {error['input']!r})"
    return f"{where}: {message}{received}" if where else message
